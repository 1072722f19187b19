"""The commands rank and evaluate."""

import csv
import json
import sys
import typing
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from se_probe.checkpoints import build_network, load_network, save_network
from se_probe.cli.rank import rank
from se_probe.gates import make_gates
from se_probe.images import open_images
from se_probe.pruning import export_network
from se_probe.record import record_gates
from se_probe.stats import CRITERIA


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SE_PROBE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ckpt(tmp_path):
    network = build_network("se_lenet", seed=1)
    provenance = type(network.provenance)(
        data={"kind": "built-in", "name": "digits", "path": None}
    )
    save_network(replace(network, provenance=provenance), tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture
def other(tmp_path):
    network = build_network("se_lenet", seed=2)
    save_network(network, tmp_path / "other.pt")
    return tmp_path / "other.pt"


@pytest.fixture
def record(ckpt, tmp_path):
    network = load_network(ckpt)
    images = open_images("digits", network.preprocessing, per_class=3, batch_size=10)
    record_gates(network, images, out=tmp_path / "run.zarr")
    return tmp_path / "run.zarr"


@pytest.fixture
def two_blocks(monkeypatch):
    """Gate record in memory in place of one on disk: SE_3_1 hardly moves."""
    rng = np.random.default_rng(0)
    values = {
        "SE_2_1": 0.5 + 0.1 * rng.normal(size=(10, 4)),
        "SE_3_1": 0.5 + 0.01 * rng.normal(size=(10, 4)),
    }
    gates = make_gates(values, ["pug", "cliff"] * 5)
    monkeypatch.setattr("se_probe.gates.open_gates", lambda path: gates)


# --- rank ----------------------------------------------------------------------------


def test_rank_needs_the_record_only_and_no_torch(command, two_blocks, monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] in {"torch", "timm"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)

    status, out, _ = command("rank", "run.zarr")

    assert status == 0
    assert "SE blocks by input_dependence" in out
    assert out.index("SE_3_1") < out.index("SE_2_1")


def test_rank_prints_plain_json(command, two_blocks):
    status, out, _ = command("rank", "run.zarr", "--by", "class_share", "--json")

    facts = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert status == 0
    assert facts["ranked_by"] == "class_share"
    assert [block["rank"] for block in facts["blocks"]] == [1, 2]
    assert facts["blocks"][0]["score"] == facts["blocks"][0]["class_share"]
    assert "measured" not in facts


def test_rank_measures_on_the_half_that_it_does_not_calibrate_on(
    command, ckpt, record, tmp_path
):
    status, out, err = command(
        *("rank", record, "--ckpt", ckpt, "--data", "digits", "--per-class", 3),
        *("--json", "--out", tmp_path / "out", "--threads", 1),
    )

    facts = json.loads(out)
    assert status == 0, err
    assert "constants from 15 recorded images, evaluated on 15 others" in err
    assert facts["measured"]["n_images"] == 15
    assert facts["measured"]["n_calibration"] == 15
    block = facts["blocks"][0]
    assert 0 < block["frozen"]["kl"] < block["identity"]["kl"]
    assert block["milliseconds"] > 0
    assert facts["agreement"]["input_dependence"]["n_blocks"] == 1
    assert [point["line"] for point in facts["curve"]] == [
        "frozen",
        "identity",
        "random",
    ]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "ranking.csv",
        *(f"block_costs.{suffix}" for suffix in ("png", "pdf", "csv", "txt")),
        *(f"freezing_curve.{suffix}" for suffix in ("png", "pdf", "csv", "txt")),
    }
    with (tmp_path / "out" / "block_costs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["kl"]) == pytest.approx(block["frozen"]["kl"], rel=1e-5)


def test_rank_without_out_prints_tables_only(command, ckpt, record, tmp_path):
    before = set(tmp_path.iterdir())

    status, out, _ = command(
        *("rank", record, "--ckpt", ckpt, "--per-class", 3, "--quiet")
    )

    assert status == 0
    assert "Measured on 15 images" in out
    assert "Rank correlation of each criterion" in out
    assert set(tmp_path.iterdir()) - {tmp_path / "cache"} == before


def test_rank_refuses_a_record_of_another_network(command, other, record):
    status, _, err = command("rank", record, "--ckpt", other, "--data", "digits")

    assert status == 1
    assert "of other weights" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--by", "depth"], 2, "depth"),
        (["--data", "digits"], 2, "give the record's network with --ckpt"),
        ([], 1, "there is no gate record at nowhere.zarr"),
    ],
)
def test_rank_says_what_is_wrong(command, arguments, status, sentence):
    got, _, err = command("rank", "nowhere.zarr", *arguments)

    assert got == status
    assert sentence in err


def test_rank_offers_every_criterion():
    annotation = typing.get_type_hints(rank, include_extras=False)["by"]

    assert typing.get_args(annotation) == CRITERIA


# --- evaluate ------------------------------------------------------------------------


def test_evaluate_prints_accuracy_with_intervals(command, ckpt):
    status, out, _ = command("evaluate", "--ckpt", ckpt, "--per-class", 2)

    assert status == 0
    assert "On 20 images" in out
    assert "top-1 accuracy (95 % interval)" in out
    assert "net.pt" in out
    assert f"{ckpt.stat().st_size:,}" in out
    assert "latency, 32 images (ms)" in out


def test_evaluate_compares_two_networks(command, ckpt, other):
    arguments = ("--ckpt", ckpt, "--against", other, "--per-class", 2)

    status, out, _ = command("evaluate", *arguments)
    _, text, _ = command("evaluate", *arguments, "--json")

    facts = json.loads(text)
    assert status == 0
    assert facts["against"]["checkpoint"] == "other.pt"
    assert facts["against"]["file_bytes"] == other.stat().st_size
    difference = facts["difference"]
    assert (
        f"{difference['n_gained']} newly correct and {difference['n_lost']} newly"
        in out
    )
    assert f"mean KL divergence {difference['kl']:.3g} nats" in out
    assert "exact McNemar p" in out


def test_evaluate_of_a_network_against_itself_finds_nothing(command, ckpt):
    status, out, _ = command(
        "evaluate", "--ckpt", ckpt, "--against", ckpt, "--per-class", 2
    )

    assert status == 0
    assert "changes by +0.0 percentage points" in out
    assert "the same prediction for 100.0 % of 20 images" in out


def test_evaluate_names_skipped_and_unknown_images(command, tmp_path):
    save_network(build_network("se_lenet"), tmp_path / "net.pt")
    folder = tmp_path / "images"
    for name in ("0", "thing"):
        (folder / name).mkdir(parents=True)
        Image.new("L", (28, 28), 99).save(folder / name / "a.png")
    (folder / "0" / "b.png").write_bytes(b"no picture")

    status, out, _ = command(
        "evaluate", "--ckpt", tmp_path / "net.pt", "--data", folder
    )

    assert status == 0
    assert "1 images are of classes that the network does not know" in out
    assert "skipped: 0/b.png" in out


def test_evaluate_says_what_is_missing(command):
    status, _, err = command("evaluate", "--data", "digits")

    assert status == 2
    assert "--ckpt" in err


def test_the_original_is_of_the_same_architecture_where_its_file_is_silent(
    command, ckpt, tmp_path
):
    weights = load_network(ckpt).model.state_dict()
    renamed = {name.replace("conv", "layer"): t for name, t in weights.items()}
    torch.save(weights, tmp_path / "weights.pt")
    torch.save(renamed, tmp_path / "other.pt")

    status, out, err = command(
        "evaluate", "--ckpt", ckpt, "--against", "weights.pt", "--per-class", 2
    )
    assert status == 0, err
    assert "the same prediction for 100.0 % of 20 images" in out
    status, _, err = command("evaluate", "--ckpt", ckpt, "--against", "other.pt")
    assert status == 2
    assert "Give --against-arch NAME" in err


def test_rank_measures_a_killed_run_only_once(
    command, ckpt, record, tmp_path, monkeypatch
):
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    asked = ("rank", record, "--ckpt", ckpt, "--per-class", 3, "--json")
    _, first, _ = command(*asked)
    monkeypatch.setattr(
        "se_probe.evaluation.sheets.Sheet.scores",
        lambda *_: pytest.fail("the network ran again"),
    )

    status, second, err = command(*asked)

    assert status == 0, err
    facts = [json.loads(text)["blocks"][0]["frozen"] for text in (first, second)]
    assert facts[0] == facts[1]


def test_rank_measures_in_half_precision(command, ckpt, record):
    asked = ("rank", record, "--ckpt", ckpt, "--per-class", 6, "--json")
    costs = []
    for precision in ("fp32", "bf16"):
        status, out, err = command(
            *asked, "--workers", "auto", "--precision", precision
        )
        assert status == 0, err
        costs.append(json.loads(out)["blocks"][0]["frozen"]["kl"])

    assert costs[0] != costs[1]
    assert costs[0] == pytest.approx(costs[1], abs=1e-3)


def test_evaluate_takes_onnx_files_and_times_runtimes(command, ckpt, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    export_network(load_network(ckpt), tmp_path / "net.onnx")

    status, out, err = command(
        *("evaluate", "--ckpt", "net.onnx", "--against", ckpt, "--data", "digits"),
        *("--per-class", 1, "--runtime", "onnxruntime", "--threads", 1),
    )

    assert status == 0, err
    assert "the same prediction for 100.0 % of 10 images" in out
    assert "onnxruntime, batch 1:" in out
    assert "median and quartiles of 20 passes, 1 threads, fp32" in " ".join(out.split())
    status, _, err = command("evaluate", "--ckpt", ckpt, "--runtime", "tflite")
    assert status == 2
    assert "got tflite" in err
