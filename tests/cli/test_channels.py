"""``se-probe channels`` as a user meets it."""

import json

import numpy as np
import pandas as pd
import pytest

import records
from se_probe.gates import make_gates, open_gates, save_gates
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


# --- figures of records that say little ----------------------------------------------

GATES = np.random.default_rng(0).random((6, 5))
SAYING_LITTLE = {
    "one image of each class": (GATES, list("abcdef")),
    "constant gates": (np.full((6, 4), 0.5), list("aabbcc")),
    "gates below 0": (GATES - 1, list("aabbcc")),
    "one channel": (GATES[:, :1], list("aabbcc")),
}


def saved(gates, names, path, **options):
    record = make_gates({"SE_2_1": gates}, names, **options)
    save_gates(record.assign_attrs(label_set=sorted("abcdef")), path)
    return path


@pytest.mark.parametrize("what", SAYING_LITTLE)
def test_figures_of_records_that_say_little_say_so(command, tmp_path, what):
    record = saved(*SAYING_LITTLE[what], tmp_path / "run.zarr")

    status, stdout, stderr = command(
        *("plot", record, "--figures", "selectivity,redundancy,similarity"),
        *("--out", tmp_path, "--format", "png", "--quiet"),
    )

    captions = "".join(path.read_text() for path in tmp_path.glob("*.txt"))
    assert (status, stderr) == (0, "")
    assert ("is not known" in captions) == (what != "one channel")
    assert "nan" not in captions
    assert "similarity.png" in stdout
    is_matrix = what not in {"constant gates", "one channel"}
    assert ("correlations.png" in stdout) == is_matrix


def test_classes_that_the_network_does_not_know_are_compared_by_name(command, tmp_path):
    record = saved(
        GATES, list("aabbcc"), tmp_path / "run.zarr", class_index=np.full(6, -1)
    )

    status, stdout, _ = command("channels", record, "--json")

    rows = json.loads(stdout)["channels"]
    assert status == 0
    assert {row["opens_most"] for row in rows} <= set("abc")
    assert all(row["selectivity"] > 0 for row in rows)


@pytest.mark.parametrize("names", ["a", "aaabbb"])
def test_similarity_says_how_many_classes_it_needs(command, tmp_path, names):
    record = saved(GATES[: len(names)], list(names), tmp_path / "run.zarr")

    found = command("plot", record, "--figures", "similarity", "--out", tmp_path, "-q")

    assert found.status == 1
    assert "similarity of classes needs three of them" in found.stderr


def test_a_figure_that_is_unknown_is_told_with_those_there_are(command, record):
    found = command("plot", record, "--figures", "selectivty")

    assert found.status == 2
    assert "selectivity, redundancy, similarity" in found.stderr
