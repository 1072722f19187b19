"""The benchmark of recording: what it measures, and what it makes of the numbers."""

import contextlib
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import machine, recording, ways
from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import build_network

RUNS = [
    {"images_per_second": 20.0, "ratio": 1.0, "peak_mb": 500.0, "setup_seconds": 2.0},
    {"images_per_second": 30.0, "ratio": 1.5, "peak_mb": 700.0, "setup_seconds": 4.0},
    {"images_per_second": 28.0, "ratio": 1.4, "peak_mb": 600.0, "setup_seconds": 3.0},
]


@pytest.fixture(scope="module")
def network():
    return build_network("se_lenet").model


@pytest.mark.parametrize("way", ["timm AttentionExtract"])
def test_ways_give_the_gates_that_hooks_see(network, way):
    pixels = torch.rand(3, 1, 28, 28)
    blocks = find_se_blocks(network, pixels)

    with contextlib.ExitStack() as stack:
        gates = ways.WAYS[way](network, blocks, stack)(pixels)
        difference = ways._difference(gates, network, blocks, pixels)

    assert gates.shape == (3, sum(block.channels for block in blocks))
    assert difference == 0


def test_gates_that_differ_are_no_measurement(network):
    pixels = torch.rand(3, 1, 28, 28)
    blocks = find_se_blocks(network, pixels)
    wrong = np.zeros((3, sum(block.channels for block in blocks)))

    with pytest.raises(RuntimeError, match="from what hooks see"):
        ways._difference(wrong, network, blocks, pixels)


def test_summary_is_median_and_range():
    found = recording.summary("hooks", RUNS)

    assert (found["low"], found["images_per_second"], found["high"]) == (20, 28, 30)
    assert (found["ratio"], found["peak_mb"], found["n_runs"]) == (1.4, 700, 3)
    assert found["version"] == f"torch {metadata.version('torch')}"


def test_table_and_bars_show_every_way_and_what_is_missing():
    shown = [recording.summary(way, RUNS) for way in ("bare", "se_probe")]
    result = {
        "ways": shown,
        "failed": {"hooks": "it broke"},
        "not_installed": ["nnsight trace"],
        "settings": {"arch": "se_lenet", "batch_size": 4, "device": "cpu"},
        "machine": {"busy": True},
    }

    text = recording.table(result)
    (ax,) = recording.figure(result).axes

    assert "| bare | 28.0 (20.0 to 30.0) | 1.40 |" in text
    assert "hooks | failed: it broke" in text
    assert "Not installed: nnsight trace." in text
    assert [bar.get_width() for bar in ax.patches] == [28, 28]
    assert "busy machine" in ax.get_title(loc="left")


def test_unknown_ways_are_refused_and_absent_ones_named(monkeypatch, capsys):
    monkeypatch.setattr(recording, "version", lambda way: way == "bare" or None)

    assert recording.chosen_ways("bare, hooks") == ["bare"]
    assert "hooks: not installed" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no such way: hook;"):
        recording.chosen_ways("hook")


def test_a_loaded_machine_is_refused_unless_told(monkeypatch):
    monkeypatch.setattr(
        machine, "psutil", SimpleNamespace(cpu_percent=lambda interval: 100.0)
    )
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)

    with pytest.raises(SystemExit, match=r"2\.00 of 2 cores in use"):
        machine.check_idle(busy=False)
    assert machine.check_idle(busy=True)["busy_cores"] == 2
