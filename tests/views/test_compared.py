"""Two records in words and tables."""

import numpy as np
import pytest

from se_probe.gates import make_gates
from se_probe.views import (
    comparison_caption,
    comparison_profile,
    comparison_table,
    describe_comparison,
    moved_channels,
    moved_classes,
)


@pytest.fixture
def moved():
    """Channel 1 of the second block is 0.25 larger for pugs in the second record."""
    rng = np.random.default_rng(0)
    names = ["pug", "cliff"] * 6
    first = make_gates(
        {"SE_2_1": rng.random((12, 4)), "SE_3_1": rng.random((12, 3))}, names
    )
    gates = first.values.copy()
    gates[::2, 5] += 0.25
    second = first.copy(data=gates).assign_attrs(sha256="cd", precision="bf16")
    return comparison_profile(
        first.assign_attrs(sha256="ab", precision="fp32"), second, ("clean", "blurred")
    )


def test_what_moved_is_listed_first(moved):
    channel, class_name = moved_channels(moved).iloc[0], moved_classes(moved).iloc[0]

    assert (channel["block"], channel["channel_in_block"]) == ("SE_3_1", 1)
    assert channel["channel_shift"] == pytest.approx(0.125)
    assert (class_name["class_name"], class_name["block"]) == ("pug", "SE_3_1")


def test_words_say_what_was_compared_and_what_moved(moved):
    words = " ".join(describe_comparison(moved))

    assert "the same 12 images, 2 classes, in 2 SE blocks: clean and blurred" in words
    assert "Recorded with different weights and precision." in words
    assert "Gates moved most in SE_3_1 (0.0417" in words
    assert "Channels that moved most: SE_3_1/1 (+0.125)" in words


def test_table_has_a_row_for_each_block_and_no_other_dimension(moved):
    table = comparison_table(moved)

    assert table["block"].tolist() == ["SE_2_1", "SE_3_1"]
    assert {"gate_difference_low", "cka", "class_share_change"} <= set(table)


def test_words_say_that_channels_do_not_correspond():
    rng = np.random.default_rng(0)
    names = ["pug", "cliff"] * 6
    first, second = (make_gates({"SE_2_1": rng.random((12, 8))}, names) for _ in "ab")

    view = comparison_profile(first, second)

    words = " ".join(describe_comparison(view))
    assert "Channels do not correspond: mean gates" in words
    assert "Channels that moved most" not in words
    assert moved_channels(view).empty


def test_caption_names_both_records_and_the_command(moved):
    caption = comparison_caption(moved, {"first": "a.zarr", "command": "se-probe x"})

    assert "Changes are blurred minus clean." in caption
    assert caption.endswith("First: a.zarr\nCommand: se-probe x\n")
