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
        "separability": "separability",
        "chance": "chance",
        "class_share": "class share",
        "input_dependence": "input dependence",
        "saturated_open": "saturated open",
        "saturated_closed": "saturated closed",
    }
    lines = [line for ax in fig.axes for line in ax.lines]
    for variable, label in labels.items():
        (line,) = [one for one in lines if one.get_label().startswith(label)]
        np.testing.assert_array_equal(line.get_ydata(), summary[variable])
    named = [text.get_text() for text in fig.axes[-1].get_xticklabels()]
    assert named == [fact["name"] for fact in block_facts_of(RESNET50)]


def test_separability_is_drawn_with_its_interval(record, moments):
    summary = depth_profile(record, moments)

    ax = plot_depth_summary(summary, ["separability"])

    (intervals,) = ax.collections
    ends = np.array([segment[:, 1] for segment in intervals.get_segments()])
    expected = [summary[f"separability_{end}"] for end in ("low", "high")]
    np.testing.assert_array_equal(ends.T, expected)


def test_depth_says_when_there_are_too_few_images():
    gates, class_of = gates_of([2, 2], {"SE_2_1": 4, "SE_3_1": 4})
    record = make_gates(gates, [str(k) for k in class_of])

    fig = figure_depth(depth_profile(record))

    assert [text.get_text() for text in fig.axes[0].texts] == ["too few images"]
    assert not fig.axes[3].texts


def test_unknown_quantity_is_refused(record):
    with pytest.raises(UsageError, match=r"quantities of separability.*got depth"):
        plot_depth_summary(depth_profile(record), ["depth"])


def test_legend_says_how_many_images_and_classes_a_quantity_rests_on(record):
    fig = figure_depth(depth_profile(record))

    texts = [ax.get_legend().get_texts()[0].get_text() for ax in fig.axes]
    assert texts[0].endswith("(15 images, 3 classes)")  # five of each large class
    assert texts[1].endswith("(22 images, 4 classes)")
    assert texts[2].endswith("(23 images)")


def test_panels_of_different_scales_say_so(record):
    fig = figure_depth(depth_profile(record))

    scales = {ax.get_ylim() for ax in fig.axes}
    texts = [text.get_text() for text in fig.texts]
    assert ("The panels have different scales." in texts) == (len(scales) > 1)
    assert len(scales) > 1


def test_one_block_is_written_as_a_table(digits):
    view = depth_profile(digits)

    fig = figure_depth(view)

    (ax,) = fig.axes
    assert not ax.get_legend()
    written = [text.get_text() for text in ax.texts]
    one = view.isel(block=0)
    assert written[0] == "SE_2_1"
    assert f"{one['class_share'].item():.3g}" in written
    assert any(f"{one['separability'].item():.3g} (" in text for text in written)


def test_unknown_saturation_is_said_to_be_so():
    gates = {f"SE_2_{k}": 1 + np.random.default_rng(k).random((12, 3)) for k in (1, 2)}

    fig = figure_depth(depth_profile(make_gates(gates, ["a", "b"] * 6)))

    assert [text.get_text() for text in fig.axes[3].texts] == [
        "not known: gates do not end at 0 and 1"
    ]


@pytest.mark.mpl_image_compare(**LOOK)
def test_table_of_one_block_looks_as_before(digits):
    return figure_depth(depth_profile(digits))


@pytest.mark.mpl_image_compare(**LOOK)
def test_depth_looks_as_before(record, moments):
    return figure_depth(depth_profile(record, moments))
