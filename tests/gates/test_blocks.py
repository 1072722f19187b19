"""Blocks of a record, of whatever selection of it xarray can make."""

import numpy as np
import pytest
import xarray as xr

from se_probe.errors import BlockNameError, GateRecordError
from se_probe.gates import (
    block_channels,
    block_facts,
    block_names,
    check_gates,
    make_gates,
    match_blocks,
    row_batches,
)

WIDTHS = {"SE_2_1": 3, "SE_3_1": 5, "SE_3_2": 2}
BLOCKS = [
    {"name": name, "path": f"layer{k}.se", "stage": int(name[3]), "channels": width}
    for k, (name, width) in enumerate(WIDTHS.items())
]


@pytest.fixture
def gates():
    """Every gate says where it is: block 1, channel 4, image 2 is 142 / 1000."""
    values = {
        name: [[(100 * k + 10 * c + i) / 1000 for c in range(width)] for i in range(4)]
        for k, (name, width) in enumerate(WIDTHS.items())
    }
    names = ["pug", "pug", "cliff", "cliff"]
    return make_gates(values, names, attrs={"blocks": BLOCKS})


def numbers(record, block):
    """Channel of the block that each column found for it was written as."""
    part = record.isel(channel=block_channels(record, block))
    k = list(WIDTHS).index(block)
    return np.rint((part.values[0] * 1000 - 100 * k) // 10).astype(int).tolist()


SELECTIONS = {
    "whole": lambda g: g,
    "one block": lambda g: g.isel(channel=(g["block"] == "SE_3_1").values),
    "a slice": lambda g: g.isel(channel=slice(1, 6)),
    "every second channel": lambda g: g.isel(channel=slice(None, None, 2)),
    "some channels": lambda g: g.isel(channel=[9, 4, 2, 7]),
    "backwards": lambda g: g.isel(channel=slice(None, None, -1)),
    "some images": lambda g: g.isel(image=[3, 1]),
    "one class": lambda g: g.where(g["class_name"] == "cliff", drop=True),
    "late channels": lambda g: g.where(g["channel_in_block"] > 1, drop=True),
    "first stage put last": lambda g: xr.concat(
        [g.isel(channel=slice(3, 10)), g.isel(channel=slice(0, 3))], "channel"
    ),
    "a block in two pieces": lambda g: xr.concat(
        [g.isel(channel=[6, 7]), g.isel(channel=[0]), g.isel(channel=[3, 4])],
        "channel",
    ),
    "images put together": lambda g: xr.concat(
        [g.isel(image=[2]), g.isel(image=[0, 1])], "image"
    ),
    "sorted by name": lambda g: g.sortby("block", ascending=False),
    "grouped": lambda g: g.groupby("block").map(lambda part: part),
    "without attributes": lambda g: g.isel(channel=[7, 1]).drop_attrs(),
    "arithmetic": lambda g: 1.0 * g.isel(channel=[8, 3, 0]),
    "a Dataset": lambda g: g.isel(channel=[5, 4, 2]).to_dataset(),
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_block_is_found_by_its_own_channels_in_every_selection(gates, selection):
    cut = SELECTIONS[selection](gates)
    array = cut["gate"] if isinstance(cut, xr.Dataset) else cut
    is_held = {
        name: sorted(cut["channel_in_block"].values[cut["block"].values == name])
        for name in WIDTHS
    }

    found = {name: numbers(array, name) for name in block_names(cut)}

    assert found == {name: held for name, held in is_held.items() if held}
    assert list(found) == [name for name in WIDTHS if name in found]
    assert {f["name"]: f["channels"] for f in block_facts(cut)} == {
        name: len(held) for name, held in found.items()
    }
    check_gates(array)


def test_channels_of_a_whole_record_are_a_slice_and_need_no_copy(gates):
    channels = [block_channels(gates, name) for name in WIDTHS]

    assert channels == [slice(0, 3), slice(3, 8), slice(8, 10)]


def test_facts_keep_what_the_attributes_say(gates):
    assert block_facts(gates) == BLOCKS
    [fact] = block_facts(gates.isel(channel=[4, 6]))
    assert fact == {**BLOCKS[1], "channels": 2}


def test_a_block_that_was_cut_away_is_refused_by_name(gates):
    with pytest.raises(BlockNameError, match=r"'SE_2_1'; there are 2: SE_3_1 to SE_3"):
        block_channels(gates.isel(channel=slice(3, 10)), "SE_2_1")
    with pytest.raises(BlockNameError, match=r"'SE_2_1': there are none"):
        block_channels(gates.isel(channel=[]), "SE_2_1")


def test_rows_of_scattered_channels_are_read_in_the_order_of_the_block(gates):
    cut = gates.isel(channel=[7, 0, 3, 5])

    [part] = row_batches(cut, block_channels(cut, "SE_3_1"))

    np.testing.assert_array_equal(part["channel_in_block"], [0, 2, 4])
    np.testing.assert_array_equal(part.values, gates.values[:, [3, 5, 7]])


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda g: xr.concat([g, g], "channel"), "SE_2_1 more than once"),
        (lambda g: g.isel(channel=3), r"dims \(image, channel\), got \(image\)"),
        (lambda g: g.isel(image=3), r"got \(channel\). Select with lists"),
        (lambda g: g.T, r"got \(channel, image\)"),
        (lambda g: g.drop_vars(["stage", "wnid"]), "coordinates wnid, stage"),
        (
            lambda g: xr.concat(
                [g.isel(image=[0]), g.isel(image=[1], channel=[0])],
                "channel",
                coords="different",
                compat="equals",
            ),
            "'image_id' of the gate record along 'image' only",
        ),
    ],
)
def test_what_is_no_selection_of_a_record_is_refused_with_a_way_out(
    gates, broken, sentence
):
    with pytest.raises(GateRecordError, match=sentence):
        check_gates(broken(gates))


def test_an_array_without_its_blocks_is_refused(gates):
    with pytest.raises(GateRecordError, match="lacks the coordinate 'block'"):
        block_names(gates.drop_vars("block"))


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["SE_3_1", "SE_2_1"], ["SE_2_1", "SE_3_1"]),
        (["se_3_*"], ["SE_3_1", "SE_3_2"]),
        (["layer2.se"], ["SE_3_2"]),
        (["layer[12].se", "SE_3_2"], ["SE_3_1", "SE_3_2"]),
    ],
)
def test_blocks_are_matched_by_name_path_or_glob_in_network_order(patterns, expected):
    assert match_blocks(patterns, BLOCKS) == expected


def test_unknown_block_is_refused_with_the_nearest_names():
    with pytest.raises(BlockNameError, match=r"'SE_3_3'; .* 3: SE_2_1 to SE_3_2\. Did"):
        match_blocks(["SE_3_3"], BLOCKS)


def test_glob_that_means_several_blocks_is_no_block(gates):
    with pytest.raises(BlockNameError, match="several blocks: SE_3_1, SE_3_2"):
        block_channels(gates, "SE_3_*")
