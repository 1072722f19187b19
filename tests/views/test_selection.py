"""Which classes, blocks and channels a view shows."""

import numpy as np
import pytest

from records import RESNET50, block_facts_of
from se_probe.errors import BlockNameError, ClassNameError, UsageError
from se_probe.gates import State
from se_probe.views import (
    Selection,
    block_part,
    class_profiles,
    default_blocks,
    find_classes,
    pick_channels,
)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (RESNET50, "SE_2_3 SE_3_4 SE_4_6 SE_5_1 SE_5_2 SE_5_3"),
        ({2: 3, 3: 8, 4: 36, 5: 3}, "SE_2_3 SE_3_8 SE_4_36 SE_5_1 SE_5_2 SE_5_3"),
        ({2: 2, 3: 2, 4: 2, 5: 2}, "SE_2_2 SE_3_2 SE_4_2 SE_5_1 SE_5_2"),
        ({4: 8, 5: 8}, "SE_4_1 SE_4_8 SE_5_1 SE_5_3 SE_5_6 SE_5_8"),
        ({2: 1}, "SE_2_1"),
        (
            {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 9},
            "SE_2_1 SE_3_1 SE_4_1 SE_5_1 SE_6_1 SE_6_9",
        ),
        ({0: 3, 1: 1}, "SE_0_1 SE_0_3 SE_1_1"),
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


def test_names_become_positions_once(record):
    chosen = Selection(["plane"], ["SE_3_*"], channels=3).resolve(record)

    assert chosen.classes == ["airliner"]
    assert chosen.blocks == ["SE_3_1", "SE_3_2", "SE_3_3", "SE_3_4"]
    assert chosen.n_channels == dict.fromkeys(chosen.blocks, 64)
    starts = np.repeat(3 * 32 + 64 * np.arange(4), 3)
    np.testing.assert_array_equal(chosen.channels, starts + np.tile([0, 32, 63], 4))


def test_classes_without_a_recorded_image_are_not_there(record):
    is_pug = record["class_name"] == "pug"
    state = np.where(is_pug, State.SKIPPED, record["state"])

    cut = record.assign_coords(state=("image", state))

    assert "pug" not in find_classes(cut, None)
    with pytest.raises(ClassNameError, match="no image of 254 n02110958 pug"):
        find_classes(cut, ["pug"])


def test_channels_may_be_named_by_their_numbers(record):
    chosen = Selection(blocks="SE_3_2", channels=[5, 0, 3]).resolve(record)

    start = 3 * 32 + 64
    assert chosen.channels.tolist() == [start + 5, start, start + 3]


def test_channels_that_a_block_lacks_are_refused(record):
    cut = record.isel(channel=[0, 2, 4])

    with pytest.raises(UsageError, match="SE_2_1 has the channels 0 to 31; got 32"):
        Selection(blocks="SE_2_1", channels=[0, 32]).resolve(record)
    with pytest.raises(UsageError, match="of which some were cut; got 1, 3"):
        Selection(channels=[0, 1, 3]).resolve(cut)


def test_a_single_name_is_one_name(record):
    chosen = Selection(classes="goldfish", blocks="SE_5_*").resolve(record)

    assert chosen.classes == ["goldfish"]
    assert chosen.blocks == ["SE_5_1", "SE_5_2", "SE_5_3"]


def test_a_selection_and_keywords_beside_it_are_refused(moments):
    with pytest.raises(UsageError, match="not both; got blocks"):
        class_profiles(moments, Selection(), blocks=["SE_2_1"])


def test_a_block_of_a_view_goes_by_its_name(moments):
    view = class_profiles(moments, blocks=["SE_5_*"])

    assert set(block_part(view, "SE_5_2")["block"].values) == {"SE_5_2"}
    with pytest.raises(BlockNameError, match=r"which block\? The view shows SE_5_1,"):
        block_part(view)
    with pytest.raises(BlockNameError, match="no SE block is called 'SE_2_1'"):
        block_part(view, "SE_2_1")
