"""The figures: the numbers on them, their legends, and their bytes."""

import subprocess
import sys
from io import StringIO
from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from se_probe.class_names import imagenet_labels
from se_probe.errors import (
    BlockNameError,
    ClassNameError,
    GateRecordError,
    UsageError,
)
from se_probe.gates import (
    State,
    block_channels,
    create_record,
    make_gates,
    open_gates,
    write_batch,
)
from se_probe.plots import (
    class_styles,
    default_blocks,
    default_pair,
    depth_table,
    figure_depth,
    figure_heatmaps,
    figure_profiles,
    figure_spread,
    find_classes,
    gate_limits,
    heatmap_table,
    pick_channels,
    plot_class_profile,
    plot_class_spread,
    plot_depth_summary,
    plot_gate_heatmap,
    profile_table,
    save,
    save_table,
    spread_table,
)
from se_probe.plots.binning import label_sorted_rows
from se_probe.stats import block_summary, class_moments

RESNET50 = {2: 3, 3: 4, 4: 6, 5: 3}
PAPERS_CLASSES = ["goldfish", "pug", "plane", "cliff"]


def block_facts_of(stages):
    return [
        {"name": f"SE_{stage}_{number}", "stage": stage}
        for stage, n_blocks in stages.items()
        for number in range(1, n_blocks + 1)
    ]


def gates_of(class_sizes, widths, seed=0):
    """Gates in (0, 1), with classes that differ more from block to block."""
    rng = np.random.default_rng(seed)
    class_of = rng.permutation(np.repeat(np.arange(len(class_sizes)), class_sizes))
    gates = {}
    for depth, (block, width) in enumerate(widths.items(), start=1):
        channel, per_class = (
            rng.normal(size=width),
            rng.normal(size=(len(class_sizes), width)),
        )
        noise = 0.5 * rng.normal(size=(len(class_of), width))
        level = channel + depth / len(widths) * per_class[class_of] + noise
        gates[block] = 1 / (1 + np.exp(-level))
    return gates, class_of


def imagenet_record(indices, class_sizes, widths, seed=0):
    labels = imagenet_labels()
    gates, class_of = gates_of(class_sizes, widths, seed)
    chosen = [labels[indices[k]] for k in class_of]
    return make_gates(
        gates,
        [label.name for label in chosen],
        wnids=[label.wnid for label in chosen],
        class_index=[label.index for label in chosen],
        attrs={"label_set": "imagenet-1k"},
    )


@pytest.fixture(scope="module")
def record():
    """SE-ResNet-50's blocks, an eighth as wide; five classes of unequal size."""
    widths = {f["name"]: 2 ** (3 + f["stage"]) for f in block_facts_of(RESNET50)}
    return imagenet_record([1, 254, 404, 972, 0], [6, 5, 7, 4, 1], widths)


@pytest.fixture(scope="module")
def moments(record):
    return class_moments(record)


@pytest.fixture(scope="module")
def digits():
    """One block of 16 channels, as in SE-LeNet; ten classes of ten images."""
    gates, class_of = gates_of([10] * 10, {"SE_2_1": 16})
    names = [str(k) for k in class_of]
    return make_gates(gates, names, attrs={"label_set": [str(k) for k in range(10)]})


def many_classes(n, n_images=2, channels=12):
    gates, class_of = gates_of([n_images] * n, {"SE_2_1": channels})
    return class_moments(make_gates(gates, [f"class {k:04}" for k in class_of]))


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def curve(ax, label):
    lines = [line for line in ax.lines if str(line.get_label()).startswith(label)]
    assert len(lines) == 1
    return lines[0]


# --- which blocks, classes and channels ----------------------------------------------


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (RESNET50, "SE_2_3 SE_3_4 SE_4_6 SE_5_1 SE_5_2 SE_5_3"),
        ({2: 3, 3: 8, 4: 36, 5: 3}, "SE_2_3 SE_3_8 SE_4_36 SE_5_1 SE_5_2 SE_5_3"),
        ({2: 2, 3: 2, 4: 2, 5: 2}, "SE_2_2 SE_3_2 SE_4_2 SE_5_1 SE_5_2"),
        ({4: 8, 5: 8}, "SE_4_8 SE_5_1 SE_5_3 SE_5_5 SE_5_6 SE_5_8"),
        ({2: 1}, "SE_2_1"),
        (
            {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 9},
            "SE_2_1 SE_3_1 SE_4_1 SE_5_1 SE_6_1 SE_6_9",
        ),
        ({0: 3, 1: 1}, "SE_0_3 SE_1_1"),
    ],
)
def test_default_blocks_end_the_stages_and_span_the_last(stages, expected):
    assert default_blocks(block_facts_of(stages)) == expected.split()


@pytest.mark.parametrize("n_channels", [64, 256, 512, 1024, 2048])
def test_even_channels_are_the_rounded_linspace(n_channels):
    picked = pick_channels(n_channels)

    np.testing.assert_array_equal(picked, np.round(np.linspace(0, n_channels - 1, 50)))
    assert len(np.unique(picked)) == 50


def test_random_channels_are_sorted_distinct_and_follow_the_seed():
    picked = pick_channels(256, 50, "random", seed=3)

    assert len(set(picked)) == 50
    assert list(picked) == sorted(picked)
    np.testing.assert_array_equal(picked, pick_channels(256, 50, "random", seed=3))
    assert not np.array_equal(picked, pick_channels(256, 50, "random", seed=4))


@pytest.mark.parametrize("channels", [16, 50, "all"])
def test_small_block_is_shown_whole(channels):
    np.testing.assert_array_equal(pick_channels(16, channels), np.arange(16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 0}, "1 channel or more"),
        ({"sampling": "odd"}, "'even' or 'random', got 'odd'"),
    ],
)
def test_channels_that_cannot_be_meant_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        pick_channels(64, **options)


def test_classes_are_found_as_class_names_finds_them(record, moments):
    names = find_classes(moments, [*PAPERS_CLASSES, "404", "n02110958"])

    assert names == ["goldfish", "pug", "airliner", "cliff"]
    assert find_classes(record, PAPERS_CLASSES) == names
    assert find_classes(moments, None) == ["tench", *names[:2], "airliner", "cliff"]


def test_recorded_names_are_enough_without_a_label_set():
    moments = many_classes(3)

    assert find_classes(moments, ["Class_0002", "0"]) == ["class 0002", "class 0000"]


@pytest.mark.parametrize(
    ("queries", "error", "message"),
    [
        (["missile launcher"], ClassNameError, "no class of ImageNet-1k is called"),
        (["crane"], ClassNameError, "means 2 classes"),
        (
            ["zebra"],
            ClassNameError,
            "no image of 340 n02391049 zebra was",
        ),
        ([], UsageError, "at least one class"),
    ],
)
def test_classes_that_cannot_be_drawn_are_refused(moments, queries, error, message):
    with pytest.raises(error, match=message):
        figure_profiles(moments, queries)


def test_unknown_block_is_refused_and_a_near_one_named(moments):
    with pytest.raises(BlockNameError, match="SE_5_3"):
        plot_class_profile(moments, "SE_5_4")
    with pytest.raises(BlockNameError, match="means several blocks"):
        plot_class_profile(moments, "SE_5_*")


# --- class profiles ------------------------------------------------------------------


def test_profile_curves_are_the_class_means(record, moments):
    ax = plot_class_profile(moments, "SE_5_1", ["goldfish"], channels=10)

    gates = record.to_numpy()[:, block_channels(record, "SE_5_1")]
    of_class = gates[record["class_name"].to_numpy() == "goldfish"].astype(np.float64)
    picked = np.round(np.linspace(0, 255, 10)).astype(int)
    line = curve(ax, "goldfish")
    np.testing.assert_array_equal(line.get_xdata(), picked)
    np.testing.assert_allclose(line.get_ydata(), of_class.mean(axis=0)[picked])


def test_grey_curve_is_the_mean_of_the_class_means(record, moments):
    ax = plot_class_profile(moments, "SE_2_1", ["pug"])

    names = record["class_name"].to_numpy()
    gates = record.to_numpy()[:, :32].astype(np.float64)
    means = [gates[names == name].mean(axis=0) for name in np.unique(names.astype(str))]
    np.testing.assert_allclose(curve(ax, "mean of").get_ydata(), np.mean(means, axis=0))


def test_profile_panels_are_those_of_the_paper(moments):
    fig = figure_profiles(moments, PAPERS_CLASSES)

    titles = [ax.get_title() for ax in fig.axes]
    blocks = ["SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3"]
    assert titles == [f"({c}) {b}" for c, b in zip("abcdef", blocks, strict=True)]
    assert len({ax.get_ylim() for ax in fig.axes}) == 1


def test_profile_blocks_may_be_chosen_by_glob(moments):
    fig = figure_profiles(moments, ["pug"], ["SE_4_*", "SE_2_1"])

    assert [ax.get_title()[4:] for ax in fig.axes] == [
        "SE_2_1",
        *(f"SE_4_{i}" for i in range(1, 7)),
    ]


def test_legend_counts_images_and_classes(moments, digits):
    fig = figure_profiles(moments, ["plane", "tench"])

    assert legend_texts(fig) == [
        "airliner (7 images)",
        "tench (1 image)",
        "mean of 5 of 1,000 classes",
    ]
    assert "mean of all 10 classes" in legend_texts(
        figure_profiles(class_moments(digits))
    )
    assert "mean of the 3 recorded classes" in legend_texts(
        figure_profiles(many_classes(3))
    )


def test_grey_curve_can_be_left_out(moments):
    fig = figure_profiles(moments, ["pug"], reference=False)

    assert legend_texts(fig) == ["pug (5 images)"]
    assert all(len(ax.lines) == 1 for ax in fig.axes)


def test_axis_says_how_many_channels_are_shown(moments):
    figures = [
        figure_profiles(moments, ["pug"], ["SE_5_1"]),
        figure_profiles(moments, ["pug"], ["SE_5_1"], channels=9, sampling="random"),
        figure_profiles(moments, ["pug"], ["SE_5_1"], channels="all"),
    ]

    assert [fig.axes[0].get_xlabel() for fig in figures] == [
        "channel (50 of 256)",
        "channel (9 of 256, at random)",
        "channel (all)",
    ]


@pytest.mark.parametrize("n_classes", [1, 8, 9, 20, 21, 1000])
def test_curves_fade_beyond_eight_classes_and_the_legend_says_so(n_classes):
    fig = figure_profiles(many_classes(n_classes), reference=False)

    (ax,) = fig.axes
    texts = [*legend_texts(fig), fig.legends[0].get_title().get_text()]
    assert any("fade" in text for text in texts) == (n_classes > 8)
    assert {handle.get_alpha() for handle in fig.legends[0].legend_handles} == {1}
    if n_classes <= 20:
        assert len(ax.lines) == n_classes
        assert {line.get_alpha() < 1 for line in ax.lines} == {n_classes > 8}
    else:
        (cloud,) = ax.collections
        assert isinstance(cloud, LineCollection)
        assert len(cloud.get_segments()) == n_classes
        assert cloud.get_alpha() < 0.5
        assert f"{n_classes:,} classes (2 images each), curves faded" in texts


def test_names_that_matplotlib_would_misread_are_drawn_as_they_are():
    gates, class_of = gates_of([2, 2], {"SE_2_1": 4})
    names = ["_background", "$a_b$"]
    moments = class_moments(make_gates(gates, [names[k] for k in class_of]))

    fig = figure_profiles(moments, reference=False)

    assert sorted(text.strip() for text in legend_texts(fig)) == [
        "$a_b$ (2 images)",
        "_background (2 images)",
    ]


def test_long_class_names_are_cut():
    gates, class_of = gates_of([2, 2], {"SE_2_1": 4})
    record = make_gates(gates, [f"{k}{'x' * 80}" for k in class_of])

    legend = legend_texts(figure_profiles(class_moments(record), reference=False))
    ax = plot_gate_heatmap(record, "SE_2_1")

    assert legend[0] == f"0{'x' * 32}... (2 images)"
    assert ax.get_yticklabels()[0].get_text() == f"0{'x' * 32}..."


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


# --- style ---------------------------------------------------------------------------


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
    return {
        "profiles": figure_profiles(moments, PAPERS_CLASSES, blocks),
        "spread": figure_spread(moments, PAPERS_CLASSES, blocks),
        "heatmaps": figure_heatmaps(record, blocks),
        "depth": figure_depth(block_summary(record, moments)),
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

    returned = [
        plot_class_profile(moments, "SE_5_1", ax=axes[0]),
        plot_class_spread(moments, "SE_5_1", ["pug"], ax=axes[1]),
        plot_gate_heatmap(record, "SE_5_1", ax=axes[2]),
        plot_depth_summary(block_summary(record), ax=axes[3]),
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


# --- within-class spread -------------------------------------------------------------


def test_band_is_one_standard_deviation_on_either_side(record, moments):
    ax = plot_class_spread(moments, "SE_2_1", ["cliff"])

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


def test_pair_is_goldfish_and_plane_or_the_first_two(moments):
    assert default_pair(moments, PAPERS_CLASSES) == ["goldfish", "airliner"]
    assert default_pair(moments, ["cliff", "airliner", "goldfish"]) == [
        "goldfish",
        "airliner",
    ]
    assert default_pair(moments, ["cliff", "pug", "goldfish"]) == ["cliff", "pug"]
    assert default_pair(moments, ["cliff"]) == ["cliff"]


def test_class_keeps_its_style_from_the_profiles_to_the_spread(moments):
    profiles = figure_profiles(moments, PAPERS_CLASSES).axes[0]
    spread = figure_spread(moments, PAPERS_CLASSES, pair=["cliff", "tench"]).axes[0]

    assert to_hex(curve(profiles, "cliff").get_color()) == to_hex(
        curve(spread, "cliff").get_color()
    )
    assert curve(spread, "tench").get_color() not in {
        line.get_color() for line in profiles.lines
    }


def test_class_of_one_image_has_a_curve_and_no_band(moments):
    fig = figure_spread(moments, ["tench"])

    assert legend_texts(fig) == ["tench (1 image)"]
    bands = [band for ax in fig.axes for band in ax.collections]
    assert not any(len(path.vertices) for band in bands for path in band.get_paths())


# --- heatmaps ------------------------------------------------------------------------


def image_of(ax):
    (image,) = ax.images
    return np.asarray(image.get_array())


def test_heatmap_is_one_image_of_the_gates_sorted_by_class(digits):
    ax = plot_gate_heatmap(digits, "SE_2_1", cmap="hot")

    order = np.argsort(digits["class_index"].to_numpy(), kind="stable")
    np.testing.assert_array_equal(image_of(ax), digits.to_numpy()[order])
    assert ax.images[0].get_cmap().name == "hot"
    assert ax.get_title() == "SE_2_1"
    assert [t.get_text() for t in ax.get_yticklabels()] == [str(k) for k in range(10)]
    np.testing.assert_allclose(ax.get_yticks(), np.arange(4.5, 100, 10))


def test_heatmap_draws_the_boundaries_between_classes(digits):
    ax = plot_gate_heatmap(digits, "SE_2_1")

    (lines,) = ax.collections
    heights = [segment[0][1] for segment in lines.get_segments()]
    np.testing.assert_allclose(heights, np.arange(9.5, 95, 10))


def test_heatmap_rows_are_averaged_to_the_pixels_and_the_title_says_so():
    gates, class_of = gates_of([3010, 994], {"SE_2_1": 5})
    record = make_gates(gates, [str(k) for k in class_of])

    ax = plot_gate_heatmap(record, "SE_2_1", ax=Figure((4, 2), dpi=50).subplots())

    n_pixels = int(2 * 0.77 * 200)  # default margins, and the resolution of `save`
    per_row = next(
        k for k in range(1, 4000) if -(-3010 // k) + -(-994 // k) <= n_pixels
    )
    assert ax.get_title() == f"SE_2_1\neach row: mean of up to {per_row} images"
    assert len(image_of(ax)) == -(-3010 // per_row) + -(-994 // per_row)
    first = record.to_numpy()[class_of == 0][:per_row].astype(np.float64)
    np.testing.assert_allclose(image_of(ax)[0], first.mean(axis=0))


def test_rows_weigh_back_to_the_mean_of_all_images(record):
    rows = label_sorted_rows(record, max_rows=11)

    n_images = rows["n_images"].to_numpy()
    assert rows.sizes["row"] <= 11
    assert n_images.sum() == record.sizes["image"]
    np.testing.assert_allclose(
        np.average(rows.to_numpy(), axis=0, weights=n_images),
        record.to_numpy().mean(axis=0, dtype=np.float64),
    )


@pytest.mark.parametrize("max_rows", [1, 5, 9, 11, 23, 100])
def test_rows_hold_one_class_each_and_fit(record, max_rows):
    rows = label_sorted_rows(record, max_rows=max_rows)

    names = rows["class_name"].to_numpy()
    starts = np.flatnonzero(names[1:] != names[:-1])
    assert len(starts) == 4  # five classes, each in one run
    assert rows.sizes["row"] <= max(max_rows, 5)
    assert rows["n_images"].to_numpy().max() <= rows.attrs["images_per_row"]


def test_rows_are_the_same_however_the_record_is_read(record, tmp_path, monkeypatch):
    group = create_record(
        tmp_path / "run.zarr",
        blocks=record.attrs["blocks"],
        rows={
            name: record[name].to_numpy()
            for name in ("image_id", "class_name", "wnid", "class_index")
        },
        batch_size=4,
        attrs={},
    )
    for k in range(6):
        gates = record.to_numpy()[4 * k : 4 * k + 4]
        done = np.ones(len(gates), np.int64)
        write_batch(group, k, gates, -done, done)
    monkeypatch.setattr("se_probe.gates.store._READ_BYTES", 1)

    rows = label_sorted_rows(open_gates(group), max_rows=8)

    xr.testing.assert_allclose(rows, label_sorted_rows(record, max_rows=8))


def test_heatmap_reads_only_the_channels_of_its_block(record, monkeypatch):
    read = []

    def spy(record, channels=None):
        read.append(channels)
        yield record.isel(channel=channels)

    monkeypatch.setattr("se_probe.plots.binning.row_batches", spy)

    plot_gate_heatmap(record, "SE_5_1")

    assert read == [block_channels(record, "SE_5_1")]


def test_heatmap_leaves_out_what_was_not_recorded(digits):
    partial = digits.copy(deep=True)
    partial["state"][:30] = State.SKIPPED
    partial[:30] = np.nan

    rows = label_sorted_rows(partial)

    assert rows["n_images"].sum() == 70
    assert np.isfinite(rows).all()
    with pytest.raises(GateRecordError, match="none of the 30 images"):
        plot_gate_heatmap(partial.isel(image=slice(30)), "SE_2_1")


def test_heatmap_shows_the_classes_asked_for_in_their_order(record):
    fig = figure_heatmaps(record, ["SE_2_1", "SE_5_1"], classes=["cliff", "goldfish"])

    is_block = record["block"].to_numpy() == "SE_5_1"
    names = record["class_name"].to_numpy()
    expected = [
        record.to_numpy()[names == n][:, is_block] for n in ("cliff", "goldfish")
    ]
    np.testing.assert_array_equal(image_of(fig.axes[1]), np.concatenate(expected))
    assert "10 images" in fig.get_supylabel()


def test_heatmap_names_the_classes_that_have_room(record):
    gates, class_of = gates_of([1] * 200, {"SE_2_1": 3})
    many = make_gates(gates, [f"class {k:03}" for k in class_of])

    ax = plot_gate_heatmap(many, "SE_2_1")

    n_named = len(ax.get_yticks())
    assert 10 < n_named < 30
    assert f"({n_named} of 200 classes named)" in ax.get_ylabel()
    assert not ax.collections  # lines between 200 classes would hide them


def test_heatmaps_share_one_colour_bar_and_its_limits(record):
    fig = figure_heatmaps(record)

    images = [image for ax in fig.axes for image in ax.images]
    assert {image.get_clim() for image in images} == {(0.0, 1.0)}
    assert len(fig.axes) == 6 + 1
    assert fig.axes[-1].get_ylabel() == "gate"


def test_unknown_colour_map_is_refused(record):
    with pytest.raises(UsageError, match="no colour map 'hott'"):
        plot_gate_heatmap(record, "SE_5_1", cmap="hott")


# --- depth ---------------------------------------------------------------------------


def test_colour_maps_of_seaborn_are_known():
    gates = make_gates({"SE_2_1": np.eye(4)}, ["a", "b", "c", "d"])

    ax = plot_gate_heatmap(gates, "SE_2_1", cmap="rocket")

    assert ax.images[0].get_cmap().name == "rocket"


def test_depth_curves_are_the_summary_in_network_order(record, moments):
    summary = block_summary(record, moments)

    fig = figure_depth(summary)

    labels = {
        "accuracy": "accuracy",
        "chance": "chance",
        "between": "between",
        "input_dependence": "input dependence",
        "open": "saturated at 1",
        "closed": "saturated at 0",
    }
    lines = [line for ax in fig.axes for line in ax.lines]
    for variable, label in labels.items():
        (line,) = [one for one in lines if one.get_label().startswith(label)]
        np.testing.assert_array_equal(line.get_ydata(), summary[variable])
    named = [text.get_text() for text in fig.axes[-1].get_xticklabels()]
    assert named == [fact["name"] for fact in block_facts_of(RESNET50)]


def test_accuracy_is_drawn_with_its_interval(record, moments):
    summary = block_summary(record, moments)

    ax = plot_depth_summary(summary, ["accuracy"])

    (intervals,) = ax.collections
    ends = np.array([segment[:, 1] for segment in intervals.get_segments()])
    np.testing.assert_array_equal(ends.T, [summary["low"], summary["high"]])


def test_depth_says_when_there_are_too_few_images():
    gates, class_of = gates_of([2, 2], {"SE_2_1": 4, "SE_3_1": 4})
    record = make_gates(gates, [str(k) for k in class_of])

    fig = figure_depth(block_summary(record))

    assert [text.get_text() for text in fig.axes[0].texts] == ["too few images"]
    assert not fig.axes[3].texts


def test_unknown_quantity_is_refused(record):
    with pytest.raises(UsageError, match=r"quantities of accuracy.*got depth"):
        plot_depth_summary(block_summary(record), ["depth"])


# --- tables --------------------------------------------------------------------------


def test_profile_table_holds_what_is_drawn(moments):
    options = {"channels": 7, "sampling": "random", "seed": 5}
    table = profile_table(moments, PAPERS_CLASSES, ["SE_5_1"], **options)
    ax = figure_profiles(moments, PAPERS_CLASSES, ["SE_5_1"], **options).axes[0]

    rows = table[table["class_name"] == "pug"]
    np.testing.assert_array_equal(rows["channel"], curve(ax, "pug").get_xdata())
    np.testing.assert_array_equal(rows["mean_gate"], curve(ax, "pug").get_ydata())
    np.testing.assert_array_equal(
        rows["mean_of_classes"], curve(ax, "mean of").get_ydata()
    )
    assert set(rows["wnid"]) == {"n02110958"}
    assert set(rows["n_images"]) == {5}
    assert len(table) == 4 * 7


def test_spread_table_holds_mean_and_sd(moments):
    table = spread_table(moments, ["pug", "tench"], ["SE_2_1"])

    pug = moments.sel(class_name="pug").isel(channel=slice(0, 32))
    rows = table[table["class_name"] == "pug"]
    np.testing.assert_array_equal(rows["sd_gate"], pug["sd"])
    assert table.loc[table["class_name"] == "tench", "sd_gate"].isna().all()


def test_heatmap_table_holds_the_rows_drawn(record):
    table = heatmap_table(record, ["SE_2_1", "SE_5_1"], channels="all")
    drawn = figure_heatmaps(record, ["SE_2_1", "SE_5_1"]).axes[1]

    columns = [f"SE_5_1/{i}" for i in range(256)]
    np.testing.assert_array_equal(table[columns].to_numpy(), image_of(drawn))
    assert list(table["class_name"][:3]) == ["tench", "goldfish", "goldfish"]
    assert len(heatmap_table(record).columns) == 3 + 32 + 5 * 50


def test_depth_table_has_a_row_per_block(record, moments):
    summary = block_summary(record, moments)

    table = depth_table(summary)

    assert list(table["block"]) == list(summary["block"].to_numpy())
    np.testing.assert_array_equal(table["between"], summary["between"])


# --- saving --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("profiles", "pdf"),
        ("spread", "svg"),
        ("heatmaps", "png"),
        ("heatmaps", "pdf"),
        ("depth", "png"),
    ],
)
def test_figure_drawn_twice_has_the_same_bytes(record, moments, tmp_path, name, suffix):
    draw = {
        "profiles": lambda: figure_profiles(moments, PAPERS_CLASSES, ["SE_5_1"]),
        "spread": lambda: figure_spread(moments, PAPERS_CLASSES, ["SE_5_1"]),
        "heatmaps": lambda: figure_heatmaps(record, ["SE_5_1"]),
        "depth": lambda: figure_depth(block_summary(record, moments)),
    }[name]

    first, second = (
        save(draw(), tmp_path / turn / f"{name}.{suffix}").read_bytes()
        for turn in ("first", "second")
    )

    assert first == second
    assert b"Date" not in first


def test_letters_are_saved_one_by_one_in_one_font(record, moments, tmp_path):
    figures = {
        "profiles": figure_profiles(moments, ["goldfish"], ["SE_5_1"]),
        "depth": figure_depth(block_summary(record, moments)),
    }
    for name, fig in figures.items():
        page = save(fig, tmp_path / f"{name}.pdf").read_bytes()
        assert page.count(b"/FontFile2") == 1


def test_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"to end in \.png, \.pdf, \.svg, got"):
        save(Figure(), tmp_path / "figure.jpg")


def test_saved_table_reads_back(moments, tmp_path):
    table = profile_table(moments, ["plane"], ["SE_5_1"])

    text = save_table(table, tmp_path / "tables" / "profiles.csv").read_text("utf-8")

    again = pd.read_csv(StringIO(text))
    pd.testing.assert_frame_equal(again, table, rtol=1e-5, check_dtype=False)
    assert text.startswith("block,channel,class_name,wnid,n_images,mean_gate,")


# --- how they look -------------------------------------------------------------------

LOOK = {"savefig_kwargs": {"dpi": 60}, "baseline_dir": "baseline"}


@pytest.mark.mpl_image_compare(**LOOK)
def test_profiles_look_as_before(moments):
    return figure_profiles(moments, PAPERS_CLASSES, ["SE_2_3", "SE_5_1", "SE_5_3"])


@pytest.mark.mpl_image_compare(**LOOK)
def test_spread_looks_as_before(moments):
    return figure_spread(moments, PAPERS_CLASSES, ["SE_2_3", "SE_5_3"])


@pytest.mark.mpl_image_compare(**LOOK)
def test_heatmap_looks_as_before(digits):
    return figure_heatmaps(digits, cmap="hot")


@pytest.mark.mpl_image_compare(**LOOK)
def test_depth_looks_as_before(record, moments):
    return figure_depth(block_summary(record, moments))
