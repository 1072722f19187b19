"""Records in memory and selections, saved as a folder or one file."""

import zipfile

import numpy as np
import pytest
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import (
    State,
    block_channels,
    block_facts,
    check_whole,
    create_record,
    is_record,
    make_gates,
    open_gates,
    open_group,
    pending_batches,
    remove_record,
    save_gates,
)

N_IMAGES = 70  # two chunks of 32 and a short one


@pytest.fixture
def gates():
    rng = np.random.default_rng(0)
    values = {
        "SE_2_1": rng.random((N_IMAGES, 3), np.float32),
        "SE_3_1": rng.random((N_IMAGES, 4), np.float32),
    }
    names = [f"class {i % 5}" for i in range(N_IMAGES)]
    return make_gates(values, names, predicted=np.arange(N_IMAGES) % 5)


@pytest.fixture(params=["run.zarr", "run.zarr.zip"])
def path(request, tmp_path):
    return tmp_path / "new" / request.param


SELECTIONS = {
    "whole": lambda g: g,
    "one class": lambda g: g.isel(image=(g["class_name"] == "class 2").values),
    "some channels backwards": lambda g: g.isel(channel=[6, 1, 0]),
    "joined": lambda g: xr.concat([g.isel(image=[4]), g.isel(image=[0, 1])], "image"),
    "no image": lambda g: g.isel(image=[]),
    "not all recorded": lambda g: g.assign_coords(
        state=("image", (np.arange(N_IMAGES) >= 33).astype(np.uint8))
    ),
    "doubles": lambda g: g.astype(np.float64),
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_what_is_saved_is_opened(gates, path, selection):
    chosen = SELECTIONS[selection](gates)

    save_gates(chosen, path)
    opened = open_gates(path)

    expected = chosen.astype(np.float32)
    done = expected["state"].values == State.RECORDED
    xr.testing.assert_equal(opened.isel(image=done), expected.isel(image=done))
    assert list(opened["image_id"].values) == list(expected["image_id"].values)
    assert block_facts(opened) == block_facts(chosen)


def test_channels_of_a_saved_selection_are_still_the_right_ones(gates, path):
    save_gates(gates.isel(channel=[6, 1, 3]), path)

    opened = open_gates(path)

    part = opened.isel(channel=block_channels(opened, "SE_3_1"))
    np.testing.assert_array_equal(part.values, gates.values[:, [3, 6]])


def test_a_saved_selection_can_be_saved_again(gates, path):
    save_gates(gates, path)

    save_gates(open_gates(path).isel(image=slice(0, 40)), path, overwrite=True)

    xr.testing.assert_equal(open_gates(path), gates.isel(image=slice(0, 40)))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_existing_files_are_kept_without_overwrite(gates, path):
    save_gates(gates, path)
    with pytest.raises(GateRecordError, match=r"exists already.*overwrite=True"):
        save_gates(gates, path)

    foreign = path.with_name("letter.zip")
    foreign.write_text("precious")
    with pytest.raises(GateRecordError, match="is not a gate record"):
        save_gates(gates, foreign, overwrite=True)

    assert foreign.read_text() == "precious"


def test_what_is_no_record_is_not_saved(path):
    with pytest.raises(GateRecordError, match="expected a gate record with dims"):
        save_gates(xr.DataArray([1.0], dims="x"), path)

    assert not path.parent.exists()


def test_equal_records_give_equal_zips(gates, tmp_path):
    for name in ("a.zip", "b.zip"):
        save_gates(gates, tmp_path / name)

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_folder_zipped_by_hand_is_opened(gates, tmp_path):
    save_gates(gates, tmp_path / "run.zarr")
    with zipfile.ZipFile(tmp_path / "sent.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((tmp_path / "run.zarr").rglob("*")):
            archive.write(file, file.relative_to(tmp_path))

    xr.testing.assert_equal(open_gates(tmp_path / "sent.zip"), gates)


def test_zips_are_read_and_not_written(gates, tmp_path):
    path = tmp_path / "run.zarr.zip"
    save_gates(gates, path)

    with pytest.raises(GateRecordError, match=r"can be read and not written. Unpack"):
        open_group(path)
    rows = {n: [] for n in ("image_id", "class_name", "wnid", "class_index")}
    with pytest.raises(GateRecordError, match=r"Give .*x.zarr, and pack it"):
        create_record(
            tmp_path / "x.zarr.zip",
            blocks=[{"name": "SE_2_1", "stage": 2, "channels": 1}],
            rows=rows,
            batch_size=1,
            attrs={},
        )
    assert is_record(path)
    remove_record(path)
    assert not path.exists()


def test_a_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")

    with pytest.raises(GateRecordError, match="is not a gate record"):
        open_gates(tmp_path / "x.zip")


def test_what_is_missing_of_a_saved_record_is_pending(gates, tmp_path):
    partly = SELECTIONS["not all recorded"](gates)

    save_gates(partly, tmp_path / "run.zarr")

    assert pending_batches(open_group(tmp_path / "run.zarr")) == [0, 1]


def test_a_selection_is_told_from_a_whole_record(gates):
    whole = gates.assign_attrs(images={"n_images": N_IMAGES})

    check_whole(whole)
    with pytest.raises(GateRecordError, match="3 of 70 images and 7 of 7 channels"):
        check_whole(whole.isel(image=[1, 2, 3]))
    with pytest.raises(GateRecordError, match="70 of 70 images and 2 of 7 channels"):
        check_whole(whole.isel(channel=[1, 2]))
