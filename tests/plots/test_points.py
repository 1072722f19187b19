"""Map of images on paper, and the boxes of one channel: the numbers of the views."""

import numpy as np
import pytest

from figures import LOOK
from se_probe.plots import figure_channel, figure_image_map
from se_probe.views import gates_by_class, image_map


def test_every_image_is_one_point(record):
    view = image_map(record, "SE_4_6")

    fig = figure_image_map(view, ["pug", "goldfish"])

    drawn = np.concatenate([dots.get_offsets() for dots in fig.axes[0].collections])
    expected = np.column_stack([view["first"], view["second"]])
    np.testing.assert_allclose(sorted(drawn.tolist()), sorted(expected.tolist()))
    assert fig.axes[0].get_legend_handles_labels()[1] == ["pug", "goldfish"]


@pytest.mark.mpl_image_compare(**LOOK)
def test_look_of_the_map(record):
    predicted = record["class_index"].values.copy()
    predicted[::4] = 7
    known = record.assign_coords(predicted=("image", predicted))
    return figure_image_map(image_map(known, "SE_5_3"))


def test_boxes_are_the_quartiles(record):
    view = gates_by_class(record, "SE_4_6", 3)

    ax = figure_channel(view).axes[0]

    ends = [(box.get_x(), box.get_x() + box.get_width()) for box in ax.patches]
    expected = np.column_stack([view["lower_quartile"], view["upper_quartile"]])
    np.testing.assert_allclose(ends, expected)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), view["median"])


@pytest.mark.mpl_image_compare(**LOOK)
def test_look_of_a_channel(record):
    return figure_channel(gates_by_class(record, "SE_4_6", 3))
