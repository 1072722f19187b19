"""The spread within classes as it is drawn."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from figures import LOOK, curve, legend_texts
from records import PAPERS_CLASSES
from se_probe.gates import make_gates
from se_probe.plots import figure_profiles, figure_spread, plot_class_spread
from se_probe.views import class_profiles


def test_band_is_one_standard_deviation_on_either_side(record, moments):
    ax = plot_class_spread(
        class_profiles(moments, classes=["cliff"], blocks=["SE_2_1"])
    )

    is_cliff = record["class_name"].to_numpy() == "cliff"
    gates = record.to_numpy()[is_cliff, :32].astype(np.float64)
    mean, sd = gates.mean(axis=0), gates.std(axis=0, ddof=1)
    (band,) = ax.collections
    x, y = band.get_paths()[0].vertices.T
    for channel in range(32):
        edges = y[x == channel]
        assert edges.min() == pytest.approx(mean[channel] - sd[channel])
        assert edges.max() == pytest.approx(mean[channel] + sd[channel])
    np.testing.assert_allclose(curve(ax, "cliff").get_ydata(), mean)


def test_class_keeps_its_style_from_the_profiles_to_the_spread(moments):
    view = class_profiles(moments, classes=[*PAPERS_CLASSES, "tench"])

    profiles = figure_profiles(view.isel(class_name=slice(4))).axes[0]
    spread = figure_spread(view, classes=["cliff", "tench"]).axes[0]

    assert to_hex(curve(profiles, "cliff").get_color()) == to_hex(
        curve(spread, "cliff").get_color()
    )
    assert curve(spread, "tench").get_color() not in {
        line.get_color() for line in profiles.lines
    }


def test_class_of_one_image_has_a_curve_and_no_band(moments):
    fig = figure_spread(class_profiles(moments, classes=["tench"]))

    assert legend_texts(fig) == ["tench (only 1 image)"]
    bands = [band for ax in fig.axes for band in ax.collections]
    assert not any(len(path.vertices) for band in bands for path in band.get_paths())


def test_no_band_is_cut():
    gates = np.tile([[0.0], [0.0], [0.0], [1.0]], (5, 3))
    view = class_profiles(make_gates({"SE_2_1": gates}, ["a"] * 20))

    ax = plot_class_spread(view)

    low, high = ax.get_ylim()
    ends = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert low < ends.min() < 0
    assert ends.max() < high


@pytest.mark.mpl_image_compare(**LOOK)
def test_spread_looks_as_before(moments):
    return figure_spread(
        class_profiles(moments, classes=PAPERS_CLASSES, blocks=["SE_2_3", "SE_5_3"])
    )
