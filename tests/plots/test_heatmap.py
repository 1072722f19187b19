"""Heatmaps as they are drawn."""

import numpy as np
import pytest

from figures import LOOK, image_of
from records import gates_of
from se_probe.errors import UsageError
from se_probe.gates import make_gates
from se_probe.plots import figure_heatmaps, plot_gate_heatmap
from se_probe.views import sorted_rows


def test_heatmap_is_one_image_of_the_gates_sorted_by_class(digits):
    ax = plot_gate_heatmap(sorted_rows(digits), "SE_2_1", cmap="hot")

    order = np.argsort(digits["class_index"].to_numpy(), kind="stable")
    np.testing.assert_array_equal(image_of(ax), digits.to_numpy()[order])
    assert ax.images[0].get_cmap().name == "hot"
    assert ax.get_title() == "SE_2_1"
    assert [t.get_text() for t in ax.get_yticklabels()] == [str(k) for k in range(10)]
    np.testing.assert_allclose(ax.get_yticks(), np.arange(4.5, 100, 10))


def test_heatmap_draws_the_boundaries_between_classes(digits):
    ax = plot_gate_heatmap(sorted_rows(digits))

    (lines,) = ax.collections
    heights = [segment[0][1] for segment in lines.get_segments()]
    np.testing.assert_allclose(heights, np.arange(9.5, 95, 10))


def test_title_says_how_many_images_are_averaged_to_a_row():
    gates, class_of = gates_of([3010, 994], {"SE_2_1": 5})
    record = make_gates(gates, [str(k) for k in class_of])

    ax = plot_gate_heatmap(sorted_rows(record, max_rows=200))

    per_row = next(k for k in range(1, 4000) if -(-3010 // k) + -(-994 // k) <= 200)
    assert ax.get_title() == f"SE_2_1\neach row: mean of up to {per_row} images"
    assert len(image_of(ax)) == -(-3010 // per_row) + -(-994 // per_row)
    first = record.to_numpy()[class_of == 0][:per_row].astype(np.float64)
    np.testing.assert_allclose(image_of(ax)[0], first.mean(axis=0))


def test_heatmap_names_the_classes_that_have_room(record):
    gates, class_of = gates_of([1] * 200, {"SE_2_1": 3})
    many = make_gates(gates, [f"class {k:03}" for k in class_of])

    ax = plot_gate_heatmap(sorted_rows(many))

    n_named = len(ax.get_yticks())
    assert 10 < n_named < 30
    assert f"({n_named} of 200 classes named)" in ax.get_ylabel()
    assert not ax.collections  # lines between 200 classes would hide them


def test_heatmaps_share_one_colour_bar_and_its_limits(record):
    fig = figure_heatmaps(sorted_rows(record))

    images = [image for ax in fig.axes for image in ax.images]
    assert {image.get_clim() for image in images} == {(0.0, 1.0)}
    assert len(fig.axes) == 6 + 1
    assert fig.axes[-1].get_ylabel() == "gate"


def test_unknown_colour_map_is_refused(record):
    with pytest.raises(UsageError, match="no colour map 'hott'"):
        plot_gate_heatmap(sorted_rows(record), "SE_5_1", cmap="hott")


def test_colour_maps_of_seaborn_are_known():
    gates = make_gates({"SE_2_1": np.eye(4)}, ["a", "b", "c", "d"])

    ax = plot_gate_heatmap(sorted_rows(gates), cmap="rocket")

    assert ax.images[0].get_cmap().name == "rocket"


@pytest.mark.mpl_image_compare(**LOOK)
def test_heatmap_looks_as_before(digits):
    return figure_heatmaps(sorted_rows(digits), cmap="hot")
