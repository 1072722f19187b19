"""Rows of a heatmap: sorted by class, averaged within it."""

import numpy as np
import pytest
import xarray as xr

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import (
    State,
    block_channels,
    create_record,
    make_gates,
    open_gates,
    write_batch,
)
from se_probe.views import rows_table, sorted_rows


def test_rows_weigh_back_to_the_mean_of_all_images(record):
    rows = sorted_rows(record, blocks=["*"], max_rows=11)

    n_images = rows["n_images"].to_numpy()
    assert rows.sizes["row"] <= 11
    assert n_images.sum() == record.sizes["image"]
    np.testing.assert_allclose(
        np.average(rows.to_numpy(), axis=0, weights=n_images),
        record.to_numpy().mean(axis=0, dtype=np.float64),
    )


@pytest.mark.parametrize("max_rows", [1, 5, 9, 11, 23, 100])
def test_rows_hold_one_class_each_and_fit(record, max_rows):
    rows = sorted_rows(record, max_rows=max_rows)

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
    monkeypatch.setattr("se_probe.gates.rows._READ_BYTES", 1)

    rows = sorted_rows(open_gates(group), max_rows=8)

    xr.testing.assert_allclose(rows, sorted_rows(record, max_rows=8))


def test_rows_read_only_the_channels_of_its_block(record, monkeypatch):
    read = []

    def spy(record, channels=None):
        read.append(channels)
        yield record.isel(channel=channels)

    monkeypatch.setattr("se_probe.views.rows.row_batches", spy)

    sorted_rows(record, blocks=["SE_5_1"])

    assert read == [block_channels(record, "SE_5_1")]


def test_rows_leave_out_what_was_not_recorded(digits):
    partial = digits.copy(deep=True)
    partial["state"][:30] = State.SKIPPED
    partial[:30] = np.nan

    rows = sorted_rows(partial)

    assert rows["n_images"].sum() == 70
    assert np.isfinite(rows).all()
    with pytest.raises(GateRecordError, match="none of the 30 images"):
        sorted_rows(partial.isel(image=slice(30)))


def test_rows_are_the_asked_classes_in_their_order(record):
    blocks = ["SE_2_1", "SE_5_1"]

    rows = sorted_rows(record, classes=["cliff", "goldfish"], blocks=blocks)

    is_shown = np.isin(record["block"].to_numpy(), blocks)
    names = record["class_name"].to_numpy()
    expected = [
        record.to_numpy()[names == n][:, is_shown] for n in ("cliff", "goldfish")
    ]
    np.testing.assert_array_equal(rows, np.concatenate(expected))
    np.testing.assert_array_equal(rows["channel"], np.flatnonzero(is_shown))


def test_table_holds_the_rows_at_some_channels(record):
    rows = sorted_rows(record, blocks=["SE_2_1", "SE_5_1"])

    table = rows_table(rows, channels="all")

    columns = [f"SE_5_1/{i}" for i in range(256)]
    np.testing.assert_array_equal(table[columns], rows[:, 32:])
    assert list(table["class_name"][:3]) == ["tench", "goldfish", "goldfish"]
    assert len(rows_table(sorted_rows(record)).columns) == 3 + 32 + 5 * 50


def test_channels_of_a_cut_record_keep_their_numbers(record):
    cut = record.isel(channel=[40, 35, 1, 7])

    rows = sorted_rows(cut, blocks=["SE_2_*"])

    by_class = cut.isel(image=np.argsort(cut["class_index"].values, kind="stable"))
    np.testing.assert_array_equal(rows, by_class.to_numpy()[:, [2, 3, 1, 0]])
    assert list(rows_table(rows).columns[3:]) == [
        *("SE_2_1/1", "SE_2_1/7"),
        *("SE_2_2/3", "SE_2_2/8"),
    ]


def test_channels_by_class_form_blocks(record):
    gates = np.full((30, 9), 0.3)
    names = np.repeat(["a", "b", "c"], 10)
    for channel in range(9):
        gates[names == "abc"[channel % 3], channel] += 0.1 + 0.01 * channel
    tagged = make_gates({"SE_2_1": gates}, names)

    rows = sorted_rows(tagged, channel_order="class")

    assert rows["channel_in_block"].values.tolist() == [0, 3, 6, 1, 4, 7, 2, 5, 8]
    np.testing.assert_array_equal(rows, gates[:, rows["channel_in_block"]].astype("f4"))
    assert rows.attrs["channel_order"] == "class"


def test_channels_by_class_stay_within_their_blocks(record):
    rows = sorted_rows(record, blocks=["SE_5_*"], channel_order="class")

    assert list(dict.fromkeys(rows["block"].values)) == ["SE_5_1", "SE_5_2", "SE_5_3"]
    assert set(rows["channel"].values) == set(
        np.flatnonzero(np.char.startswith(record["block"].values.astype(str), "SE_5"))
    )


def test_unknown_channel_order_is_refused(record):
    with pytest.raises(UsageError, match="channel order index or class, got 'mean'"):
        sorted_rows(record, channel_order="mean")
