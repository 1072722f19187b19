"""Two records of the same images as they are drawn."""

import numpy as np
import pytest

from figures import LOOK
from se_probe.plots import figure_comparison
from se_probe.views import comparison_profile


@pytest.fixture(scope="module")
def view(record):
    noise = 0.02 * np.random.default_rng(1).normal(size=record.shape)
    noisier = record.copy(data=(record.values + noise).astype(np.float32))
    return comparison_profile(record, noisier, ("clean", "blurred"), n_resamples=50)


def test_panels_show_the_numbers_of_the_view(view):
    fig = figure_comparison(view)

    shown = [ax.lines[0].get_ydata() for ax in fig.axes]
    names = ("correlation", "gate_difference", "class_share_change")
    for line, name in zip(shown, (*names, "separability_change"), strict=True):
        np.testing.assert_array_equal(line, view[name])


def test_figure_says_that_channels_do_not_correspond(record):
    other = record.isel(image=slice(0, 20))
    view = comparison_profile(record, other, is_in_order=False, n_resamples=0)

    fig = figure_comparison(view)

    assert "do not correspond" in " ".join(text.get_text() for text in fig.texts)
    assert fig.axes[1].get_ylabel() == "difference\nof sorted\nmean gates"


@pytest.mark.mpl_image_compare(**LOOK)
def test_comparison_looks_as_before(view):
    return figure_comparison(view)
