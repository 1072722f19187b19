"""Gates stored in half precision: half the bytes, read as float32."""

import numpy as np
import pytest
import xarray as xr

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import (
    create_record,
    damaged_batches,
    open_gates,
    open_group,
    row_batches,
    save_gates,
    write_batch,
)

VALUES = np.array([[0.1, 0.95, 1.7], [0.3, 1e-5, 1.0], [0.7, 0.5, 0.2]], np.float32)
HALF = VALUES.astype(np.float16)


def new(out, dtype="float16", n=3):
    rows = {
        "image_id": [str(i) for i in range(n)],
        "class_name": ["pug"] * n,
        "wnid": [""] * n,
        "class_index": [0] * n,
    }
    return create_record(
        out,
        blocks=[{"name": "SE_2_1", "stage": 2, "channels": 3}],
        rows=rows,
        batch_size=2,
        attrs={"dtype": dtype},
        dtype=dtype,
    )


def write(group, values=VALUES):
    for number, start in enumerate(range(0, len(values), 2)):
        rows = values[start : start + 2]
        ones = np.ones(len(rows), dtype=np.int64)
        write_batch(group, number, rows, ones, ones)


@pytest.fixture
def half(tmp_path):
    write(new(tmp_path / "half.zarr"))
    return tmp_path / "half.zarr"


def test_half_precision_takes_half_the_bytes_and_is_read_as_float32(half, tmp_path):
    write(new(tmp_path / "whole.zarr", "float32"))

    gates, whole = open_gates(half), open_gates(tmp_path / "whole.zarr")

    sizes = [
        (path / "gate/c/0/0").stat().st_size - 4
        for path in (half, tmp_path / "whole.zarr")
    ]
    assert 2 * sizes[0] == sizes[1]
    assert gates.dtype == np.float32
    assert gates.values.dtype == np.float32
    assert np.array_equal(gates.values, HALF.astype(np.float32))
    assert 0 < np.abs(gates.values - whole.values).max() < 5e-4


def test_selections_are_read_as_they_are_from_float32(half):
    gates = open_gates(half)

    picked = gates.isel(image=[2, 0], channel=gates["channel_in_block"].values > 0)

    assert np.array_equal(picked.values, HALF[[2, 0], 1:].astype(np.float32))
    assert gates.isel(image=1, channel=2).item() == HALF[1, 2]
    assert [len(part) for part in row_batches(gates)] == [3]
    assert next(row_batches(gates)).dtype == np.float32


def test_plain_xarray_reads_it(half):
    with xr.open_dataarray(half, engine="zarr", consolidated=False) as gates:
        assert np.array_equal(gates.values, HALF)


def test_in_memory_it_is_the_same(half):
    group = new(None)
    write(group)

    xr.testing.assert_identical(open_gates(group), open_gates(half))


def test_damage_is_found(half):
    (half / "gate/c/1/0").write_bytes(b"nonsense")

    assert damaged_batches(open_group(half)) == [1]
    with pytest.raises(GateRecordError, match=r"batch 1 of .* damaged"):
        open_gates(half).load()


def test_saving_keeps_the_number_type_and_every_bit(half, tmp_path):
    gates = open_gates(half)

    save_gates(gates.isel(channel=[0, 2]), tmp_path / "part.zarr")

    part = open_gates(tmp_path / "part.zarr")
    assert part.attrs["dtype"] == "float16"
    assert np.array_equal(part.values, gates.values[:, [0, 2]])
    assert open_group(tmp_path / "part.zarr")["gate"].dtype == np.float16


def test_a_gate_too_large_is_refused_and_not_stored_as_infinity():
    group = new(None)
    values = VALUES[:2] * np.array([1, 1, 70_000], np.float32)

    with pytest.raises(GateRecordError, match=r"119,000, and float16 ends at 65,504"):
        write(group, values)

    assert open_gates(group)["state"].values.tolist() == [0, 0, 0]


def test_other_number_types_are_refused(tmp_path):
    with pytest.raises(UsageError, match="float32 or float16, got 'int8'"):
        new(tmp_path / "run.zarr", "int8")
