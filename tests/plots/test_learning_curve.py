"""Learning curves as they are drawn."""

import numpy as np
import pytest

from figures import LOOK
from se_probe.plots import figure_learning_curve
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


def test_curves_are_the_losses_and_the_accuracies_in_percent():
    fig = figure_learning_curve(learning_curve(run_of(4)))

    loss, accuracy = fig.axes
    epochs = np.arange(1, 5)
    for line, top in zip(loss.get_lines(), (2.0, 2.5), strict=True):
        np.testing.assert_allclose(line.get_xydata(), np.c_[epochs, top / epochs])
    for line, gap in zip(accuracy.get_lines(), (50, 75), strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 - gap / epochs)
    assert accuracy.get_title() == "held out: 81.2 % after epoch 4"


def test_training_and_held_out_curves_keep_their_looks_in_both_panels():
    loss, accuracy = figure_learning_curve(learning_curve(run_of(3))).axes

    looks = [
        [(line.get_label(), line.get_color(), line.get_linestyle()) for line in lines]
        for lines in (loss.get_lines(), accuracy.get_lines())
    ]
    assert looks[0] == looks[1]
    assert [label for label, *_ in looks[0]] == ["training images", "held-out images"]


def test_a_single_epoch_is_drawn_as_a_point_on_whole_epochs():
    loss, _ = figure_learning_curve(learning_curve(run_of(1))).axes

    assert loss.get_xlim() == (0.5, 1.5)
    assert loss.get_lines()[0].get_marker() == "o"
    assert all(float(tick).is_integer() for tick in loss.get_xticks())


def test_many_epochs_are_drawn_without_markers():
    loss, _ = figure_learning_curve(learning_curve(run_of(200))).axes

    assert loss.get_lines()[0].get_marker() in {"", "None"}


def health_of(n_epochs, n_blocks=5, known=True):
    history = run_of(n_epochs)
    for result in history:
        result["gates"] = {
            f"SE_2_{k}": {
                "input_dependence": k / 40 / result["epoch"],
                "saturated_closed": 0.01 * k if known else None,
                "saturated_open": 0.02 * result["epoch"] if known else None,
            }
            for k in range(1, n_blocks + 1)
        }
    return gate_health(history)


def test_health_of_the_gates_is_drawn_below():
    gates = health_of(4)

    *_, dependence, ends = figure_learning_curve(learning_curve(run_of(4)), gates).axes

    for k, block in enumerate(gates["block"].values):
        one = gates.sel(block=block)
        drawn = [ax.lines[k].get_ydata() for ax in (dependence, ends)]
        np.testing.assert_array_equal(drawn[0], one["input_dependence"])
        shares = one["saturated_closed"] + one["saturated_open"]
        np.testing.assert_array_equal(drawn[1], shares)
    names = [text.get_text() for text in ends.get_legend().get_texts()]
    assert names == gates["block"].values.tolist()


def test_many_blocks_are_told_by_a_bar_from_the_first_to_the_last():
    figure = figure_learning_curve(learning_curve(run_of(4)), health_of(4, 50))

    *_, ends, bar = figure.axes

    assert ends.get_legend() is None
    assert [text.get_text() for text in bar.get_yticklabels()] == ["SE_2_1", "SE_2_50"]
    assert bar.get_ylabel() == "50 SE blocks"


def test_unknown_saturation_is_said_to_be_so():
    gates = health_of(3, known=False)

    *_, ends = figure_learning_curve(learning_curve(run_of(3)), gates).axes

    assert "not known" in ends.texts[0].get_text()


@pytest.mark.mpl_image_compare(**LOOK)
def test_learning_curve_with_gates_looks_as_before():
    return figure_learning_curve(learning_curve(run_of(6)), health_of(6, n_blocks=16))


@pytest.mark.mpl_image_compare(**LOOK)
def test_learning_curve_looks_as_before():
    return figure_learning_curve(learning_curve(run_of(6)))
