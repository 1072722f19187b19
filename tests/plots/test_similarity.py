"""Similarity of classes as it is drawn."""

from itertools import pairwise

import numpy as np
import pytest

import records
from figures import LOOK, image_of
from se_probe.plots import figure_similarity
from se_probe.views import MAX_LABELLED, class_similarities


@pytest.fixture(scope="module")
def view(record, moments):
    return class_similarities(record, None, moments)


def test_each_panel_is_the_matrix_of_its_block(view):
    *panels, bar = figure_similarity(view).axes

    for ax, block in zip(panels, view["block"].values, strict=True):
        np.testing.assert_array_equal(image_of(ax), view["similarity"].sel(block=block))
        assert ax.get_title().endswith(block)
        assert ax.images[0].get_clim() == (-1, 1)
        assert ax.images[0].get_interpolation() == "none"
    assert bar.get_ylabel() == "similarity of mean gates"


def test_classes_are_named_on_the_left(view):
    first, second, *_ = figure_similarity(view).axes

    named = [text.get_text() for text in first.get_yticklabels()]
    assert named == view["class_name"].values.tolist()
    assert not second.get_yticklabels()


def test_many_classes_are_not_named():
    many = class_similarities(records.many_classes(MAX_LABELLED + 1))

    ax, _ = figure_similarity(many).axes

    assert not ax.get_yticklabels()


def test_names_of_classes_fit_their_rows():
    many = class_similarities(records.many_classes(MAX_LABELLED))

    figure = figure_similarity(many)

    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
    tops = sorted((box.y0, box.y1) for box in boxes)
    assert all(low[1] <= high[0] + 1 for low, high in pairwise(tops))


@pytest.mark.mpl_image_compare(**LOOK)
def test_similarity_looks_as_before(view):
    return figure_similarity(view)


def test_cells_of_very_many_classes_are_means_of_neighbours():
    many = class_similarities(records.many_classes(402, channels=4))

    ax, _ = figure_similarity(many).axes

    values = many["similarity"].values[0]
    expected = values.reshape(134, 3, 134, 3).mean((1, 3))
    np.testing.assert_allclose(image_of(ax), expected)
    words = figure_similarity(many).get_supxlabel()
    assert words.endswith("each cell the mean of 3 x 3 classes")


@pytest.mark.parametrize("width", ["page", "column"])
def test_names_of_classes_are_not_cut(view, width):
    figure = figure_similarity(view, width=width)

    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert min(box.x0 for box in boxes) >= 0
