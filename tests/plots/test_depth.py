"""The numbers of every block as they are drawn."""

import numpy as np
import pytest

from figures import LOOK
from records import RESNET50, block_facts_of, gates_of
from se_probe.errors import UsageError
from se_probe.gates import make_gates
from se_probe.plots import figure_depth, plot_depth_summary
from se_probe.views import depth_profile


def test_depth_curves_are_the_summary_in_network_order(record, moments):
    summary = depth_profile(record, moments)

    fig = figure_depth(summary)

    labels = {
        "accuracy": "accuracy",
        "chance": "chance",
        "between": "between",
        "input_dependence": "input dependence",
        "open": "saturated at 1",
        "closed": "saturated at 0",
    }
    lines = [line for ax in fig.axes for line in ax.lines]
    for variable, label in labels.items():
        (line,) = [one for one in lines if one.get_label().startswith(label)]
        np.testing.assert_array_equal(line.get_ydata(), summary[variable])
    named = [text.get_text() for text in fig.axes[-1].get_xticklabels()]
    assert named == [fact["name"] for fact in block_facts_of(RESNET50)]


def test_accuracy_is_drawn_with_its_interval(record, moments):
    summary = depth_profile(record, moments)

    ax = plot_depth_summary(summary, ["accuracy"])

    (intervals,) = ax.collections
    ends = np.array([segment[:, 1] for segment in intervals.get_segments()])
    np.testing.assert_array_equal(ends.T, [summary["low"], summary["high"]])


def test_depth_says_when_there_are_too_few_images():
    gates, class_of = gates_of([2, 2], {"SE_2_1": 4, "SE_3_1": 4})
    record = make_gates(gates, [str(k) for k in class_of])

    fig = figure_depth(depth_profile(record))

    assert [text.get_text() for text in fig.axes[0].texts] == ["too few images"]
    assert not fig.axes[3].texts


def test_unknown_quantity_is_refused(record):
    with pytest.raises(UsageError, match=r"quantities of accuracy.*got depth"):
        plot_depth_summary(depth_profile(record), ["depth"])


@pytest.mark.mpl_image_compare(**LOOK)
def test_depth_looks_as_before(record, moments):
    return figure_depth(depth_profile(record, moments))
