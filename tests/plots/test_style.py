"""What all figures share: colours, axes, size, and leaving settings alone."""

import subprocess
import sys
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from records import PAPERS_CLASSES
from se_probe.plots import (
    class_styles,
    figure_depth,
    figure_heatmaps,
    figure_profiles,
    figure_spread,
    gate_limits,
    plot_class_profile,
    plot_class_spread,
    plot_depth_summary,
    plot_gate_heatmap,
)
from se_probe.views import class_profiles, depth_profile, sorted_rows


def test_eight_classes_differ_in_colour_and_in_dash():
    styles = class_styles([str(k) for k in range(64)]).values()

    first = list(styles)[:8]
    assert len({style["color"] for style in first}) == 8
    assert len({str(style["linestyle"]) for style in first}) == 8
    assert len({(s["color"], str(s["linestyle"])) for s in styles}) == 64


# Machado, Oliveira, Fernandes. A Physiologically-based Model for Simulation of Color
# Vision Deficiency. IEEE TVCG 15, 2009; severity 1.0. https://doi.org/10.1109/TVCG.2009.113
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour, deficiency):
    """CIE L*a*b* of a colour as seen with a deficiency."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(deficiency) @ linear, 0, 1)
    to_xyz = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
    x, y, z = np.cbrt(to_xyz @ seen / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("deficiency", DEFICIENCIES.values(), ids=DEFICIENCIES)
def test_colours_stay_apart_for_the_colour_blind(deficiency):
    colours = [style["color"] for style in class_styles(list("abcdefgh")).values()]

    distances = [
        np.linalg.norm(lab(one, deficiency) - lab(other, deficiency))
        for one, other in combinations(colours, 2)
    ]

    assert min(distances) > 15  # about 2 is just noticeable


def all_figures(record, moments, blocks=None):
    view = class_profiles(moments, classes=PAPERS_CLASSES, blocks=blocks)
    return {
        "profiles": figure_profiles(view),
        "spread": figure_spread(view),
        "heatmaps": figure_heatmaps(sorted_rows(record, blocks=blocks)),
        "depth": figure_depth(depth_profile(record, moments)),
    }


def test_figures_are_as_wide_as_a_page_and_their_text_is_readable(record, moments):
    for fig in all_figures(record, moments).values():
        texts = [t for t in fig.findobj(Text) if t.get_text() and t.get_visible()]

        assert fig.get_figwidth() == 7
        assert min(text.get_fontsize() for text in texts) >= 7


def test_figures_leave_the_callers_style_alone(record, moments):
    before = dict(matplotlib.rcParams)

    all_figures(record, moments, ["SE_5_1"])

    assert dict(matplotlib.rcParams) == before


def test_given_axes_are_drawn_on_and_returned_without_a_legend(record, moments):
    axes = Figure().subplots(2, 2).ravel()
    view = class_profiles(moments)

    returned = [
        plot_class_profile(view, "SE_5_1", ax=axes[0]),
        plot_class_spread(view, "SE_5_1", classes=["pug"], ax=axes[1]),
        plot_gate_heatmap(sorted_rows(record), "SE_5_1", ax=axes[2]),
        plot_depth_summary(depth_profile(record), ax=axes[3]),
    ]

    assert all(one is other for one, other in zip(returned, axes, strict=True))
    assert all(ax.get_legend() is None for ax in axes[:3])
    assert not axes[0].figure.legends


def test_drawing_needs_neither_pyplot_nor_torch():
    code = (
        "import sys; import se_probe.plots; "
        "sys.exit(bool({'torch', 'timm', 'matplotlib.pyplot'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([0.1, 0.9], (0, 1)),
        ([0.0, 0.5], (0, 1)),
        ([0.48, 0.52], (0.45, 0.55)),
        ([0.98, 1.0], (0.95, 1.0)),
        ([0.01, 0.02], (0.0, 0.05)),
        ([-0.8, 0.3], (-0.8, 1)),
        ([0.2, 7.0], (0, 7)),
        ([-0.05, 0.1], (-0.05, 1)),
        ([1.1, 1.2], (0, 1.2)),
        ([0.5], (0.45, 0.55)),
        ([np.nan], (0, 1)),
    ],
)
def test_gate_axis_goes_from_0_to_1_unless_gates_keep_together(values, limits):
    assert gate_limits(values) == pytest.approx(limits)
