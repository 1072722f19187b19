"""Numbers of a large record kept beside it."""

import os

import numpy as np
import pytest
import xarray as xr

from records import noisy_gates, on_disk
from se_probe.gates import open_gates
from se_probe.stats import Kept, block_summary, class_moments


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr("se_probe.stats.kept._WORTH_KEEPING", 0)
    on_disk(noisy_gates([6, 8, 7], effect=0.1), tmp_path / "run.zarr", batch_size=8)
    return tmp_path / "run.zarr"


class Counted:
    """Function that tells how often it was called."""

    def __init__(self, compute):
        self.compute, self.n_calls = compute, 0

    def __call__(self):
        self.n_calls += 1
        return self.compute()


@pytest.mark.parametrize("statistic", [class_moments, block_summary])
def test_second_time_gives_the_same_without_computing(path, statistic):
    record = open_gates(path)
    compute = Counted(lambda: statistic(record))

    first = Kept(record, path).get("it", compute)
    again = Kept(open_gates(path), path).get("it", compute)

    assert compute.n_calls == 1
    xr.testing.assert_equal(again, first)
    assert again.attrs == first.attrs
    assert (path.parent / "run.stats").is_dir()
    assert list(first.data_vars) == list(again.data_vars)


def test_a_changed_record_is_computed_anew_and_the_old_numbers_go(path):
    record = open_gates(path)
    compute = Counted(lambda: class_moments(record))
    Kept(record, path).get("it", compute)
    before = set((path.parent / "run.stats").iterdir())
    file = next(p for p in (path / "gate").rglob("*") if p.is_file())
    os.utime(file, ns=(1, 1))

    Kept(record, path).get("it", compute)

    assert compute.n_calls == 2
    after = set((path.parent / "run.stats").iterdir())
    assert len(after) == len(before)
    assert after != before


@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_damaged_numbers_are_computed_anew_and_kept_again(path, damage):
    record = open_gates(path)
    compute = Counted(lambda: class_moments(record))
    first = Kept(record, path).get("it", compute)
    folder = path.parent / "run.stats"
    files = [f for f in folder.rglob("*") if f.is_file() and f.name != "record"][::3]

    for file in files:
        content = file.read_bytes()
        file.write_bytes(damaged(content) if damage == "flip" else content[:-3])
        if damage == "delete":
            file.unlink()
        before = compute.n_calls

        again = Kept(record, path).get("it", compute)

        xr.testing.assert_identical(again, first)
        assert compute.n_calls == before + 1, file
    Kept(record, path).get("it", compute)
    assert compute.n_calls == len(files) + 1


def damaged(content):
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 4
    return bytes(changed)


def test_other_rows_or_settings_are_other_numbers(path):
    record = open_gates(path)
    compute = Counted(lambda: class_moments(record))
    state = np.where(record["predicted"] == -1, 2, record["state"])
    fewer = record.assign_coords(state=("image", state))

    Kept(record, path).get("it", compute)
    Kept(fewer, path).get("it", compute)
    Kept(record, path).get("it", compute, max_rows=3)

    assert compute.n_calls == 3


def test_within_one_run_nothing_is_computed_twice():
    record = noisy_gates([6, 8], effect=0.1)
    compute = Counted(lambda: class_moments(record))
    kept = Kept(record, None)

    assert kept.get("it", compute) is kept.get("it", compute)
    assert compute.n_calls == 1


def test_small_records_and_folders_that_cannot_be_written_leave_nothing(path):
    record = open_gates(path)
    (path.parent / "run.stats").write_text("in the way")

    found = Kept(record, path).get("it", lambda: class_moments(record))

    xr.testing.assert_identical(found, class_moments(record))
    assert (path.parent / "run.stats").is_file()
