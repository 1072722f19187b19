"""Signals, volumes, and blocks that are not used, through all commands."""

import json

import pytest
import torch
import xarray as xr

from networks import SHAPES, IdleNet, ranked


@pytest.fixture(params=SHAPES)
def given(request, tmp_path, monkeypatch):
    """Options that name a network of signals or of volumes, and its data."""
    kind = request.param
    monkeypatch.chdir(tmp_path)
    torch.save(ranked(kind)[0].model.state_dict(), "net.pt")
    network = ("--ckpt", "net.pt", "--arch", f"networks:{kind}_net")
    data = ("--data", f"networks:{kind}s")
    return network, data, ",".join(map(str, SHAPES[kind]))


def test_inputs_of_any_rank_go_through_all_commands(given, command):
    network, data, shape = given

    results = [
        command("inspect", *network, "--input-shape", shape),
        command("record", *network, *data, "--out", "run.zarr", "--quiet"),
        command("plot", "run.zarr", "--out", "figures", "--quiet"),
        command("rank", "run.zarr", *network, *data, "--quiet"),
        command("evaluate", *network, *data, "--quiet"),
        command("prune", *network, *data, "--blocks", "*", "--out", "small.pt", "-q"),
    ]

    assert [result.status for result in results] == [0] * 6, results
    gates = xr.open_dataarray("run.zarr")
    assert gates.sizes["image"] == 60
    assert set(gates.class_name.values) == {"low", "middle", "high"}


def test_the_shape_that_is_given_counts_in_all_of_prune(given, command):
    network, _, shape = given

    status, out, err = command(
        *("prune", *network, "--blocks", "*", "--how", "identity"),
        *("--input-shape", shape, "--out", "small.pt", "--json"),
    )

    assert status == 0, err
    sides = [int(side) for side in shape.split(",")][1:]
    assert json.loads(out)["image_size"] == sides


def test_a_shape_that_is_none_is_a_usage_error(command):
    status, _, err = command("inspect", "--arch", "se_lenet", "--input-shape", "1,x")

    assert status == 2
    assert "--input-shape takes whole numbers from 1 with commas between" in err


@pytest.mark.filterwarnings("always")
def test_blocks_that_are_never_called_are_named_and_refused_if_asked(
    command, tmp_path, monkeypatch, photos
):
    monkeypatch.chdir(tmp_path)
    torch.save(IdleNet().state_dict(), "net.pt")
    network = ("--ckpt", "net.pt", "--arch", "networks:IdleNet", "--image-size", 16)
    sentence = "'idle' (SEBlock) looks like an SE block and is registered but never"

    shown = command("inspect", *network)
    facts = json.loads(command("inspect", *network, "--json").stdout)
    recorded = command("record", *network, "--data", photos, "--out", "a.zarr")
    removal = ("--blocks", "*", "--how", "identity", "--dry-run")
    pruned = command("prune", *network, *removal)
    strict = [
        command("inspect", *network, "--strict"),
        command("record", *network, "--data", photos, "--out", "b.zarr", "--strict"),
        command("prune", *network, *removal, "--strict"),
    ]

    assert f"note: {sentence}" in " ".join(shown.stdout.split())
    assert sentence in facts["notes"][0]
    assert sentence in xr.open_dataarray("a.zarr").attrs["notes"][0]
    assert sentence in recorded.stderr
    assert sentence in pruned.stderr
    assert [each.status for each in strict] == [1, 1, 1]
    assert all(sentence in each.stderr for each in strict)
