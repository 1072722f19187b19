"""Loss and accuracy of a training run, as a view."""

import pytest

from se_probe.errors import UsageError
from se_probe.views import gate_health, learning_curve


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


def test_gate_health_has_a_row_for_each_epoch_and_block():
    history = run_of(2)
    for result in history:
        result["gates"] = {
            name: {"mean": 0.5 / result["epoch"], "saturated_open": None}
            for name in ("SE_3_1", "SE_2_10")
        }

    view = gate_health(history)

    assert view["block"].values.tolist() == ["SE_3_1", "SE_2_10"]
    assert view["mean"].values.tolist() == [[0.5, 0.5], [0.25, 0.25]]
    assert view["saturated_open"].isnull().all()
    assert len(view.to_dataframe()) == 4


def test_history_without_gates_has_no_health():
    assert gate_health(run_of(2)) is None


def test_a_run_that_was_resumed_from_an_earlier_version_shows_what_is_known():
    history = run_of(2)
    history[1]["gates"] = {"SE_2_1": {"mean": 0.5}}

    assert gate_health(history)["epoch"].values.tolist() == [2]
