"""Files of a record that are no files, or may not be read: one sentence each."""

import os
from pathlib import Path

import numpy as np
import pytest
from zarr.storage import LocalStore

from se_probe.errors import GateRecordError
from se_probe.gates import (
    create_record,
    is_record,
    open_gates,
    open_group,
    pending_batches,
    save_gates,
    write_batch,
)

BLOCKS = [{"name": "SE_2_1", "path": "se", "stage": 2, "channels": 3}]
ROWS = {
    "image_id": list("abcd"),
    "class_name": ["pug"] * 4,
    "wnid": [""] * 4,
    "class_index": [0] * 4,
}
VALUES = np.random.default_rng(0).random((4, 3), np.float32)


def write(group, number):
    rows = VALUES[2 * number : 2 * number + 2]
    write_batch(group, number, rows, np.zeros(2, int), np.ones(2, np.uint8))


@pytest.fixture
def run(tmp_path):
    group = create_record(
        tmp_path / "run.zarr", blocks=BLOCKS, rows=ROWS, batch_size=2, attrs={}
    )
    write(group, 0)
    write(group, 1)
    return tmp_path / "run.zarr"


def become_folder(file):
    file.unlink()
    file.mkdir()


def become_link_to_nowhere(file):
    file.unlink()
    file.symlink_to("nowhere")


def become_link_to_itself(file):
    file.unlink()
    file.symlink_to(file.name)


CHANGES = [become_folder, become_link_to_nowhere, become_link_to_itself]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "key",
    [
        *("zarr.json", "gate/zarr.json", "stage/zarr.json", "image_id/c/0"),
        *("gate/c/1/0", "predicted/c/1"),
    ],
)
def test_what_stands_in_the_place_of_a_file_is_named_in_one_sentence(run, key, change):
    change(run / key)

    with pytest.raises(GateRecordError, match=r"is damaged \(\w") as refused:
        _ = open_gates(run).values

    sentence = str(refused.value)
    assert key.split("/")[0] in sentence
    assert "Errno" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("change", CHANGES[1:])
def test_links_in_the_place_of_gates_are_written_over(run, change):
    change(run / "gate/c/1/0")

    group = open_group(run)
    assert pending_batches(group) == [1]
    write(group, 1)

    np.testing.assert_array_equal(open_gates(run).values, VALUES)


def test_a_folder_in_the_place_of_gates_is_named_where_they_are_written_again(run):
    become_folder(run / "gate/c/1/0")

    group = open_group(run)
    assert pending_batches(group) == [1]
    with pytest.raises(
        GateRecordError, match=r"cannot be written to \(gate/c/1/0: Is a directory\)"
    ):
        write(group, 1)


def refuse(*_, **__):
    raise PermissionError(13, os.strerror(13), "somewhere")


def test_a_file_that_may_not_be_read_is_not_called_damaged(run, monkeypatch):
    record = open_gates(run)
    monkeypatch.setattr(LocalStore, "get", refuse)
    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(
        GateRecordError, match=r"cannot be read \(gate/c/0/0: Permission denied\)$"
    ):
        _ = record.values


def test_metadata_that_may_not_be_read_are_not_called_damaged(run, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(
        GateRecordError, match=r"cannot be read \(gate/zarr.json: Permission denied\)$"
    ):
        open_gates(run)


@pytest.mark.parametrize("packed", [False, True])
def test_a_record_that_may_not_be_read_is_there(run, tmp_path, monkeypatch, packed):
    path = tmp_path / "run.zarr.zip" if packed else run
    if packed:
        save_gates(open_gates(run), path)
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(GateRecordError, match=r"be read: Permission denied$"):
        open_gates(path)
    with pytest.raises(GateRecordError, match=r"be read: Permission denied$"):
        is_record(path)


def test_gates_in_a_forbidden_folder_are_there(run, monkeypatch):
    monkeypatch.setattr(Path, "lstat", refuse)

    with pytest.raises(GateRecordError, match=r"gate/zarr.json cannot be read: Permi"):
        open_gates(run)


def test_a_link_to_nowhere_is_no_record(tmp_path):
    (tmp_path / "run.zarr").symlink_to(tmp_path / "gone.zarr")

    assert not is_record(tmp_path / "run.zarr")
    with pytest.raises(GateRecordError, match="is not a gate record"):
        open_gates(tmp_path / "run.zarr")
