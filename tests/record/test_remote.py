"""Records at a URL: made, shared, resumed, verified and drawn through fsspec."""

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
import xarray as xr

from commands import run_command
from se_probe.checkpoints import build_network, load_network, save_network
from se_probe.errors import GateRecordError
from se_probe.gates import is_record, open_gates, open_group, pending_batches, url_of
from se_probe.images import open_images
from se_probe.record import joining, record_gates

URL = "memory://bucket/run.zarr"


@pytest.fixture
def memory():
    """An empty object store."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture(scope="module")
def network():
    return build_network("se_lenet")


@pytest.fixture(scope="module")
def images(network):
    return open_images("digits", network.preprocessing, per_class=3, batch_size=8)


@pytest.fixture(scope="module")
def whole(network, images):
    return record_gates(network, images, threads=1)


def assert_same(gates, whole):
    xr.testing.assert_identical(gates.drop_attrs(), whole.drop_attrs())


@pytest.mark.parametrize("out", [URL, Path(URL)])
def test_a_record_at_a_url_is_the_one_in_memory(memory, network, images, whole, out):
    gates = record_gates(
        network, images, out=out, threads=1, context=["squeeze", "energy"]
    )

    assert_same(gates, whole)
    assert_same(open_gates(URL), whole)
    assert is_record(out)
    assert not Path("memory:").exists()


class StopEarlyError(Exception):
    """What ends a run early."""


def test_a_run_that_was_cut_short_resumes(memory, network, images, whole):
    def stop_after_two(done, _):
        if done >= 16:
            raise StopEarlyError

    with pytest.raises(StopEarlyError):
        record_gates(network, images, out=URL, threads=1, progress=stop_after_two)
    left = pending_batches(open_group(URL))
    written = memory.modified("/bucket/run.zarr/gate/c/0/0")

    gates = record_gates(network, images, out=URL, threads=1)

    assert 0 < len(left) < images.n_batches
    assert memory.modified("/bucket/run.zarr/gate/c/0/0") == written
    assert_same(gates, whole)


def test_a_damaged_batch_is_told_and_recorded_again(memory, network, images, whole):
    record_gates(network, images, out=URL, threads=1)
    memory.pipe_file("/bucket/run.zarr/gate/c/1/0", b"damage")

    with pytest.raises(
        GateRecordError, match="batch 1 of the gate record memory://buc"
    ):
        open_gates(URL).load()
    assert_same(record_gates(network, images, out=URL, threads=1), whole)


def test_other_settings_and_other_content_are_refused(memory, network, images):
    record_gates(network, images, out=URL, threads=1)
    with pytest.raises(GateRecordError, match="precision"):
        record_gates(network, images, out=URL, threads=1, precision="bf16")

    memory.pipe_file("/bucket/other/file.txt", b"mine")
    with pytest.raises(GateRecordError, match="exists and is not a gate record"):
        record_gates(network, images, out="memory://bucket/other", threads=1)
    assert memory.cat_file("/bucket/other/file.txt") == b"mine"

    again = record_gates(network, images, out=URL, threads=1, overwrite=True)
    assert again.sizes["image"] == 30


def test_nothing_is_known_as_a_record_before_all_its_files_are_there(
    memory, network, images, monkeypatch
):
    seen = []
    pipe = type(memory).pipe_file

    def noted(self, path, *args, **options):
        seen.append((is_record(URL), path.removeprefix("/bucket/run.zarr/")))
        return pipe(self, path, *args, **options)

    monkeypatch.setattr(type(memory), "pipe_file", noted)
    record_gates(network, images, out=URL, threads=1)

    known = [name for was_record, name in seen if was_record]
    assert not any(name.endswith("zarr.json") for name in known)
    assert (False, "gate/zarr.json") in seen


def test_a_second_process_waits_for_the_first_to_begin(
    memory, network, images, monkeypatch
):
    waited = []
    monkeypatch.setattr(joining, "_PATIENCE", 3)
    monkeypatch.setattr(joining.time, "sleep", waited.append)

    with pytest.raises(GateRecordError, match=r"within 3 seconds.*--part 1/N"):
        record_gates(network, images, out=URL, threads=1, part=(2, 2))
    assert waited == [1, 1, 1]

    record_gates(network, images, out=URL, threads=1, part=(1, 2))
    record_gates(network, images, out=URL, threads=1, part=(2, 2))
    assert waited == [1, 1, 1]


def test_commands_take_a_url(memory, network, tmp_path):
    save_network(network, tmp_path / "net.pt")
    made = run_command(
        *("record", "--ckpt", tmp_path / "net.pt", "--data", "digits"),
        *("--per-class", "3", "--batch-size", "8", "--out", URL, "-q"),
    )
    verified = run_command("verify", URL, "--ckpt", tmp_path / "net.pt", "-q")
    drawn = run_command("plot", URL, "--out", tmp_path / "figures", "-q")

    for status, _, stderr in (made, verified, drawn):
        assert status == 0, stderr
    assert f"30 of 30 images in {URL}" in made[1]
    assert list((tmp_path / "figures").glob("*.png"))


def test_processes_share_a_record_at_a_url(tmp_path, network, images, whole):
    save_network(network, tmp_path / "net.pt")
    url = f"file://{tmp_path}/bucket/run.zarr"
    command = [sys.executable, "-m", "se_probe", "record", "--ckpt", "net.pt"]
    options = ["--data", "digits", "--per-class", "3", "--batch-size", "8", "-q"]
    options += ["--threads", "1", "--part", "2/2", "--out", url]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}

    second = subprocess.Popen([*command, *options], cwd=tmp_path, env=environment)
    record_gates(
        load_network(tmp_path / "net.pt"), images, out=url, threads=1, part=(1, 2)
    )

    assert second.wait(timeout=120) == 0
    gates = open_gates(url)
    assert gates["state"].values.all()
    xr.testing.assert_identical(gates["image_id"].drop_attrs(), whole["image_id"])
    assert (gates.values == whole.values).all()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/run.zarr", "s3://bucket/run.zarr"),
        (Path("s3://bucket/run.zarr"), "s3://bucket/run.zarr"),
        (Path("file:///tmp/run.zarr"), "file:///tmp/run.zarr"),
        ("nothing:/run.zarr", None),
        (Path("/tmp/run.zarr"), None),
        ("C:/run.zarr", None),
    ],
)
def test_a_url_is_told_from_a_local_path(path, expected):
    assert url_of(path) == expected


def test_a_folder_that_is_called_like_a_scheme_stays_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("memory:").mkdir()

    assert url_of(Path("memory:/run.zarr")) is None


def test_a_missing_package_and_an_unknown_scheme_are_named(monkeypatch):
    def lacks(*args, **options):
        raise ImportError("Install s3fs to access S3")

    with pytest.raises(GateRecordError, match=r"nowhere://run\.zarr cannot be opened"):
        open_gates("nowhere://run.zarr")
    monkeypatch.setattr("fsspec.core.url_to_fs", lacks)
    with pytest.raises(GateRecordError, match="not installed: pip install s3fs"):
        open_gates("s3://bucket/run.zarr")
