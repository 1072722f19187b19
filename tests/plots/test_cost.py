"""Figures of what blocks cost: the numbers on them, and what they say."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text

from figures import LOOK
from se_probe.plots import figure_block_costs, figure_freezing_curve
from se_probe.views import block_costs, freezing_costs

NAMES = ["SE_2_1", "SE_3_1", "SE_3_2", "SE_4_1"]
ATTRS = {"architecture": "se_net", "n_images": 200, "n_known": 180, "top1": 0.85}


def with_changes(dims, kl, change):
    ends = {"top1_change": 0.0, "top1_change_low": -0.02, "top1_change_high": 0.02}
    variables = {name: (dims, np.array(change) + end) for name, end in ends.items()}
    return variables | {"kl": (dims, np.array(kl))}


@pytest.fixture
def measured():
    """Four blocks that are not in the order of what they save."""
    kl = [[0.02, 0.0, 0.03, 0.1], [0.5, 0.01, 2.0, 1.0]]
    change = [[0.0, 0.0, -0.01, -0.02], [-0.1, 0.0, -0.3, -0.2]]
    dims = ("treatment", "block")
    variables = with_changes(dims, kl, change)
    variables["parameters"] = ("block", np.array([500, 12_000, 12_000, 40]))
    coords = {"treatment": ["frozen", "identity"], "block": NAMES}
    return block_costs(xr.Dataset(variables, coords=coords, attrs=ATTRS))


@pytest.fixture
def curve():
    kl = [[0.01, 0.1, 0.2, 0.4], [0.1, 1.0, 3.0, 5.0], [0.1, 0.2, 0.3, 0.4]]
    change = [[0.0, -0.01, -0.02, -0.1], [-0.1, -0.4, -0.8, -0.8], [-0.1] * 4]
    dims = ("line", "n_blocks")
    variables = with_changes(dims, kl, change)
    order = [NAMES[i] for i in (1, 0, 2, 3)]
    variables["added"] = (dims, np.array([order, order, NAMES[::-1]], dtype=object))
    variables["parameters"] = (dims, np.cumsum(np.full((3, 4), 100), axis=1))
    coords = {"line": ["frozen", "identity", "random"], "n_blocks": range(1, 5)}
    return freezing_costs(xr.Dataset(variables, coords=coords, attrs=ATTRS))


def lines_of(ax):
    """Data of each labelled line."""
    return {
        line.get_label(): line.get_xydata()
        for line in ax.get_lines()
        if not line.get_label().startswith("_")
    }


def texts_of(fig):
    return [text.get_text() for text in fig.findobj(Text) if text.get_text()]


def test_blocks_stand_in_the_order_of_what_they_save(measured):
    fig = figure_block_costs(measured)

    upper, lower = fig.axes
    ticks = [label.get_text() for label in lower.get_xticklabels()]
    assert ticks == ["SE_4_1", "SE_2_1", "SE_3_1", "SE_3_2"]
    lines = lines_of(upper)
    np.testing.assert_allclose(
        lines["frozen (gates held constant)"][:, 1], [0.1, 0.02, 0.0, 0.03]
    )
    np.testing.assert_allclose(
        lines["identity (block replaced)"][:, 1], [1.0, 0.5, 0.01, 2.0]
    )


def test_accuracy_is_in_points_with_its_interval(measured):
    lower = figure_block_costs(measured).axes[1]

    changes = lines_of(lower)["identity (block replaced)"]
    np.testing.assert_allclose(changes[:, 1], [-20, -10, 0, -30])
    bars = lower.collections[-1].get_segments()
    np.testing.assert_allclose(bars[0], [[0.15, -22], [0.15, -18]])


def test_blocks_that_save_the_same_share_one_number(measured):
    texts = texts_of(figure_block_costs(measured))

    assert [text for text in texts if text in {"40", "500", "12,000"}] == [
        "40",
        "500",
        "12,000",
    ]


def test_curve_has_three_lines_and_names_the_blocks_in_order(curve):
    upper, lower = figure_freezing_curve(curve).axes

    lines = lines_of(upper)
    assert len(lines) == 3
    np.testing.assert_allclose(
        lines["identity, in the order above"],
        [[1, 0.1], [2, 1.0], [3, 3.0], [4, 5.0]],
    )
    ticks = [label.get_text() for label in lower.get_xticklabels()]
    assert ticks == ["1", "2", "3", "4"]
    (above,) = upper.child_axes
    named = [label.get_text() for label in above.get_xticklabels()]
    assert named == ["SE_3_1", "SE_2_1", "SE_3_2", "SE_4_1"]
    assert "frozen, other blocks in random order" in lines
    band = lower.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((-12, 2))


def test_unaltered_accuracy_is_told(measured, curve):
    for fig in (figure_block_costs(measured), figure_freezing_curve(curve)):
        title = "se_net, 200 images; top-1 of the unaltered network 85.0 % of 180"
        assert title in texts_of(fig)


@pytest.mark.parametrize("kl", [0.004, np.nan])
def test_figures_without_accuracy_or_divergence_say_so(measured, kl):
    unknown = xr.full_like(measured["kl"], np.nan)
    changes = ("top1_change", "top1_change_low", "top1_change_high")
    without = measured.assign(
        dict.fromkeys(changes, unknown) | {"kl": xr.full_like(measured["kl"], kl)}
    ).assign_attrs(top1=None, n_known=0)

    texts = texts_of(figure_block_costs(without))

    assert "no image of a class that the network knows" in texts
    assert "se_net, 200 images" in texts


def test_small_and_large_divergences_are_both_readable(measured):
    upper = figure_block_costs(measured).axes[0]

    assert upper.get_yscale() == "symlog"
    assert "logarithmic\nabove 0.001" in upper.get_ylabel()
    low, high = upper.get_ylim()
    assert low < 0 < 2.0 < high
    labels = {label.get_text() for label in upper.get_yticklabels()}
    assert {"0", "0.001", "0.01", "1"} <= labels


def test_no_text_lies_outside_the_page(measured, curve):
    names = [f"SE_4_{number}" for number in range(1, 25)]
    many = measured.isel(block=[0, 1, 2, 3] * 6).assign_coords(block=names)
    many["parameters"] = ("block", np.arange(24) // 2 * 10_000 + 100_000)
    figures = [
        figure_block_costs(measured),
        figure_block_costs(measured.isel(block=[0])),
        figure_block_costs(many),
        figure_freezing_curve(curve),
    ]

    for fig in figures:
        fig.draw_without_rendering()
        page = fig.bbox
        for text in fig.findobj(Text):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert page.x0 <= box.x0 <= box.x1 <= page.x1, text
                assert page.y0 <= box.y0 <= box.y1 <= page.y1, text


@pytest.mark.mpl_image_compare(**LOOK)
def test_block_costs_look_as_before(measured):
    return figure_block_costs(measured)


@pytest.mark.mpl_image_compare(**LOOK)
def test_freezing_curve_looks_as_before(curve):
    return figure_freezing_curve(curve)
