"""Heatmaps as they are drawn."""

import numpy as np
import pytest
from matplotlib.transforms import Affine2D
from PIL import Image

from figures import LOOK, image_of
from records import gates_of
from se_probe.errors import UsageError
from se_probe.gates import block_names, make_gates
from se_probe.plots import figure_heatmaps, plot_gate_heatmap, save
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


def test_each_panel_has_its_own_percentiles_and_bar(record):
    view = sorted_rows(record)

    fig = figure_heatmaps(view)

    for ax, block in zip(fig.axes, block_names(view), strict=False):
        (image,) = ax.images
        gates = view.values[:, view["block"].values == block]
        expected = np.percentile(gates, [1, 99])
        np.testing.assert_allclose(image.get_clim(), expected)
        (bar,) = ax.child_axes
        np.testing.assert_allclose(bar.get_ylim(), expected)
    assert "each panel from its own 1st to 99th percentile" in fig.get_suptitle()


def test_limits_give_all_panels_one_scale_and_one_bar(record):
    fig = figure_heatmaps(sorted_rows(record), limits=(0.0, 1.0))

    images = [image for ax in fig.axes for image in ax.images]
    assert {image.get_clim() for image in images} == {(0.0, 1.0)}
    assert not any(ax.child_axes for ax in fig.axes)
    assert len(fig.axes) == 6 + 1
    assert fig.axes[-1].get_ylabel() == "gate"


def colours_of_bar(image):
    return {tuple(rgba) for rgba in image.get_cmap()(np.arange(256), bytes=True)[:, :3]}


@pytest.mark.parametrize(("n_images", "width"), [(37, 9), (900, 1500), (3000, 90)])
def test_every_drawn_colour_is_on_the_bar(n_images, width, tmp_path):
    rng = np.random.default_rng(0)
    gates = rng.random((n_images, width))
    names = [f"c{k}" for k in rng.integers(0, 3, n_images)]
    rows = sorted_rows(make_gates({"SE_2_1": gates}, names), max_rows=2000)

    ax = plot_gate_heatmap(rows, cmap="hot")
    for line in ax.collections:
        line.remove()
    ax.grid(visible=False)
    path = save(ax.get_figure(), tmp_path / "heatmap.png")

    page = np.asarray(Image.open(path).convert("RGB"))
    box = ax.get_window_extent().transformed(
        Affine2D().scale(200 / ax.get_figure().dpi)
    )
    inside = page[
        page.shape[0] - int(box.y1) + 3 : page.shape[0] - int(box.y0) - 3,
        int(box.x0) + 3 : int(box.x1) - 3,
    ]
    drawn = {tuple(rgb) for rgb in inside.reshape(-1, 3)}
    assert len(drawn) > 20
    assert drawn <= colours_of_bar(ax.images[0])


def test_channels_that_outnumber_the_pixels_are_averaged_and_the_axis_says_so():
    gates = np.random.default_rng(0).random((20, 3000))
    rows = sorted_rows(make_gates({"SE_2_1": gates}, ["a"] * 20))

    ax = plot_gate_heatmap(rows)

    drawn = image_of(ax)
    assert 1000 < 3000 / drawn.shape[1] * 500 < 3000
    assert f"(means of {-(-3000 // drawn.shape[1])})" in ax.get_xlabel()
    np.testing.assert_allclose(drawn.mean(), gates.mean(), rtol=2e-3)
    assert ax.images[0].get_extent()[:2] == [-0.5, 2999.5]


def test_more_classes_than_pixels_are_said_to_be_averaged():
    gates = np.random.default_rng(0).random((1000, 3))
    rows = sorted_rows(make_gates({"SE_2_1": gates}, [f"c{k:03}" for k in range(1000)]))

    ax = plot_gate_heatmap(rows)

    n_rows = len(image_of(ax))
    assert n_rows < 600
    assert f"mean of up to {-(-1000 // n_rows)} classes" in ax.get_title()


def test_channels_by_class_are_said_to_be_sorted_on_these_images(digits):
    fig = figure_heatmaps(sorted_rows(digits, channel_order="class"))

    assert fig.axes[0].get_xlabel() == "channel, by class"
    assert "by the class that opens them most (sorted on these" in " ".join(
        fig.get_suptitle().split()
    )
    assert not len(fig.axes[0].get_xticks())


def test_channels_by_class_are_drawn_in_that_order(record):
    rows = sorted_rows(record, blocks=["SE_2_1", "SE_5_1"], channel_order="class")

    fig = figure_heatmaps(rows)

    np.testing.assert_array_equal(image_of(fig.axes[0]), rows.values[:, :32])
    np.testing.assert_array_equal(image_of(fig.axes[1]), rows.values[:, 32:])
    assert (np.diff(rows["channel_in_block"].values[:32]) < 0).any()


def test_gates_that_are_all_alike_are_drawn():
    rows = sorted_rows(make_gates({"SE_2_1": np.full((4, 3), 0.5)}, list("aabb")))

    fig = figure_heatmaps(rows)

    assert np.diff(fig.axes[0].images[0].get_clim()) > 0


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


@pytest.mark.mpl_image_compare(**LOOK)
def test_heatmaps_by_class_look_as_before(record):
    return figure_heatmaps(sorted_rows(record, channel_order="class"))


@pytest.mark.mpl_image_compare(**LOOK)
def test_heatmaps_on_one_scale_look_as_before(record):
    view = sorted_rows(record, blocks=["SE_2_1", "SE_5_1"])
    return figure_heatmaps(view, limits=(0.0, 1.0), width="column", title="Two blocks")
