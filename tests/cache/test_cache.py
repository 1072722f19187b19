"""Gates that were recorded before, found again for just what is asked for."""

import os

import numpy as np
import pytest
import torch
import xarray as xr

from se_probe.cache import RecordingRequest, find_cached, remember_root, remembered_root
from se_probe.checkpoints import build_network, save_network
from se_probe.errors import ClassNameError, ImagesError, UsageError
from se_probe.record import cached_record


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "net.pt"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_network(build_network("se_lenet"), path)
    return str(path)


def request(ckpt, *classes, **options):
    settings = {"data": "digits", "per_class": 6, "others": 2, "batch_size": 8}
    return RecordingRequest(ckpt, classes=classes, **(settings | options))


class Counting:
    """Progress that keeps the number of images that are recorded."""

    def __init__(self):
        self.total = 0

    def __call__(self, done, total):
        self.total = total


def recorded_now(asked, **options):
    counting = Counting()
    gates = cached_record(asked, progress=counting, **options)
    return gates, counting.total


def in_a_cache_of_its_own(asked, tmp_path, monkeypatch):
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "empty"))
    gates = cached_record(asked).load()
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    return gates


def assert_same_answer(gates, expected):
    for name in ("image_id", "class_name", "predicted", "state"):
        assert gates[name].values.tolist() == expected[name].values.tolist()
    np.testing.assert_allclose(gates.values, expected.values, atol=1e-6)
    assert gates.attrs["images"] == expected.attrs["images"]


def test_one_request_has_one_answer_whatever_was_recorded_before(
    ckpt, tmp_path, monkeypatch
):
    asked = request(ckpt, "0", "1", "8")
    alone = in_a_cache_of_its_own(asked, tmp_path, monkeypatch)
    cached_record(request(ckpt, *"0123456789", per_class=20))

    gates, n_recorded = recorded_now(asked)

    assert alone.sizes["image"] == 3 * 6 + 7 * 2
    assert_same_answer(gates, alone)
    assert n_recorded < alone.sizes["image"]  # some were there


def test_only_what_is_missing_is_recorded(ckpt, tmp_path, monkeypatch):
    cached_record(request(ckpt, "0", "1", "8"))
    asked = request(ckpt, "2", "3")

    gates, n_recorded = recorded_now(asked)

    # 2 of 6 were there already: the first and the last of each class.
    assert n_recorded == 2 * 4
    assert_same_answer(gates, in_a_cache_of_its_own(asked, tmp_path, monkeypatch))
    assert recorded_now(asked)[1] == 0


def test_a_finished_record_of_more_is_cut(ckpt):
    cached_record(request(ckpt, batches=(0,)))

    gates = find_cached(request(ckpt, "4"))

    assert gates.sizes["image"] == 6 + 9 * 2
    assert (gates["class_name"].values == "4").sum() == 6
    assert gates.attrs["images"]["n_images"] == gates.sizes["image"]


def test_batches_want_all_images_in_their_own_order(ckpt):
    cached_record(request(ckpt, "4"))

    gates, n_recorded = recorded_now(request(ckpt, batches=(0, 2)))

    ids = gates["image_id"].values.tolist()
    assert len(ids) == 500
    assert n_recorded == 500 - (6 + 9 * 2)
    assert ids == sorted(ids)
    with pytest.raises(UsageError, match="there is no batch 99"):
        find_cached(request(ckpt, batches=(99,)))


@pytest.mark.parametrize(
    "change", [{"batch_size": 7}, {"precision": "bf16"}, {"threads": 2}]
)
def test_what_changes_numbers_is_another_entry(ckpt, change):
    cached_record(request(ckpt, "4"))

    assert find_cached(request(ckpt, "4", **change)) is None


def test_an_interrupted_recording_is_resumed_in_its_record(ckpt, tmp_path, monkeypatch):
    asked = request(ckpt, "4")
    alone = in_a_cache_of_its_own(asked, tmp_path, monkeypatch)

    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_record(asked, progress=stop)
    assert find_cached(asked) is None
    seen = []
    gates = cached_record(asked, progress=lambda *counts: seen.append(counts))

    assert seen[0] == (8, 24)
    xr.testing.assert_identical(gates.drop_attrs().load(), alone.drop_attrs())


def test_changed_files_are_recorded_anew(tiny_network, photos, tmp_path):
    torch.save(tiny_network.model.state_dict(), tmp_path / "tiny.pt")
    asked = RecordingRequest(
        str(tmp_path / "tiny.pt"), arch="networks:TinyNet", data=str(photos)
    )
    before = cached_record(asked)
    path = photos / "n02110958" / "2.png"
    os.utime(path, ns=(0, 0))

    assert find_cached(asked) is None
    after, n_recorded = recorded_now(asked)

    assert n_recorded == before.sizes["image"] == after.sizes["image"]


def test_drawn_pictures_are_as_many_as_are_asked_for(tiny_network, tmp_path):
    save_network(tiny_network, tmp_path / "net.pt")
    ckpt = str(tmp_path / "net.pt")
    settings = {"data": "scenes", "arch": "networks:TinyNet", "others": 1}
    few = request(ckpt, "n01443537", **settings, per_class=2)
    more = request(ckpt, "n01443537", **settings, per_class=4)

    first = cached_record(few)
    second, n_recorded = recorded_now(more)

    assert (first.sizes["image"], second.sizes["image"]) == (2 + 9, 4 + 9)
    assert n_recorded == second.sizes["image"] - (2 + 9)


def test_classes_that_cannot_be_meant_are_said_without_torch(ckpt):
    cached_record(request(ckpt, "4"))

    with pytest.raises(ClassNameError, match="eleven"):
        find_cached(request(ckpt, "eleven"))


def test_a_class_without_images_is_said_before_anything_is_recorded(
    tiny_network, photos, tmp_path
):
    torch.save(tiny_network.model.state_dict(), tmp_path / "tiny.pt")
    for path in (photos / "n02110958").iterdir():
        path.unlink()
    (photos / "n02110958").rmdir()
    asked = RecordingRequest(
        str(tmp_path / "tiny.pt"),
        ("pug",),
        arch="networks:TinyNet",
        data=str(photos),
    )

    with pytest.raises((ImagesError, ClassNameError), match="pug"):
        cached_record(asked)
    assert not list((tmp_path / "cache").rglob("*.zarr"))


def test_notes_are_told_and_the_images_counted(ckpt):
    said = []

    cached_record(request(ckpt, "4"), tell=said.append)

    assert said[-1] == "recording 24 images"


def test_the_place_of_a_data_set_is_remembered_by_checkpoint(tmp_path):
    root = tmp_path / "cifar"
    root.mkdir()

    remember_root("a" * 64, root)

    assert remembered_root("a" * 64) == str(root)
    assert remembered_root("b" * 64) is None
    root.rmdir()
    assert remembered_root("a" * 64) is None


@pytest.mark.parametrize("name", ["images.json", "gate/zarr.json", "image_id/c/0"])
def test_damaged_lists_and_records_are_replaced(ckpt, tmp_path, name):
    asked = request(ckpt, "4")
    expected = cached_record(asked).load()
    [damaged] = (path for path in tmp_path.rglob("*") if str(path).endswith(name))
    damaged.write_bytes(b"{")

    gates = cached_record(asked)

    xr.testing.assert_identical(gates.drop_attrs().load(), expected.drop_attrs())


@pytest.mark.parametrize("name", ["gate/c/1/0", "predicted/c/1", "state/c/1"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_damaged_batch_is_recorded_again_by_the_same_request(
    ckpt, tmp_path, name, damage
):
    asked = request(ckpt, "4")
    expected = cached_record(asked).load()
    [chunk] = (path for path in tmp_path.rglob("*") if str(path).endswith(name))
    content = chunk.read_bytes()
    if damage == "delete":
        chunk.unlink()
    else:
        changed = bytes([content[0] ^ 255]) + content[1:]
        chunk.write_bytes(changed if damage == "flip" else content[:-3])

    gates, n_recorded = recorded_now(asked)

    xr.testing.assert_identical(gates.drop_attrs().load(), expected.drop_attrs())
    assert n_recorded == gates.sizes["image"]
    assert chunk.read_bytes() == content
