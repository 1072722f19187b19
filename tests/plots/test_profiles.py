"""Class profiles as they are drawn."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from figures import LOOK, curve, legend_texts
from records import PAPERS_CLASSES, gates_of, many_classes
from se_probe.errors import ClassNameError
from se_probe.gates import block_channels, make_gates
from se_probe.plots import (
    class_styles,
    figure_profiles,
    plot_class_profile,
    plot_gate_heatmap,
)
from se_probe.views import class_profiles, sorted_rows


def test_profile_curves_are_the_class_means(record, moments):
    ax = plot_class_profile(
        class_profiles(moments, classes=["goldfish"], channels=10), "SE_5_1"
    )

    gates = record.to_numpy()[:, block_channels(record, "SE_5_1")]
    of_class = gates[record["class_name"].to_numpy() == "goldfish"].astype(np.float64)
    picked = np.round(np.linspace(0, 255, 10)).astype(int)
    line = curve(ax, "goldfish")
    np.testing.assert_array_equal(line.get_xdata(), picked)
    np.testing.assert_allclose(line.get_ydata(), of_class.mean(axis=0)[picked])


def test_grey_curve_is_the_mean_of_the_class_means(record, moments):
    ax = plot_class_profile(class_profiles(moments, classes=["pug"], blocks=["SE_2_1"]))

    names = record["class_name"].to_numpy()
    gates = record.to_numpy()[:, :32].astype(np.float64)
    means = [gates[names == name].mean(axis=0) for name in np.unique(names.astype(str))]
    np.testing.assert_allclose(curve(ax, "mean of").get_ydata(), np.mean(means, axis=0))


def test_profile_panels_are_those_of_the_paper(moments):
    fig = figure_profiles(class_profiles(moments, classes=PAPERS_CLASSES))

    titles = [ax.get_title() for ax in fig.axes]
    blocks = ["SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3"]
    assert titles == [f"({c}) {b}" for c, b in zip("abcdef", blocks, strict=True)]
    assert len({ax.get_ylim() for ax in fig.axes}) == 1


def test_profile_blocks_may_be_chosen_by_glob(moments):
    fig = figure_profiles(class_profiles(moments, blocks=["SE_4_*", "SE_2_1"]))

    assert [ax.get_title()[4:] for ax in fig.axes] == [
        "SE_2_1",
        *(f"SE_4_{i}" for i in range(1, 7)),
    ]


def test_legend_counts_images_and_classes(moments, digits):
    fig = figure_profiles(class_profiles(moments, classes=["plane", "tench"]))

    assert legend_texts(fig) == [
        "airliner (only 7 images)",
        "tench (only 1 image)",
        "mean of 5 of 1,000 classes",
    ]
    assert "mean of all 10 classes" in legend_texts(
        figure_profiles(class_profiles(digits))
    )
    assert "mean of the 3 recorded classes" in legend_texts(
        figure_profiles(class_profiles(many_classes(3)))
    )


def test_grey_curve_can_be_left_out(moments):
    fig = figure_profiles(class_profiles(moments, classes=["pug"]), reference=False)

    assert legend_texts(fig) == ["pug (only 5 images)"]
    assert all(len(ax.lines) == 1 for ax in fig.axes)


def test_axis_says_how_many_channels_are_shown(moments):
    choices = [{}, {"channels": 9, "sampling": "random"}, {"channels": "all"}]
    views = [class_profiles(moments, blocks=["SE_5_1"], **each) for each in choices]

    figures = [figure_profiles(view) for view in views]

    assert [fig.axes[0].get_xlabel() for fig in figures] == [
        "channel (50 of 256)",
        "channel (9 of 256, at random)",
        "channel (all)",
    ]


@pytest.mark.parametrize("n_classes", [1, 8, 9, 20, 21, 1000])
def test_every_named_curve_has_a_colour_of_its_own(n_classes):
    fig = figure_profiles(class_profiles(many_classes(n_classes)), reference=False)

    (ax,) = fig.axes
    texts = [*legend_texts(fig), fig.legends[0].get_title().get_text()]
    assert not any("fade" in text for text in texts)
    assert {handle.get_alpha() for handle in fig.legends[0].legend_handles} == {1}
    if n_classes <= 20:
        assert len(ax.lines) == n_classes
        assert len({line.get_color() for line in ax.lines}) == n_classes
        assert {line.get_alpha() for line in ax.lines} == {None}
    else:
        (cloud,) = ax.collections
        assert isinstance(cloud, LineCollection)
        assert len(cloud.get_segments()) == n_classes
        assert cloud.get_alpha() < 0.5
        assert f"{n_classes:,} classes (2 images each)" in texts


def test_few_images_are_marked_in_the_legend():
    gates, class_of = gates_of([9, 10, 1], {"SE_2_1": 4})
    record = make_gates(gates, ["abc"[k] for k in class_of])

    fig = figure_profiles(class_profiles(record), reference=False)

    assert legend_texts(fig) == [
        "a (only 9 images)",
        "b (10 images)",
        "c (only 1 image)",
    ]


def test_styles_take_any_name_of_a_class(moments):
    view = class_profiles(moments, classes=["goldfish", "plane"], blocks="SE_2_1")

    ax = plot_class_profile(view, styles={"404": {"color": "#123456"}, "1": {"lw": 5}})

    assert curve(ax, "airliner").get_color() == "#123456"
    assert curve(ax, "goldfish").get_linewidth() == 5
    assert curve(ax, "goldfish").get_color() == class_styles(["x"])["x"]["color"]
    with pytest.raises(ClassNameError, match="no image of 340"):
        plot_class_profile(view, styles={"zebra": {}})


def test_channels_may_be_chosen_one_by_one(moments):
    view = class_profiles(moments, classes="pug", blocks="SE_2_1", channels=[3, 0, 5])

    ax = plot_class_profile(view)

    np.testing.assert_array_equal(curve(ax, "pug").get_xdata(), [3, 0, 5])
    assert ax.get_xlabel() == "channel (3 of 32)"


def test_names_that_matplotlib_would_misread_are_drawn_as_they_are():
    gates, class_of = gates_of([2, 2], {"SE_2_1": 4})
    names = ["_background", "$a_b$"]
    view = class_profiles(make_gates(gates, [names[k] for k in class_of]))

    fig = figure_profiles(view, reference=False)

    assert sorted(text.strip() for text in legend_texts(fig)) == [
        "$a_b$ (only 2 images)",
        "_background (only 2 images)",
    ]


def test_long_class_names_are_cut():
    gates, class_of = gates_of([2, 2], {"SE_2_1": 4})
    record = make_gates(gates, [f"{k}{'x' * 80}" for k in class_of])

    legend = legend_texts(figure_profiles(class_profiles(record), reference=False))
    ax = plot_gate_heatmap(sorted_rows(record))

    assert legend[0] == f"0{'x' * 32}... (only 2 images)"
    assert ax.get_yticklabels()[0].get_text() == f"0{'x' * 32}..."


@pytest.mark.mpl_image_compare(**LOOK)
def test_profiles_look_as_before(moments):
    return figure_profiles(
        class_profiles(
            moments, classes=PAPERS_CLASSES, blocks=["SE_2_3", "SE_5_1", "SE_5_3"]
        )
    )
