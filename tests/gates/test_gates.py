"""The gate record: what is written is what is read, and half a record is readable."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import (
    State,
    block_channels,
    block_names,
    create_record,
    make_gates,
    only_correct,
    open_gates,
    open_group,
    pending_batches,
    remove_record,
    row_batches,
    write_batch,
)
from se_probe.gates import rows as gates_module

BLOCKS = [
    {"name": "SE_4_2", "path": "layer3.1.se", "stage": 4, "channels": 3},
    {"name": "SE_4_10", "path": "layer3.9.se", "stage": 4, "channels": 2},
]
ROWS = {
    "image_id": ["a/1.png", "a/2.png", "b/ü.png", "b/4.png", "b/5.png"],
    "class_name": ["pug", "pug", "cliff", "cliff", "cliff"],
    "wnid": ["n02110958"] * 2 + ["n09246464"] * 3,
    "class_index": [0, 0, 1, 1, 1],
}


def new_record(out, batch_size=2, **attrs):
    return create_record(
        out, blocks=BLOCKS, rows=ROWS, batch_size=batch_size, attrs=attrs
    )


def write_numbers(group, number):
    rows = range(5)[number * 2 : number * 2 + 2]
    values = np.array([[row + c / 10 for c in range(5)] for row in rows], np.float32)
    predicted = np.array([row % 2 for row in rows])
    write_batch(group, number, values, predicted, np.ones(len(rows), np.uint8))
    return values


@pytest.fixture(params=["disk", "memory"])
def out(request, tmp_path):
    return tmp_path / "run.zarr" if request.param == "disk" else None


def test_what_was_written_is_read(out):
    group = new_record(out, seed=3, checkpoint={"name": "x.pt"})
    written = np.concatenate([write_numbers(group, k) for k in (2, 0, 1)])

    record = open_gates(group)

    np.testing.assert_array_equal(record.values, np.roll(written, -1, axis=0))
    assert list(record["image_id"].values) == ROWS["image_id"]
    assert list(record["block"].values) == ["SE_4_2"] * 3 + ["SE_4_10"] * 2
    assert list(record["channel_in_block"].values) == [0, 1, 2, 0, 1]
    assert record.attrs["seed"] == 3
    assert record.attrs["blocks"] == BLOCKS


def test_half_filled_record_opens_with_plain_xarray_and_no_warning(tmp_path):
    group = new_record(tmp_path / "run.zarr")
    write_numbers(group, 1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = xr.open_dataarray(tmp_path / "run.zarr")
        dataset = xr.open_zarr(tmp_path / "run.zarr", chunks=None)

    assert array.name == "gate"
    assert list(array["state"].values) == [0, 0, 1, 1, 0]
    assert list(array["predicted"].values) == [-1, -1, 0, 1, -1]
    assert np.isnan(array.values[[0, 1, 4]]).all()
    assert list(dataset) == ["gate"]


def test_batches_are_pending_until_their_state_is_written(out):
    group = new_record(out)

    write_numbers(group, 1)

    assert pending_batches(group) == [0, 2]


def test_batch_without_its_state_is_not_done(tmp_path):
    group = new_record(tmp_path / "run.zarr")
    group["gate"][0:2] = 0.5  # killed before the state was written

    assert pending_batches(open_group(tmp_path / "run.zarr")) == [0, 1, 2]


def test_writers_of_neighbouring_batches_do_not_lose_rows(tmp_path):
    script = """
import sys, numpy as np
from se_probe.gates import open_group, write_batch
group, k, n = open_group(sys.argv[1]), int(sys.argv[2]), 20
for number in range(k, n, 2):
    write_batch(group, number, np.full((2, 5), number, np.float32),
                np.full(2, number), np.ones(2, np.uint8))
"""
    path = tmp_path / "run.zarr"
    rows = {key: [values[0]] * 40 for key, values in ROWS.items()}
    create_record(path, blocks=BLOCKS, rows=rows, batch_size=2, attrs={})

    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), str(k)])
        for k in (0, 1)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]

    record = open_gates(path)
    np.testing.assert_array_equal(record["predicted"].values, np.repeat(range(20), 2))
    np.testing.assert_array_equal(record.values[:, 0], np.repeat(range(20), 2))
    assert (record["state"].values == State.RECORDED).all()


def test_every_batch_is_one_chunk_of_all_that_is_written(tmp_path):
    group = new_record(tmp_path / "run.zarr")

    assert [group[n].chunks[0] for n in ("gate", "predicted", "state")] == [2, 2, 2]


@pytest.mark.parametrize(
    ("rows", "state", "message"),
    [(1, [1], "shape"), (2, [1, 0], "not recorded")],
)
def test_batch_of_the_wrong_shape_or_state_is_refused(out, rows, state, message):
    group = new_record(out)

    with pytest.raises(GateRecordError, match=message):
        write_batch(
            group,
            0,
            np.zeros((rows, 5), np.float32),
            np.zeros(rows, int),
            np.array(state),
        )


def test_existing_record_is_not_overwritten(tmp_path):
    new_record(tmp_path / "run.zarr")

    with pytest.raises(GateRecordError, match="exists already"):
        new_record(tmp_path / "run.zarr")


def test_failed_creation_leaves_nothing_behind(tmp_path):
    with pytest.raises(TypeError):
        new_record(tmp_path / "run.zarr", not_json=object())

    assert list(tmp_path.iterdir()) == []


def test_row_batches_give_recorded_rows_only(out):
    group = new_record(out)
    write_numbers(group, 0)
    nan = np.full((2, 5), np.nan, np.float32)
    states = np.array([State.SKIPPED, State.RECORDED], np.uint8)
    write_batch(group, 1, nan, np.array([-1, 0]), states)

    parts = list(row_batches(open_gates(group)))

    ids = [name for part in parts for name in part["image_id"].values]
    assert ids == ["a/1.png", "a/2.png", "b/4.png"]


def test_row_batches_are_whole_chunks_within_the_memory_bound(tmp_path, monkeypatch):
    group = new_record(tmp_path / "run.zarr")
    expected = np.concatenate([write_numbers(group, k) for k in range(3)])
    monkeypatch.setattr(gates_module, "_READ_BYTES", 2 * 2 * 5 * 4)

    parts = list(row_batches(open_gates(group)))

    assert [len(part) for part in parts] == [4, 1]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_channels_of_one_block_can_be_read_alone(out):
    group = new_record(out)
    values = write_numbers(group, 0)
    record = open_gates(group)

    [part] = row_batches(record, block_channels(record, "layer3.9.se"))

    np.testing.assert_array_equal(part.values, values[:, 3:])


def test_saved_record_equals_the_one_made_in_memory(tmp_path):
    values = np.random.default_rng(0).random((5, 5), np.float32)
    made = make_gates(
        {"SE_4_2": values[:, :3], "SE_4_10": values[:, 3:]},
        ROWS["class_name"],
        image_ids=ROWS["image_id"],
        wnids=ROWS["wnid"],
        class_index=ROWS["class_index"],
        predicted=[0, 0, 1, 1, 0],
        attrs={"blocks": BLOCKS},
    )
    group = new_record(tmp_path / "run.zarr", batch_size=5)
    write_batch(group, 0, values, np.array([0, 0, 1, 1, 0]), np.ones(5, np.uint8))

    saved = open_gates(tmp_path / "run.zarr")

    xr.testing.assert_equal(saved, made)


def test_rows_of_the_wrong_length_are_refused():
    with pytest.raises(GateRecordError, match=r"shape \(2, channels\), one row per"):
        make_gates({"SE_2_1": np.zeros((3, 4))}, ["pug", "cliff"])


def test_only_correct_keeps_correctly_classified_images():
    gates = make_gates(
        {"SE_2_1": [[0.1], [0.2], [0.3]]},
        ["pug", "pug", "cliff"],
        class_index=[0, 0, -1],
        predicted=[0, 1, -1],
    )

    [part] = row_batches(only_correct(gates))

    assert part.values.tolist() == [[np.float32(0.1)]]


@pytest.mark.parametrize("class_index", [[-1], [1]])
def test_only_correct_refuses_when_nothing_is_left(class_index):
    gates = make_gates(
        {"SE_2_1": [[0.1]]}, ["pug"], class_index=class_index, predicted=[0]
    )

    with pytest.raises(
        GateRecordError, match="no recorded image was correctly classified"
    ):
        only_correct(gates)


@pytest.mark.parametrize("content", ["nothing", "empty", "file", "foreign"])
def test_what_is_no_record_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "run.zarr"
    if content == "empty":
        path.mkdir()
    if content == "file":
        path.write_text("hello")
    if content == "foreign":
        xr.Dataset({"x": ("y", [1, 2])}).to_zarr(
            path, zarr_format=3, consolidated=False
        )

    with pytest.raises(
        GateRecordError, match=r"no gate record at|is not a gate record"
    ):
        open_gates(path)


def test_damaged_record_is_refused_in_one_sentence(tmp_path):
    new_record(tmp_path / "run.zarr")
    (tmp_path / "run.zarr" / "gate" / "zarr.json").write_text('{"zarr_format"')

    with pytest.raises(GateRecordError, match="is damaged"):
        open_gates(tmp_path / "run.zarr")


def test_only_records_are_removed(tmp_path):
    new_record(tmp_path / "run.zarr")
    (tmp_path / "precious").mkdir()

    remove_record(tmp_path / "run.zarr")
    with pytest.raises(GateRecordError, match="not a gate record"):
        remove_record(tmp_path / "precious")

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_names_come_in_network_order(out):
    assert block_names(open_gates(new_record(out))) == ["SE_4_2", "SE_4_10"]
