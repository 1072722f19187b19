"""The figure of exchanged gates: the numbers on it, and what it says."""

import numpy as np
import pytest

from exchanges import ALONE, BLOCKS, TREATMENTS, exchanged
from figures import LOOK, curve, legend_texts
from se_probe.plots import figure_exchange, plot_exchange
from se_probe.views import exchange_costs


@pytest.fixture
def view():
    return exchange_costs(exchanged())


def test_curves_are_the_divergences_of_each_treatment(view):
    ax = plot_exchange(view)

    for place, treatment in enumerate(TREATMENTS):
        line = curve(ax, f"{treatment} (")
        np.testing.assert_allclose(line.get_ydata(), np.array(ALONE)[:, place])
    assert [text.get_text() for text in ax.get_xticklabels()] == BLOCKS


def test_panels_are_the_extents_and_what_predictions_become(view):
    fig = figure_exchange(view)

    titles = [ax.get_title() for ax in fig.axes]
    assert titles[0] == "(a) exchanged: this block alone"
    assert "to the classifier" in titles[1]
    assert "from the input" in titles[2]
    assert "what the class in the gates is worth" in titles[3]
    worth = curve(fig.axes[3], "alone").get_ydata()
    np.testing.assert_allclose(worth, [0, 0, 0.7], atol=1e-12)
    assert "donor's class" in titles[4]
    share = curve(fig.axes[4], "and all after it").get_ydata()
    np.testing.assert_allclose(share, [60, 50, 40])
    assert [text.partition(" ")[0] for text in legend_texts(fig)] == TREATMENTS
    assert "200 images" in fig.legends[0].get_title().get_text()


def test_without_classes_there_is_no_panel_of_predictions():
    fig = figure_exchange(exchange_costs(exchanged(n_donors_known=0)))

    assert len(fig.axes) == 4


def test_one_block_has_no_growing_sets(view):
    fig = figure_exchange(view.isel(block=[2]))

    assert len(fig.axes) == 3


@pytest.mark.mpl_image_compare(**LOOK)
def test_exchange_figure_looks_as_before(view):
    return figure_exchange(view)
