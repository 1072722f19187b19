"""Redundancy as it is drawn."""

import matplotlib
import numpy as np
import pytest

from figures import LOOK, image_of
from se_probe.plots import figure_correlations, figure_redundancy
from se_probe.views import gate_correlations, redundancy_profile


@pytest.fixture(scope="module")
def view(record):
    return redundancy_profile(record)


@pytest.fixture(scope="module")
def matrix(record):
    return gate_correlations(record, "SE_3_2")


def test_lines_are_the_numbers_of_the_view(view):
    (ax,) = figure_redundancy(view).axes

    names = ("channels", "n_images", "independent_rank", "effective_rank")
    for line, name in zip(ax.lines, names, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), view[name])


def test_matrix_is_drawn_as_it_is(matrix):
    ax, bar = figure_correlations(matrix).axes

    np.testing.assert_array_equal(image_of(ax), matrix)
    assert ax.get_title() == "SE_3_2, 23 images"
    assert ax.get_xlabel() == "channels (all), ordered by clustering"
    assert bar.get_ylabel() == "correlation of two gates"


def test_every_colour_is_one_of_the_bars(matrix):
    (image,) = figure_correlations(matrix).axes[0].images

    drawn = image.to_rgba(image.get_array(), bytes=True).reshape(-1, 4)

    colours = matplotlib.colormaps["RdBu_r"](np.arange(256), bytes=True)
    assert {tuple(c) for c in drawn.tolist()} <= {tuple(c) for c in colours.tolist()}
    assert image.get_interpolation() == "none"
    assert image.get_clim() == (-1, 1)


@pytest.mark.mpl_image_compare(**LOOK)
def test_redundancy_looks_as_before(view):
    return figure_redundancy(view)


@pytest.mark.mpl_image_compare(**LOOK)
def test_correlations_look_as_before(matrix):
    return figure_correlations(matrix)
