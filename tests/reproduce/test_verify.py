"""Verifying a record: what is the same, what has changed, and what is named."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import zarr
from PIL import Image

from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import build_network, load_network, save_network
from se_probe.errors import CheckpointError, GateRecordError, ImagesError, UsageError
from se_probe.gates import State, make_gates, open_gates, save_gates
from se_probe.images import open_images
from se_probe.record import record_gates
from se_probe.reproduce import (
    TOLERANCES,
    reopen_network,
    reopen_record_images,
    verify_record,
)

N_CLASSES, N_EACH = 5, 4


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Grey pictures, and relative paths as a user types them."""
    rng = np.random.default_rng(0)
    for name in map(str, range(N_CLASSES)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(N_EACH):
            pixels = rng.integers(0, 256, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pictures"


@pytest.fixture
def ckpt(tmp_path):
    save_network(build_network("se_lenet", seed=1), tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture
def run(folder, ckpt, command):
    """Record of 20 images in batches of 3, the last of 2."""
    status, _, err = command(
        *("record", "--ckpt", "net.pt", "--data", "pictures", "--out", "run.zarr"),
        *("--batch-size", 3, "--threads", 1, "--quiet"),
    )
    assert status == 0, err
    return folder.parent / "run.zarr"


def verified(run, **options):
    record = open_gates(run)
    network = reopen_network(record.attrs)
    images = reopen_record_images(record.attrs)
    return verify_record(record, network, images, **options)


def with_attrs(run, **changed):
    """The record with other provenance."""
    save_gates(open_gates(run).assign_attrs(changed), run, overwrite=True)


def with_shift(run, row, shift):
    """The record with one gate that is off by a little."""
    gate = zarr.open_group(run, mode="r+", use_consolidated=False)["gate"]
    gate[row, 7] = gate[row, 7] + np.float32(shift)


def bytes_of(run):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.rglob("*")
        if path.is_file()
    }


# --- the same ------------------------------------------------------------------------


def test_command_finds_the_same_bits_and_only_reads_the_record(run, command):
    before = bytes_of(run)

    status, out, _ = command("verify", "run.zarr", "--batches", "all")

    assert status == 0
    assert "7 of 7 batches recorded again: 20 of 20 images" in out
    assert "verified: the same bits" in out
    assert bytes_of(run) == before


def test_batches_are_whole_and_evenly_spread(run):
    result = verified(run, batches=3)

    assert result.batches == (0, 3, 6)
    assert result.n_checked == 3 + 3 + 2
    assert result.is_bit_identical
    assert result.tolerance == 0


def test_memory_is_bounded_without_changing_the_outcome(run, monkeypatch):
    done = []
    with_shift(run, 19, 1e-3)
    at_once = verified(run, batches=None)
    monkeypatch.setattr("se_probe.reproduce.verify._GROUP_BYTES", 1)

    in_groups = verified(run, batches=None, progress=lambda *n: done.append(n))

    assert in_groups == at_once
    assert sorted(set(done)) == [(n, 20) for n in (0, 3, 6, 9, 12, 15, 18, 20)]


def test_own_network_and_images_can_be_verified_in_python(tiny_network, tiny_images):
    gates = record_gates(tiny_network, tiny_images)

    result = verify_record(gates, tiny_network, tiny_images)

    assert result.is_verified
    assert [block.block for block in result.blocks] == ["SE_2_1", "SE_3_1"]


# --- changed -------------------------------------------------------------------------


def test_changed_image_is_named_and_no_other(run, folder, command):
    path = folder / "2" / "1.png"
    pixels = np.array(Image.open(path))
    pixels[3, 3] ^= 1
    Image.fromarray(pixels).save(path)

    status, out, err = command("verify", "run.zarr", "--batches", "all", "--quiet")

    assert status == 1
    assert "differs: pictures/2/1.png, by" in out
    assert out.count("differs:") == 1
    assert "1 of 20 images (most: pictures/2/1.png) differ" in err
    assert "in SE_2_1; the tolerance is 0 on the same machine and versions" in err


def test_changed_weights_are_named(run, ckpt, command):
    network = load_network(ckpt)
    with torch.no_grad():
        next(network.model.parameters())[0] += 1e-3
    save_network(network, ckpt, overwrite=True)

    status, out, err = command("verify", "run.zarr", "--json", "--quiet")

    facts = json.loads(out)
    assert status == 1
    assert [change["what"] for change in facts["changes"]] == ["checkpoint (sha256)"]
    assert facts["largest_difference_block"] == "SE_2_1"
    assert facts["largest_difference"] > 0
    assert "another checkpoint (sha256); the gates of all 14 images differ" in err


def test_changed_preprocessing_of_the_checkpoint_is_named(run, ckpt, command):
    network = load_network(ckpt)
    changed = replace(network.preprocessing, mean=(0.9,))
    save_network(replace(network, preprocessing=changed), ckpt, overwrite=True)

    status, out, err = command("verify", "run.zarr", "--quiet")

    assert status == 1
    assert "changed in the checkpoint: preprocessing (mean): [" in out
    assert "[0.9] now" in out
    assert "another checkpoint (sha256); the gates have the same bits" in err


def test_changed_preprocessing_of_the_record_is_named(run, command):
    preprocessing = open_gates(run).attrs["preprocessing"]
    with_attrs(run, preprocessing=preprocessing | {"mean": [0.9]})

    status, _, err = command("verify", "run.zarr", "--quiet")

    assert status == 1
    assert "another preprocessing (mean); the gates of all 14 images differ" in err


def test_missing_image_is_named_and_the_other_batches_are_compared(run, folder):
    (folder / "0" / "1.png").unlink()

    result = verified(run, batches=None)

    [change] = result.changes
    assert change.what == "image list"
    assert change.now == "19: 1 missing (first: 0/1.png)"
    assert result.batches == (1, 2, 3, 4, 5, 6)
    assert result.is_bit_identical
    assert not result.is_verified


def test_new_image_is_named_and_moves_no_row(run, folder):
    (folder / "0" / "00.png").write_bytes((folder / "0" / "0.png").read_bytes())

    result = verified(run, batches=None)

    assert [change.now for change in result.changes] == ["21: 1 new (first: 0/00.png)"]
    assert result.is_bit_identical


def test_all_images_gone_is_one_sentence(run, folder, command):
    for path in folder.rglob("0.png"):
        path.rename(path.with_name("9.png"))
    for path in folder.rglob("2.png"):
        path.rename(path.with_name("8.png"))

    status, _, err = command("verify", "run.zarr")

    assert status == 1
    assert "of no batch all images are still there (first missing: 0/0.png)" in err


def test_other_blocks_are_refused(tiny_network, tiny_images):
    gates = record_gates(tiny_network, tiny_images)
    gates.attrs["blocks"][0]["name"] = "SE_4_1"
    gates["block"].values[:4] = "SE_4_1"

    with pytest.raises(GateRecordError, match=r"SE_4_1 \(4\) to SE_3_1 \(6\) then"):
        verify_record(gates, tiny_network, tiny_images)


def test_batches_of_another_size_are_refused(tiny_network, tiny_images):
    gates = record_gates(tiny_network, tiny_images)

    with pytest.raises(UsageError, match="batches of 3 images as in the record, got 4"):
        verify_record(gates, tiny_network, replace(tiny_images, batch_size=4))


# --- tolerance -----------------------------------------------------------------------


def test_on_the_same_machine_every_bit_counts(run):
    with_shift(run, 4, 1e-6)

    result = verified(run, batches=None)

    assert not result.is_verified
    assert [image["image_id"] for image in result.images] == ["1/0.png"]


@pytest.mark.parametrize(("shift", "is_verified"), [(1e-6, True), (1e-3, False)])
def test_another_version_is_named_and_let_pass_a_little(run, shift, is_verified):
    with_shift(run, 4, shift)
    with_attrs(run, torch="2.0.0", device_name="another CPU")

    result = verified(run, batches=None)

    assert [change.what for change in result.machine] == ["device", "torch version"]
    assert result.machine[1].then == "2.0.0"
    assert result.tolerance == TOLERANCES["fp32"]
    assert result.largest.largest == pytest.approx(shift, rel=0.1)
    assert (result.n_differing, result.is_verified) == (1, is_verified)


def test_another_batch_size_stays_within_the_tolerance(run, ckpt, folder):
    record = open_gates(run)
    network = load_network(ckpt)
    images = open_images(folder, network.preprocessing, batch_size=7)

    other = record_gates(network, images, threads=1)

    assert np.abs(other.values - record.values).max() < TOLERANCES["fp32"] / 10


# --- states --------------------------------------------------------------------------


def test_skipped_images_are_counted_and_one_that_can_be_read_now_is_named(
    ckpt, folder, command
):
    broken = [folder / "1" / "0.png", folder / "1" / "1.png"]
    whole = [path.read_bytes() for path in broken]
    for path in broken:
        path.write_bytes(b"no picture")
    command("record", "--ckpt", ckpt, "--data", "pictures", "--out", "run.zarr")
    status, out, _ = command("verify", "run.zarr")
    assert status == 0
    assert "2 of 20 images: skipped in the record (unreadable)" in out

    broken[0].write_bytes(whole[0])
    status, out, err = command("verify", "run.zarr")

    assert status == 1
    assert "state: 1/0.png: skipped, unreadable then, recorded now" in out
    assert "1 images can be read otherwise (first: pictures/1/0.png" in err


def test_unfinished_record_is_verified_as_far_as_it_goes(ckpt, folder):
    network = load_network(ckpt)
    images = open_images(folder, network.preprocessing, batch_size=3)

    def stop(n_done, n_images):
        if n_done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_gates(network, images, out="run.zarr", progress=stop)

    result = verify_record(open_gates("run.zarr"), network, images, batches=None)

    assert result.batches == (0, 1)
    assert result.n_pending == 14
    assert result.is_verified


def test_nothing_recorded_yet_is_said(tiny_network, tiny_images):
    gates = record_gates(tiny_network, tiny_images)
    pending = np.full(20, State.NOT_RECORDED, dtype=np.uint8)

    with pytest.raises(GateRecordError, match="no batch of the record is done yet"):
        verify_record(
            gates.assign_coords(state=("image", pending)), tiny_network, tiny_images
        )


def test_nan_then_and_now_is_the_same(tiny_network, tiny_images):
    blocks = find_se_blocks(tiny_network.model, tiny_images.batch(0))
    with torch.no_grad():
        tiny_network.model.layer2[0].se.fc2.weight[0] = torch.nan
    gates = record_gates(tiny_network, tiny_images, blocks)

    result = verify_record(gates, tiny_network, tiny_images)

    assert result.n_nan == 20
    assert result.is_bit_identical


# --- where things are ----------------------------------------------------------------


def test_moved_checkpoint_and_images_are_found_where_the_options_say(
    run, ckpt, folder, command
):
    ckpt.rename(ckpt.with_name("moved.pt"))
    folder.rename(folder.with_name("elsewhere"))

    status, _, err = command("verify", "run.zarr")
    assert status == 1
    assert "the images of the record are not at pictures" in err
    assert "--data DIR" in err
    status, _, err = command("verify", "run.zarr", "--data", "elsewhere")
    assert status == 1
    assert "the checkpoint of the record is not at net.pt" in err
    assert "--ckpt FILE" in err
    status, out, _ = command(
        "verify", "run.zarr", "--data", "elsewhere", "--ckpt", "moved.pt"
    )

    assert status == 0
    assert "verified: the same bits" in out


def test_weights_that_never_were_in_a_file_are_compared_by_themselves(ckpt, folder):
    network = build_network("se_lenet", seed=1)
    images = open_images(folder, network.preprocessing, batch_size=3)
    gates = record_gates(network, images)

    with pytest.raises(CheckpointError, match="names no checkpoint"):
        reopen_network(gates.attrs)
    result = verify_record(gates, reopen_network(gates.attrs, ckpt), images)

    assert result.is_verified


def test_images_of_a_torch_dataset_cannot_be_opened_again(tiny_network):
    dataset = [(Image.new("RGB", (16, 16), (i, 0, 0)), i % 2) for i in range(0, 90, 9)]
    images = open_images(dataset, tiny_network.preprocessing)
    gates = record_gates(tiny_network, images)

    with pytest.raises(ImagesError, match="torch Dataset"):
        reopen_record_images(gates.attrs)


def test_record_without_provenance_says_what_it_lacks():
    gates = make_gates({"SE_2_1": [[0.5]]}, ["pug"])

    with pytest.raises(GateRecordError, match="images, preprocessing, batch_size"):
        reopen_record_images(gates.attrs)


def test_function_named_in_a_record_is_not_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_code.py").write_text("raise SystemExit('it was imported')")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    torch.save(model.state_dict(), tmp_path / "net.pt")
    attrs = {
        "architecture": "own_code:factory",
        "checkpoint_path": str(tmp_path / "net.pt"),
    }

    with pytest.raises(CheckpointError, match="--arch"):
        reopen_network(attrs)


def test_damage_anywhere_is_found_before_anything_is_compared(run, command):
    chunk = run / "gate" / "c" / "2" / "0"
    data = bytearray(chunk.read_bytes())
    data[100] ^= 1
    chunk.write_bytes(bytes(data))

    status, out, err = command("verify", run, "--batches", 1)

    assert (status, out) == (1, "")
    assert "batch 2 of the gate record" in err
    assert "is damaged (gate: its checksum does not match)" in err


def test_a_selection_is_refused_and_a_zip_is_verified(run, command):
    save_gates(open_gates(run).isel(image=slice(0, 9)), run.with_name("part.zarr"))
    save_gates(open_gates(run), run.with_name("run.zarr.zip"))

    status, _, err = command("verify", run.with_name("part.zarr"))
    assert status == 1
    assert "is a selection: 9 of 20 images" in err

    status, _, err = command("verify", run.with_name("run.zarr.zip"))
    assert status == 0, err


@pytest.mark.parametrize("batches", ["0", "-1", "some", "1.5"])
def test_number_of_batches_that_cannot_be_meant_is_refused(command, batches):
    status, _, err = command("verify", "run.zarr", f"--batches={batches}")

    assert status == 2
    assert "--batches is a number from 1, or all" in err


def test_record_that_is_not_there_is_one_sentence(command):
    status, _, err = command("verify", "nowhere.zarr")

    assert status == 1
    assert "there is no gate record at nowhere.zarr" in err
