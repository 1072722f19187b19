"""Figures of gates beside their squeeze."""

import numpy as np
import pytest

from figures import LOOK, curve
from records import with_squeeze
from se_probe.errors import GateRecordError
from se_probe.plots import (
    figure_context,
    figure_gates_by_squeeze,
    plot_context,
    write_figures,
)
from se_probe.views import context_profile, gates_by_squeeze


@pytest.fixture
def gates(tmp_path):
    return with_squeeze(tmp_path)[0]


def test_points_are_the_medians(gates):
    view = context_profile(gates)

    ax = plot_context(view)

    np.testing.assert_allclose(curve(ax, "median").get_ydata(), view["median"])


def test_hexagons_count_every_pair(gates):
    view = gates_by_squeeze(gates, "SE_2_1")

    ax = figure_gates_by_squeeze(view).axes[0]

    (hexagons,) = ax.collections
    assert hexagons.get_array().sum() == view.sizes["pair"]
    np.testing.assert_allclose(curve(ax, "mean gate").get_ydata(), view["bin_gate"])
    assert "40 images, 3 channels" in ax.get_title()


def test_both_are_written_with_numbers_and_captions(gates, tmp_path):
    paths, _ = write_figures(
        gates, tmp_path / "out", figures=["context"], formats=["png"]
    )

    names = [path.name for path in paths]
    ends = ("png", "csv", "txt")
    expected = [f"{n}.{end}" for n in ("context", "context_block") for end in ends]
    assert names == expected


def test_without_squeeze_nothing_is_drawn_and_the_option_named(gates, tmp_path):
    gates.encoding.clear()

    with pytest.raises(GateRecordError, match="record --with squeeze"):
        write_figures(gates, tmp_path / "out", figures=["depth", "context"])

    assert not (tmp_path / "out").exists()


@pytest.mark.mpl_image_compare(**LOOK)
def test_context_figure_looks_as_before(gates):
    return figure_context(context_profile(gates))


@pytest.mark.mpl_image_compare(**LOOK)
def test_gates_by_squeeze_figure_looks_as_before(gates):
    return figure_gates_by_squeeze(gates_by_squeeze(gates, "SE_2_1"))
