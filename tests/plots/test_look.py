"""Figures in a thesis: width, title, fonts, style sheets."""

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from se_probe.errors import UsageError
from se_probe.gates import make_gates
from se_probe.plots import (
    Look,
    figure_depth,
    figure_heatmaps,
    figure_learning_curve,
    figure_profiles,
    figure_spread,
    save,
    use_style,
)
from se_probe.views import class_profiles, depth_profile, learning_curve, sorted_rows

HISTORY = [
    {
        "epoch": k,
        "train_loss": 1 / k,
        "train_accuracy": 0.5,
        "test_loss": 2 / k,
        "test_accuracy": 0.4,
        "lr": 0.1,
        "seconds": 1.0,
    }
    for k in (1, 2)
]


@pytest.fixture(scope="module")
def figures(record):
    """Function that draws every figure of a record."""
    shown = {"classes": ["goldfish", "pug", "plane"], "blocks": ["SE_2_1", "SE_5_3"]}
    profiles, rows = class_profiles(record, **shown), sorted_rows(record, **shown)
    by_class = sorted_rows(record, **shown, channel_order="class")
    depth = depth_profile(record)

    def draw(**look):
        return {
            "profiles": figure_profiles(profiles, **look),
            "spread": figure_spread(profiles, **look),
            "heatmap": figure_heatmaps(rows, **look),
            "one scale": figure_heatmaps(by_class, limits=(0.0, 1.0), **look),
            "depth": figure_depth(depth, **look),
            "one block": figure_depth(depth.isel(block=[0]), **look),
            "learning": figure_learning_curve(learning_curve(HISTORY), **look),
        }

    return draw


def texts_of(fig):
    return [t for t in fig.findobj(Text) if t.get_text().strip() and t.get_visible()]


@pytest.mark.parametrize(
    ("width", "inches"), [("page", 7), ("column", 3.5), (5.2, 5.2)]
)
def test_figures_are_as_wide_as_asked(figures, width, inches):
    drawn = figures(width=width)

    del drawn["one block"]
    assert {fig.get_figwidth() for fig in drawn.values()} == {inches}


@pytest.mark.parametrize(
    ("look", "style"),
    [
        ({}, {}),
        ({"width": "column"}, {"font.size": 11, "font.family": "serif"}),
        ({"title": "A\nB"}, {"font.size": 10}),
    ],
)
def test_no_text_lies_outside_the_page(figures, look, style):
    with use_style(style):
        drawn = figures(**look)

    for name, fig in drawn.items():
        fig.draw_without_rendering()
        box, height = fig.get_tightbbox(), fig.get_figheight()
        assert -0.02 <= box.y0 <= box.y1 <= height + 0.02, name


def test_every_figure_takes_a_title_and_keeps_its_panels_clear(figures):
    for name, fig in figures(title="Gates of my network").items():
        fig.draw_without_rendering()
        assert fig.get_suptitle().splitlines()[0] == "Gates of my network", name
        lowest = fig._suptitle.get_window_extent().y0
        tops = [ax.get_tightbbox().y1 for ax in fig.axes if ax.axison]
        assert all(top <= lowest + 1 for top in tops), name


def test_the_readers_fonts_are_kept(figures):
    with matplotlib.rc_context({"font.family": ["DejaVu Serif"], "font.size": 12}):
        drawn = figures()

    for fig in drawn.values():
        for text in texts_of(fig):
            assert text.get_fontfamily() == ["DejaVu Serif"]
            assert text.get_fontsize() >= 10


def test_usual_letters_are_those_of_the_package(figures):
    sizes = {
        text.get_fontsize() for fig in figures().values() for text in texts_of(fig)
    }
    assert sizes <= {7.0, 8.0}


def test_a_style_sheet_goes_over_all(figures, tmp_path):
    sheet = tmp_path / "thesis.mplstyle"
    sheet.write_text("font.size: 10\naxes.facecolor: fafafa\n")

    with use_style(sheet):
        drawn = figures()

    ax = drawn["profiles"].axes[0]
    assert ax.title.get_fontsize() == 10
    assert ax.xaxis.label.get_fontsize() == 10
    assert matplotlib.colors.to_hex(ax.get_facecolor()) == "#fafafa"
    assert dict(matplotlib.rcParams)["font.size"] == 10.0  # matplotlib's own


@pytest.mark.parametrize(
    ("look", "message"),
    [
        ({"cmap": "hott"}, "no colour map 'hott'"),
        ({"limits": (1.0, 0.0)}, "the smaller first, got 1 and 0"),
        ({"width": 0.5}, "inches from 2 to 40, got 0.5"),
        ({"width": "wide"}, "page, column or a number of inches"),
        ({"style": "no.mplstyle"}, "there is no style 'no.mplstyle'"),
    ],
)
def test_a_look_that_cannot_be_drawn_is_refused(look, message):
    with pytest.raises(UsageError, match=message):
        Look(**look).check()


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_one_panel_alone_is_saved_whole(tmp_path, suffix):
    gates = np.random.default_rng(0).random((12, 8))
    view = class_profiles(make_gates({"SE_2_1": gates}, ["a", "b"] * 6))

    fig = figure_profiles(view, width="column", title="One panel")

    assert len(fig.axes) == 1
    assert save(fig, tmp_path / f"one.{suffix}").stat().st_size > 3000
