"""Two records beside each other as they are drawn."""

import matplotlib
import numpy as np
import pytest

from figures import LOOK
from se_probe.errors import UsageError
from se_probe.gates import make_gates
from se_probe.plots import figure_pairs, save
from se_probe.views import RecordPair, paired_rows


@pytest.fixture
def two_records():
    names = ["pug", "cliff"] * 2
    first = make_gates(
        {"SE_2_1": [[0.1, 0.9], [0.4, 0.2], [0.3, 0.7], [0.4, 0.6]]}, names
    )
    return first, first.copy(data=first.values[:, ::-1])


def panels(fig):
    return [ax.get_images()[0].get_array() for ax in fig.axes if ax.get_title()]


def test_panels_show_both_records_by_class_and_their_difference(two_records):
    first, second = two_records

    fig = figure_pairs([paired_rows(RecordPair(first, second, ("one", "two"), True))])

    left, middle, right = panels(fig)
    by_class = first.values[[1, 3, 0, 2]]
    np.testing.assert_allclose(left, by_class)
    np.testing.assert_allclose(middle, by_class[:, ::-1])
    np.testing.assert_allclose(right, by_class[:, ::-1] - by_class)
    assert [ax.get_title() for ax in fig.axes[:2]] == ["one", "two"]


def test_channels_without_common_order_are_sorted_first(two_records):
    first, second = two_records

    fig = figure_pairs([paired_rows(RecordPair(first, second, ("one", "two"), False))])

    assert not panels(fig)[2].any()
    assert "sorted by mean gate" in fig.axes[2].get_xlabel()
    assert "0 everywhere" in fig.axes[2].get_title()


def test_pairs_are_drawn_with_the_same_bytes_twice(two_records, tmp_path):
    view = paired_rows(RecordPair(*two_records, ("one", "two"), True))

    paths = [save(figure_pairs([view]), tmp_path / f"{i}.png") for i in range(2)]

    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("width", ["page", "column"])
def test_every_colour_is_on_the_bar_beside_it(two_records, width):
    view = paired_rows(RecordPair(*two_records, ("one", "two"), True))

    fig = figure_pairs([view], width=width)

    assert fig.get_figwidth() == {"page": 7.0, "column": 3.5}[width]
    for ax, name in zip(fig.axes, ["viridis", "viridis", "RdBu_r"], strict=False):
        (image,) = ax.images
        drawn = image.to_rgba(image.get_array(), bytes=True).reshape(-1, 4)
        bar = matplotlib.colormaps[name](np.arange(256), bytes=True)
        assert {tuple(c) for c in drawn.tolist()} <= {tuple(c) for c in bar.tolist()}
        assert image.get_interpolation() == "none"


@pytest.mark.parametrize("width", ["page", "column"])
def test_a_title_stands_above_all_and_nothing_outside_the_page(two_records, width):
    view = paired_rows(RecordPair(*two_records, ("one", "two"), False))

    fig = figure_pairs([view] * 2, width=width, title="Two runs")

    fig.draw_without_rendering()
    assert fig.get_suptitle().splitlines()[0] == "Two runs"
    box = fig.get_tightbbox()
    assert box.y0 >= -0.02
    assert box.y1 <= fig.get_figheight() + 0.02
    highest = max(ax.get_tightbbox().y1 for ax in fig.axes)
    assert highest <= fig._suptitle.get_window_extent().y0 + 1


def test_no_pairs_are_refused():
    with pytest.raises(UsageError, match="no pairs"):
        figure_pairs([])


@pytest.mark.mpl_image_compare(**LOOK)
def test_pairs_look_as_before(two_records):
    pairs = [
        RecordPair(*two_records, ("run 1, seed 0", "run 2, seed 1"), is_in_order)
        for is_in_order in (True, False)
    ]
    return figure_pairs([paired_rows(pair) for pair in pairs])
