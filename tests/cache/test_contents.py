"""What the cache holds, and emptying it."""

import json

import pytest

from commands import run_command
from se_probe.cache import (
    cache_entries,
    clear_cache,
    measurements_folder,
    remember_root,
    tar_indexes_folder,
)


@pytest.fixture
def used(tmp_path, monkeypatch):
    """A cache that a plot, a measurement and a training have used."""
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    checkpoint = "checkpoints/se_lenet_digits.pt"
    out = tmp_path / "figures"
    status, _, stderr = run_command(
        *("plot", "--ckpt", checkpoint, "--classes", "1,2", "--figures", "heatmap"),
        *("--per-class", "3", "--others", "0", "--out", out, "-q"),
    )
    assert status == 0, stderr
    measurements_folder().mkdir(parents=True)
    (measurements_folder() / "a.json").write_text("x" * 5)
    remember_root("0" * 64, tmp_path)
    tar_indexes_folder().mkdir()
    (tar_indexes_folder() / "a.json").write_text("x")
    (entry,) = [entry for entry in cache_entries() if entry.holds == "gates"]
    kept = entry.path.with_suffix(".stats")  # as the statistics of a large record
    kept.mkdir()
    (kept / "moments.npz").write_text("x" * 7)
    return tmp_path / "cache"


def test_entries_say_what_they_hold(used):
    entries = {entry.holds: entry for entry in cache_entries()}

    assert entries.keys() == {
        "gates",
        "statistics",
        "measurements",
        "data roots",
        "tar indexes",
    }
    gates = entries["gates"]
    assert (gates.network, gates.data, gates.n_images) == ("se_lenet", "digits", 6)
    assert entries["measurements"].n_bytes == 5


def test_clearing_removes_what_the_cache_wrote_and_nothing_else(used):
    (used / "letters").mkdir()
    (used / "letters" / "mine.txt").write_text("keep")
    n_bytes = sum(entry.n_bytes for entry in cache_entries())

    freed = clear_cache()

    assert freed == n_bytes > 0
    assert cache_entries() == []
    assert [path.name for path in used.iterdir()] == ["letters"]


def test_a_damaged_record_is_listed_by_its_size(used):
    for path in used.rglob("zarr.json"):
        path.write_text("{")

    (gates,) = [entry for entry in cache_entries() if entry.holds == "gates"]

    assert gates.network == ""
    assert gates.n_bytes > 0


def test_command_shows_and_clears(used):
    shown = run_command("cache")
    cleared = run_command("cache", "--clear", "--json")
    empty = run_command("cache")

    assert "se_lenet" in shown.stdout
    assert json.loads(cleared.stdout)["freed"] > 0
    assert empty.stdout.startswith("nothing is kept in ")
