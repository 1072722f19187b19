"""Several processes on one record: who does what, and that it gets whole."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from se_probe.checkpoints import build_network, save_network
from se_probe.gates import create_record, open_gates, open_group, write_batch
from se_probe.images import label_images
from se_probe.record import record_gates
from se_probe.record.joining import begin_or_join
from se_probe.record.work import own_share, rounds

N_BATCHES = 100  # of 5 images, the 500 digits

SCRIPT = """
import sys, time
from pathlib import Path

import se_probe.record.run as run
from se_probe.checkpoints import load_network
from se_probe.images import open_images
from se_probe.record import record_gates

folder, name, out = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
write = run.write_batch

def noted(group, number, *rest):
    with (folder / f"{out}.log").open("a") as log:
        log.write(f"{name} {number}\\n")
    time.sleep(0.03)
    write(group, number, *rest)

run.write_batch = noted
network = load_network(folder / "net.pt")
images = open_images("digits", network.preprocessing, batch_size=5)
images.batch(0)
(folder / f"{name}.ready").touch()
while not (folder / "go").exists():
    time.sleep(0.01)
record_gates(network, images, out=folder / out, threads=1)
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "net.pt"
    save_network(build_network("se_lenet", options={"reduction": 2}), path)
    return path


@pytest.fixture
def start(tmp_path, network):
    """Processes that begin to record at the same moment, by name."""
    (tmp_path / "net.pt").symlink_to(network)

    def start_all(out, names, world=None):
        processes = {}
        for rank, name in enumerate(names):
            ranks = {"RANK": str(rank), "WORLD_SIZE": str(world)} if world else {}
            processes[name] = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(tmp_path), name, out],
                env=os.environ | {"PYTHONPATH": str(Path.cwd())} | ranks,
            )
        while not all((tmp_path / f"{name}.ready").exists() for name in names):
            assert all(process.poll() is None for process in processes.values())
            time.sleep(0.02)
        (tmp_path / "go").touch()
        return processes

    return start_all


def written(folder, out):
    """Name of the process and number of the batch, of every batch written."""
    log = folder / f"{out}.log"
    return (
        [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    )


def assert_same_record(path, expected):
    xr.testing.assert_identical(open_gates(path).drop_attrs(), expected.drop_attrs())


@pytest.fixture(scope="module")
def whole(network):
    from se_probe.checkpoints import load_network
    from se_probe.images import open_images

    loaded = load_network(network)
    images = open_images("digits", loaded.preprocessing, batch_size=5)
    return record_gates(loaded, images, threads=1)


def test_two_that_start_at_once_share_the_work(start, whole, tmp_path):
    processes = start("run.zarr", ["a", "b"])

    statuses = [process.wait(timeout=120) for process in processes.values()]

    lines = written(tmp_path, "run.zarr")
    assert statuses == [0, 0]
    assert {int(number) for _, number in lines} == set(range(N_BATCHES))
    assert len(lines) <= N_BATCHES + 1
    assert min(Counter(name for name, _ in lines).values()) > N_BATCHES / 5
    assert_same_record(tmp_path / "run.zarr", whole)
    assert not list(tmp_path.glob("run.zarr.*.new"))


def test_the_rest_does_what_a_killed_and_a_stopped_one_left(start, whole, tmp_path):
    processes = start("run.zarr", ["killed", "stopped", "alive"], world=3)
    while len(written(tmp_path, "run.zarr")) < 9:
        time.sleep(0.01)
    processes["killed"].kill()
    processes["killed"].wait()
    processes["stopped"].send_signal(signal.SIGSTOP)

    assert processes["alive"].wait(timeout=120) == 0
    assert_same_record(tmp_path / "run.zarr", whole)
    processes["stopped"].send_signal(signal.SIGCONT)
    assert processes["stopped"].wait(timeout=120) == 0

    lines = written(tmp_path, "run.zarr")
    assert {int(number) for _, number in lines} == set(range(N_BATCHES))
    assert len(lines) <= N_BATCHES + 3
    assert_same_record(tmp_path / "run.zarr", whole)


@pytest.fixture
def group():
    rows = {
        "image_id": [str(i) for i in range(20)],
        "class_name": ["0"] * 20,
        "wnid": [""] * 20,
        "class_index": [0] * 20,
    }
    blocks = [{"name": "SE_2_1", "stage": 2, "channels": 1}]
    return create_record(None, blocks=blocks, rows=rows, batch_size=2, attrs={})


def done(group, numbers):
    for number in numbers:
        ones = np.ones(2, dtype=np.int64)
        write_batch(group, number, np.ones((2, 1), np.float32), ones, ones)


def test_shares_are_apart_and_together_all():
    shares = [own_share(range(10), rank, 3) for rank in range(3)]

    assert sorted(chain(*shares)) == list(range(10))
    assert shares[1] == [1, 4, 7]


def test_what_others_left_is_taken_from_the_end(group):
    work = rounds(group, list(range(10)), 0, 2, has_begun=True)
    own = next(work)
    done(group, [*own, 1, 3])

    others = list(work)

    assert own == [0, 2, 4, 6, 8]
    assert others == [[9, 7, 5]]


def test_each_rank_begins_elsewhere_with_what_others_left(group):
    first = {}
    for rank in range(3):
        work = rounds(group, list(range(1, 10)), rank, 3, has_begun=False)
        next(work)
        first[rank] = next(work)[0]

    assert len(set(first.values())) == 3


def test_alone_and_late_goes_backwards(group):
    done(group, [0, 1])

    work = rounds(group, [2, 3, 4], 0, 1, has_begun=False)

    assert next(work) == [4, 3, 2]


def test_the_second_to_create_a_record_joins(
    tiny_network, tiny_images, tmp_path, monkeypatch
):
    out = tmp_path / "run.zarr"
    expected = record_gates(tiny_network, tiny_images, out=out)
    labels = label_images(tiny_images, tiny_network.class_names)
    there = iter([False])  # as if the record had appeared a moment later
    monkeypatch.setattr(
        "se_probe.record.joining.is_record", lambda path: next(there, True)
    )

    group, has_begun = begin_or_join(out, expected.attrs, labels, tiny_images, {})

    assert not has_begun
    xr.testing.assert_identical(open_gates(group), open_gates(open_group(out)))
