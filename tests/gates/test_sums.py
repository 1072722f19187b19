"""Damage on disk: named, mended by recording again, and never read as gates."""

import shutil

import numpy as np
import pytest
import xarray as xr
import zarr

from se_probe.errors import GateRecordError
from se_probe.gates import (
    State,
    create_record,
    damaged_batches,
    make_gates,
    open_context,
    open_gates,
    open_group,
    pending_batches,
    read_image_ids,
    row_batches,
    save_gates,
    write_batch,
)

BLOCKS = [
    {"name": "SE_2_1", "path": "layer1.se", "stage": 2, "channels": 2},
    {"name": "SE_3_1", "path": "layer2.se", "stage": 3, "channels": 3},
]
ROWS = {
    "image_id": [f"pug/{i}.png" for i in range(7)],
    "class_name": ["pug"] * 4 + ["cliff"] * 3,
    "wnid": ["n02110958"] * 4 + ["n09246464"] * 3,
    "class_index": [0] * 4 + [1] * 3,
}
VALUES = np.random.default_rng(0).random((7, 5), np.float32)
SIZE = 2  # of a batch; there are four, the last of one image


def write(group, number):
    rows = VALUES[number * SIZE : number * SIZE + SIZE].copy()
    states = np.full(len(rows), State.RECORDED, np.uint8)
    predicted = np.full(len(rows), -1)
    if number == 1:  # nothing but fill values
        states[:], rows[:] = State.SKIPPED, np.nan
    write_batch(group, number, rows, predicted, states)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run.zarr"
    group = create_record(
        path, blocks=BLOCKS, rows=ROWS, batch_size=SIZE, attrs={"seed": 3}
    )
    for number in range(4):
        write(group, number)
    return path


@pytest.fixture
def run(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run.zarr")
    return tmp_path / "run.zarr"


def flip(path, position=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 255
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


DAMAGES = {
    "flipped": flip,
    "cut": cut,
    "lengthened": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_gates_are_never_read_and_their_batch_is_named(run, damage):
    DAMAGES[damage](run / "gate/c/2/0")

    record = open_gates(run)

    message = r"batch 2 of the gate record .*run.zarr is damaged \(gate: .*records dam"
    with pytest.raises(GateRecordError, match=message):
        _ = record.values
    with pytest.raises(GateRecordError, match=message):
        list(row_batches(record))
    np.testing.assert_array_equal(record.isel(image=slice(0, 2)).values, VALUES[:2])


@pytest.mark.parametrize("name", ["predicted", "state"])
@pytest.mark.parametrize("damage", sorted(DAMAGES.keys() - {"deleted"}))
def test_damaged_predictions_and_states_name_their_batch(run, name, damage):
    DAMAGES[damage](run / name / "c/3")

    with pytest.raises(GateRecordError, match=rf"batch 3 of .* damaged \({name}: "):
        open_gates(run)


def test_deleted_predictions_are_damage_though_they_read_as_fill(run):
    (run / "predicted/c/3").unlink()

    with pytest.raises(GateRecordError, match="predicted: its chunk is missing"):
        open_gates(run)


def test_a_batch_without_states_is_not_recorded(run):
    (run / "state/c/0").unlink()

    record = open_gates(run)

    assert list(record["state"].values[:3]) == [0, 0, State.SKIPPED]
    assert pending_batches(open_group(run)) == [0]
    assert damaged_batches(open_group(run)) == []


@pytest.mark.parametrize("name", ["gate/c/{}/0", "predicted/c/{}", "state/c/{}"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_batches_are_pending_and_written_again_bit_for_bit(
    run, whole, name, damage
):
    for number in (0, 3):  # the last chunk reaches over the end of the array
        DAMAGES[damage](run / name.format(number))

    group = open_group(run)
    assert pending_batches(group) == [0, 3]
    for number in pending_batches(group):
        write(group, number)

    files = [path for path in sorted(whole.rglob("*")) if path.is_file()]
    assert [(run / f.relative_to(whole)).read_bytes() for f in files] == [
        f.read_bytes() for f in files
    ]


def test_image_ids_are_read_beside_damaged_batches(run):
    flip(run / "state/c/0")

    assert read_image_ids(open_group(run)) == ROWS["image_id"]


def test_damaged_image_ids_are_one_sentence(run):
    flip(run / "image_id/c/0", 9)

    with pytest.raises(GateRecordError, match=r"is damaged \(.*\)\. Copy it once more"):
        open_gates(run)
    with pytest.raises(GateRecordError, match="damaged"):
        read_image_ids(open_group(run))


@pytest.mark.parametrize("file", ["gate", "image_id", "state", "block"])
def test_altered_metadata_are_refused(run, file):
    path = run / file / "zarr.json"
    path.write_text(path.read_text().replace("7", "6").replace("5", "4"))

    for opened in (open_gates, open_group):
        with pytest.raises(GateRecordError, match=rf"damaged \({file}/zarr.json"):
            opened(run)


def test_a_record_of_a_newer_version_says_so(run):
    path = run / "gate" / "zarr.json"
    path.write_text(path.read_text().replace("gate record 2", "gate record 3"))

    with pytest.raises(GateRecordError, match=r"newer se_probe \(record format 3, th"):
        open_gates(run)


def old_record(path):
    """As format 1 was written: no checksums, and no chunk of fill values."""
    coords = {
        name: ("image", np.array(column, object if name != "class_index" else int))
        for name, column in ROWS.items()
    }
    coords |= {
        "block": ("channel", np.array(["SE_2_1"] * 2 + ["SE_3_1"] * 3, object)),
        "stage": ("channel", [2, 2, 3, 3, 3]),
        "channel_in_block": ("channel", [0, 1, 0, 1, 2]),
    }
    xr.Dataset(coords=coords).to_zarr(path, zarr_format=3, consolidated=False)
    group = zarr.open_group(path, mode="r+")
    kinds = {
        "gate": ("float32", np.nan),
        "predicted": ("int64", -1),
        "state": ("u1", 0),
    }
    for name, (dtype, fill) in kinds.items():
        shape = (7, 5) if name == "gate" else (7,)
        group.create_array(
            name,
            shape=shape,
            chunks=(SIZE, *shape[1:]),
            dtype=dtype,
            fill_value=fill,
            compressors=None,
            dimension_names=("image", "channel")[: len(shape)],
        )
    group["gate"].attrs.update(
        {"format": "se_probe gate record 1", "blocks": BLOCKS, "batch_size": SIZE}
    )
    group["gate"][:], group["state"][:] = VALUES, 1
    group.attrs["coordinates"] += " predicted state"
    return path


def test_a_record_of_the_first_format_is_read_and_continued(tmp_path):
    path = old_record(tmp_path / "old.zarr")
    assert not (path / "predicted/c").exists()

    record = open_gates(path)

    np.testing.assert_array_equal(record.values, VALUES)
    assert pending_batches(open_group(path)) == []
    (path / "state/c/1").unlink()
    write_batch(open_group(path), 1, VALUES[2:4], np.zeros(2, int), np.ones(2, "u1"))
    assert list(open_gates(path)["predicted"].values) == [-1, -1, 0, 0, -1, -1, -1]


@pytest.mark.parametrize("damage", [cut, lambda path: path.unlink()])
def test_missing_and_cut_gates_of_the_first_format_are_noticed(tmp_path, damage):
    path = old_record(tmp_path / "old.zarr")
    damage(path / "gate/c/1/0")

    with pytest.raises(GateRecordError, match=r"batch 1 .* damaged \(gate"):
        _ = open_gates(path).values
    assert pending_batches(open_group(path)) == [1]


def test_context_is_written_read_and_checked(tmp_path):
    names = ("squeeze", "energy")
    group = create_record(
        tmp_path / "run.zarr",
        blocks=BLOCKS,
        rows=ROWS,
        batch_size=4,
        attrs={},
        context=names,
    )
    for number, rows in enumerate((VALUES[:4], VALUES[4:])):
        context = {"squeeze": 10 * rows, "energy": rows**2}
        none = np.full(len(rows), -1)
        write_batch(group, number, rows, none, np.ones(len(rows), "u1"), context)

    beside = open_context(tmp_path / "run.zarr")

    assert list(xr.open_dataarray(tmp_path / "run.zarr").values[0]) == list(VALUES[0])
    np.testing.assert_array_equal(beside["squeeze"].values, 10 * VALUES)
    np.testing.assert_array_equal(beside["energy"].values, VALUES**2)
    assert list(beside["block"].values[:2]) == ["SE_2_1"] * 2
    flip(tmp_path / "run.zarr/context/energy/c/1/0")
    assert pending_batches(group) == [1]
    with pytest.raises(GateRecordError, match=r"batch 1 .* damaged \(context/energy"):
        _ = open_context(tmp_path / "run.zarr")["energy"].values


def test_context_must_be_what_the_record_was_created_for(tmp_path, run):
    two = VALUES[:2]
    with pytest.raises(GateRecordError, match="holds nothing beside the gates, got"):
        write_batch(open_group(run), 0, two, np.zeros(2), np.ones(2), {"squeeze": two})
    with pytest.raises(GateRecordError, match=r"squeeze and energy .* got depth"):
        create_record(
            tmp_path / "x.zarr",
            blocks=BLOCKS,
            rows=ROWS,
            batch_size=2,
            attrs={},
            context=["depth"],
        )
    with pytest.raises(GateRecordError, match="nothing was recorded beside the gates"):
        open_context(run)


# --- fuzzing -------------------------------------------------------------------------


def mutate(rng, folder):
    """One file of a record damaged, somehow and somewhere."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[rng.integers(len(files))]
    data = bytearray(path.read_bytes())
    at = int(rng.integers(len(data)))
    kind = rng.choice(["flip", "bit", "cut", "insert", "drop", "delete", "digit"])
    if kind == "delete":
        path.unlink()
        return f"{path}: {kind}"
    if kind == "flip":
        data[at : at + 4] = rng.bytes(4)
    elif kind == "bit":
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        del data[at:]
    elif kind == "insert":
        data[at:at] = rng.bytes(3)
    elif kind == "drop":
        del data[at]
    else:
        digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()] or [at]
        data[digits[rng.integers(len(digits))]] = ord("9")
    path.write_bytes(bytes(data))
    return f"{path}: {kind} at {at}"


def content(record):
    coords = {name: coord.values for name, coord in record.coords.items()}
    return coords | {"gate": record.values, "attrs": record.attrs}


def outcome(action):
    """What an action gives, or the sentence that refuses it."""
    try:
        return action(), ""
    except GateRecordError as error:
        return None, str(error)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_no_damage_ends_in_a_traceback_or_in_other_numbers(whole, tmp_path, packed):
    expected = content(open_gates(whole))
    rng = np.random.default_rng(7)
    n_refused = 0
    if packed:
        save_gates(open_gates(whole), tmp_path / "run.zarr.zip")
        packed = (tmp_path / "run.zarr.zip").read_bytes()

    for _ in range(150 if packed else 300):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        if packed:
            copy.mkdir()
            (copy / "run.zarr.zip").write_bytes(packed)
            what, path = mutate(rng, copy), copy / "run.zarr.zip"
        else:
            path = shutil.copytree(whole, copy)
            what = mutate(rng, path)
        found, sentence = outcome(lambda path=path: content(open_gates(path)))
        if sentence:
            assert "\n" not in sentence, what
            n_refused += 1
            continue
        # What is still called recorded is what was recorded.
        done = np.flatnonzero(found.pop("state") == State.RECORDED)
        assert found.pop("gate")[done].tolist() == VALUES[done].tolist(), what
        assert found.pop("predicted").tolist() == [-1] * 7, what
        assert found.pop("attrs") == expected["attrs"], what
        for name, values in found.items():
            assert values.tolist() == expected[name].tolist(), what

    assert n_refused > 60


def mend(path):
    group = open_group(path)
    assert read_image_ids(group) == ROWS["image_id"]
    pending = pending_batches(group)
    for number in pending:
        write(group, number)
    return len(pending)


def test_whatever_is_damaged_is_mended_or_refused(whole, tmp_path):
    rng = np.random.default_rng(11)
    expected = open_gates(whole)
    n_mended = 0

    for _ in range(60):
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        path = shutil.copytree(whole, tmp_path / "copy")
        what = mutate(rng, path)
        n_pending, sentence = outcome(lambda path=path: mend(path))
        if sentence:
            assert "\n" not in sentence, what
            continue
        xr.testing.assert_identical(open_gates(path), expected)
        n_mended += n_pending > 0

    assert n_mended > 10


def test_an_unfinished_record_tells_what_is_missing(tmp_path):
    group = create_record(
        tmp_path / "run.zarr", blocks=BLOCKS, rows=ROWS, batch_size=SIZE, attrs={}
    )
    write(group, 2)

    record = open_gates(tmp_path / "run.zarr")

    assert list(record["state"].values) == [0, 0, 0, 0, 1, 1, 0]
    assert pending_batches(group) == [0, 1, 3]
    assert [part.sizes["image"] for part in row_batches(record)] == [2]


def test_made_records_need_no_checks():
    gates = make_gates({"SE_2_1": [[0.5]]}, ["pug"])

    assert next(row_batches(gates)).item() == 0.5
