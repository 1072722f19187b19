"""Loss and accuracy of a training run, as a view."""

import pytest

from se_probe.errors import UsageError
from se_probe.views import learning_curve


def run_of(n_epochs):
    return [
        {
            "epoch": epoch,
            "train_loss": 2.0 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "test_loss": 2.5 / epoch,
            "test_accuracy": 1 - 0.75 / epoch,
            "lr": 0.1,
            "seconds": 1.5,
        }
        for epoch in range(1, n_epochs + 1)
    ]


def test_table_has_a_row_for_each_epoch_in_the_history_s_words():
    table = learning_curve(run_of(3)).to_dataframe().reset_index()

    assert table.to_dict("records") == run_of(3)


def test_no_epochs_are_refused():
    with pytest.raises(UsageError, match="there are no epochs"):
        learning_curve([])


def test_an_epoch_without_its_accuracy_is_refused():
    history = run_of(2)
    del history[1]["test_accuracy"]

    with pytest.raises(UsageError, match="but test_accuracy is missing"):
        learning_curve(history)
