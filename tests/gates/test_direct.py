"""Gates read straight from their files: the same bits as Zarr reads, for any rows."""

import shutil

import numpy as np
import pytest
from zarr.storage import LocalStore

import records
from se_probe.gates import (
    create_record,
    open_context,
    open_gates,
    row_batches,
    write_batch,
)

N_IMAGES, SIZE = 23, 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Values, and where they lie in batches of four, the last of three."""
    record = records.resnet50_record()
    path = tmp_path_factory.mktemp("whole") / "run.zarr"
    records.on_disk(record, path, SIZE)
    return record.values, path


@pytest.fixture
def without_zarr(monkeypatch):
    """Any chunk of gates that is read by Zarr is an error."""
    get = LocalStore.get

    async def refuse(self, key, *arguments, **named):
        assert "gate/c" not in key, key
        return await get(self, key, *arguments, **named)

    monkeypatch.setattr(LocalStore, "get", refuse)


KEYS = {
    "all": (slice(None), slice(None)),
    "a block": (slice(None), slice(8, 200)),
    "some rows": (slice(3, 17), slice(None)),
    "backwards": (slice(20, 2, -3), slice(None, None, 5)),
    "any rows": ([22, 0, 5, 4, 4], [7, 3, 900]),
    "one image": (9, slice(0, 8)),
    "one channel": (slice(None), 11),
    "one gate": (22, 0),
    "no image": (slice(0, 0), slice(None)),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_rows_and_channels_are_read_without_zarr(whole, without_zarr, key):
    values, path = whole
    images, channels = key

    read = open_gates(path).isel(image=images, channel=channels).values

    np.testing.assert_array_equal(read, values[images][..., channels])


def test_batches_are_read_whole_and_each_once(whole, monkeypatch):
    values, path = whole
    monkeypatch.setattr("se_probe.gates.rows._READ_BYTES", 10 * values[0].nbytes)

    sizes = [part.sizes["image"] for part in row_batches(open_gates(path))]

    assert sizes == [8, 8, 7]


def test_half_precision_is_read_without_zarr_too(tmp_path, without_zarr):
    group = create_record(
        tmp_path / "half.zarr",
        blocks=[{"name": "SE_2_1", "stage": 2, "channels": 2}],
        rows={
            "image_id": ["a"],
            "class_name": ["pug"],
            "wnid": [""],
            "class_index": [0],
        },
        batch_size=1,
        attrs={},
        dtype="float16",
    )
    values = np.array([[0.1, 0.9]], np.float32)
    write_batch(group, 0, values, np.array([-1]), np.ones(1, np.uint8))

    read = open_gates(tmp_path / "half.zarr").values

    np.testing.assert_array_equal(read, values.astype(np.float16).astype(np.float32))
    assert read.dtype == np.float32


def test_a_zip_gives_the_same_gates(whole, tmp_path):
    values, path = whole
    shutil.make_archive(str(tmp_path / "run.zarr"), "zip", path)

    np.testing.assert_array_equal(open_gates(tmp_path / "run.zarr.zip").values, values)


def test_what_is_not_written_yet_is_nan(whole, tmp_path):
    values, path = whole
    shutil.copytree(path, tmp_path / "run.zarr")
    for name in ("gate/c/2", "state/c"):
        shutil.rmtree(tmp_path / "run.zarr" / name)

    read = open_gates(tmp_path / "run.zarr")

    assert not read["state"].values.any()
    assert np.isnan(read.values[8:12]).all()
    np.testing.assert_array_equal(read.values[12:], values[12:])


def test_context_is_read_as_it_was_written(tmp_path):
    record, squeeze = records.with_squeeze(tmp_path)

    beside = open_context(tmp_path / "with_squeeze.zarr")

    np.testing.assert_array_equal(
        beside["squeeze"].isel(channel=slice(2, 5)), squeeze[:, 2:5]
    )
    assert record.encoding["chunks"] == (8, 7)
