"""The selectivity of channels as it is drawn."""

import numpy as np
import pytest

import records
from figures import LOOK, legend_texts
from se_probe.plots import figure_selectivity
from se_probe.stats import channel_table, class_moments
from se_probe.views import selectivity_profile


@pytest.fixture(scope="module")
def view(record, moments):
    return selectivity_profile(channel_table(record, moments))


def test_boxes_are_the_quartiles_of_the_view(view):
    upper, lower = figure_selectivity(view).axes

    bottoms = [bar.get_y() for bar in upper.containers[0]]
    tops = [bar.get_y() + bar.get_height() for bar in upper.containers[0]]
    np.testing.assert_allclose(bottoms, view["selectivity_q25"])
    np.testing.assert_allclose(tops, view["selectivity_q75"])
    np.testing.assert_allclose(lower.lines[0].get_ydata(), 100 * view["share_above"])
    assert [text.get_text() for text in lower.get_xticklabels()] == view[
        "block"
    ].values.tolist()


def test_legend_says_what_is_grey(view):
    figure = figure_selectivity(view)

    assert legend_texts(figure) == [
        "shuffled labels: 5 % to 95 %",
        "shuffled labels: median",
        "channels: median, middle half, 5 % to 95 %",
    ]
    assert figure.legends[0].get_title().get_text() == "22 images of 4 classes"


def test_what_is_not_known_is_said_to_be_so():
    moments = class_moments(records.one_channel([0.5], [0.2]))

    upper, _ = figure_selectivity(selectivity_profile(channel_table(moments))).axes

    assert [text.get_text() for text in upper.texts] == [
        "not known: needs two classes with two images each"
    ]


@pytest.mark.mpl_image_compare(**LOOK)
def test_selectivity_looks_as_before(view):
    return figure_selectivity(view)
