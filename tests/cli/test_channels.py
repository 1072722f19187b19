"""``se-probe channels`` as a user meets it."""

import json

import numpy as np
import pandas as pd
import pytest

import records
from se_probe.gates import open_gates, save_gates
from se_probe.stats import channel_table


@pytest.fixture
def record(tmp_path):
    """Path of a record of two blocks, of which one has a dead channel."""
    gates = records.imagenet_record([1, 254, 404], [8] * 3, {"SE_2_1": 6, "SE_3_1": 4})
    gates[:, 2] = 0.01
    save_gates(gates, tmp_path / "run.zarr")
    return tmp_path / "run.zarr"


def test_channels_writes_every_channel_and_prints_the_blocks(command, record, tmp_path):
    status, stdout, stderr = command("channels", record, "--out", tmp_path / "all.csv")

    written = pd.read_csv(tmp_path / "all.csv")
    expected = channel_table(open_gates(record))
    assert status == 0, stderr
    np.testing.assert_allclose(
        written["selectivity"], expected["selectivity"], rtol=1e-5
    )
    assert list(written["opens_most"]) == expected["opens_most"].to_numpy().tolist()
    assert written["block"].tolist() == ["SE_2_1"] * 6 + ["SE_3_1"] * 4
    assert list(written)[:3] == ["block", "stage", "channel_in_block"]
    assert "SE_2_1" in stdout
    assert "dead: 1 in SE_2_1" in stdout
    assert "10 channels" in stderr


def test_channels_prints_json(command, record):
    status, stdout, _ = command("channels", record, "--json", "--blocks", "SE_3_*")

    printed = json.loads(stdout)
    assert status == 0
    assert [row["block"] for row in printed["channels"]] == ["SE_3_1"] * 4
    assert [row["channels"] for row in printed["blocks"]] == [4]
    assert printed["n_images"] == 24


def test_channels_of_one_class_says_what_it_needs(command, tmp_path):
    save_gates(records.one_channel([0.2, 0.4]), tmp_path / "one.zarr")

    status, stdout, _ = command("channels", tmp_path / "one.zarr", "--json")

    row = json.loads(stdout)["channels"][0]
    assert status == 0
    assert (row["selectivity"], row["opens_most"]) == (None, "")
    stdout = command("channels", tmp_path / "one.zarr").stdout
    assert "not known: it needs two classes with two images each" in stdout


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--blocks", "SE_9_9"], 2, "SE_9_9"),
        (["--blocks", ","], 2, "expected at least one block"),
        (["--seed", "-1"], 2, "--seed"),
    ],
)
def test_channels_says_what_is_wrong(command, record, arguments, status, sentence):
    found = command("channels", record, *arguments)

    assert found.status == status
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr


def test_channels_needs_a_record(command, tmp_path):
    found = command("channels", tmp_path / "none.zarr")

    assert found.status == 1
    assert "none.zarr" in found.stderr
