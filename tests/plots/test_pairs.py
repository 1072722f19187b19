"""Two records beside each other as they are drawn."""

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
