"""Processes that torchrun and a real Slurm start, on one record."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from se_probe.checkpoints import build_network, load_network, save_network
from se_probe.gates import open_gates
from se_probe.images import open_images
from se_probe.record import record_gates

BATCH_SIZE, N_BATCHES = 8, 63  # the 500 digits; no number of processes divides it
TASK = """
import sys, time
from pathlib import Path

import se_probe.record.run as run
from se_probe.checkpoints import load_network
from se_probe.images import open_images
from se_probe.record import record_gates
from se_probe.running import rank_and_world

folder, batch_size = Path(sys.argv[1]), int(sys.argv[2])
rank, world = rank_and_world()
write = run.write_batch

def noted(group, number, *rest):
    with (folder / "written.log").open("a") as log:
        log.write(f"{rank} {number}\\n")
    time.sleep(0.01)
    write(group, number, *rest)

run.write_batch = noted
network = load_network(folder / "net.pt")
images = open_images("digits", network.preprocessing, batch_size=batch_size)
images.batch(0)
(folder / f"{rank}.ready").touch()
while len(list(folder.glob("*.ready"))) < world:
    time.sleep(0.02)
record_gates(network, images, out=folder / "run.zarr", threads=1)
"""


def has_idle_node():
    """Whether srun would start something at once."""
    if not (shutil.which("srun") and shutil.which("sinfo")):
        return False
    asked = ["sinfo", "--noheader", "--states=idle", "--format=%D"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=5)
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0 and bool(answer.stdout.strip())


@pytest.fixture
def job(tmp_path):
    """A folder with the script of each process, and what one process recorded."""
    (tmp_path / "task.py").write_text(TASK)
    save_network(build_network("se_lenet"), tmp_path / "net.pt")
    network = load_network(tmp_path / "net.pt")
    images = open_images("digits", network.preprocessing, batch_size=BATCH_SIZE)
    return tmp_path, record_gates(network, images, threads=1)


def run_together(launcher, folder):
    """Run the script with a launcher; rank and number of each batch written."""
    command = [*launcher, str(folder / "task.py"), str(folder), str(BATCH_SIZE)]
    alone = {k: v for k, v in os.environ.items() if k not in {"RANK", "WORLD_SIZE"}}
    environment = alone | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / "written.log").read_text().splitlines()
    return [tuple(map(int, line.split())) for line in lines]


def assert_shared(written, n_processes, folder, whole):
    assert {number for _, number in written} == set(range(N_BATCHES))
    assert {rank for rank, _ in written} == set(range(n_processes))
    assert len(written) <= N_BATCHES + n_processes
    gates = open_gates(folder / "run.zarr")
    xr.testing.assert_identical(gates.drop_attrs(), whole.drop_attrs())


def test_torchrun_processes_share_a_record(job):
    folder, whole = job
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]

    written = run_together([*launcher, "--nproc-per-node=2"], folder)

    assert_shared(written, 2, folder, whole)


@pytest.mark.skipif(not has_idle_node(), reason="needs srun and an idle Slurm node")
@pytest.mark.parametrize("n_tasks", [2, 3])
def test_slurm_tasks_share_a_record(job, n_tasks):
    folder, whole = job
    launcher = ["srun", f"--ntasks={n_tasks}", "--overcommit", sys.executable]

    written = run_together(launcher, folder)

    assert_shared(written, n_tasks, folder, whole)
