"""The command exchange."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from se_probe.checkpoints import build_network, load_network, save_network
from se_probe.gates import open_gates, save_gates
from se_probe.images import open_images
from se_probe.record import record_gates


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SE_PROBE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ckpt(tmp_path):
    network = build_network("se_lenet", seed=1)
    data = {"kind": "built-in", "name": "digits", "path": None}
    provenance = replace(network.provenance, data=data)
    save_network(replace(network, provenance=provenance), tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture
def other(tmp_path):
    save_network(build_network("se_lenet", seed=2), tmp_path / "other.pt")
    return tmp_path / "other.pt"


@pytest.fixture
def record(ckpt, tmp_path):
    network = load_network(ckpt)
    images = open_images("digits", network.preprocessing, per_class=3, batch_size=10)
    record_gates(network, images, out=tmp_path / "run.zarr")
    return tmp_path / "run.zarr"


def test_exchange_writes_figure_numbers_donors_and_caption(
    command, ckpt, record, tmp_path
):
    out = tmp_path / "out"

    done = command("exchange", record, "--ckpt", ckpt, "--out", out, "--per-class", 3)

    assert done.status == 0, done.stderr
    assert "on 30 images of 10 classes" in done.stdout
    assert "other_class" in done.stdout
    assert "The class counts" in done.stdout
    written = {path.name for path in out.iterdir()}
    names = {f"exchange.{end}" for end in ("png", "pdf", "csv", "txt")}
    assert written == names | {"exchange_donors.csv"}
    table = pd.read_csv(out / "exchange.csv")
    assert len(table) == 3 * 1 * 5
    donors = pd.read_csv(out / "exchange_donors.csv")
    assert len(donors) == 30
    assert (donors["image_id"] != donors["same_class_donor"]).all()
    assert "se-probe exchange" in (out / "exchange.txt").read_text()


def test_json_holds_all_effects_donors_and_words(command, ckpt, record):
    done = command(
        "exchange", record, "--ckpt", ckpt, "--per-class", 3, "--json", "--quiet"
    )

    assert (done.status, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert len(facts["effects"]) == 15
    assert {"kl", "kl_low", "top1_change_low", "became_donor_chance"} <= set(
        facts["effects"][0]
    )
    assert len(facts["donors"]) == facts["measured"]["n_images"] == 30


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--blocks", "SE_9_9"], "no SE block is called 'SE_9_9'"),
        (["--per-class", 4], "of the 40 images"),
    ],
)
def test_what_cannot_be_exchanged_is_one_sentence(command, ckpt, record, options, says):
    done = command("exchange", record, "--ckpt", ckpt, "--quiet", *options)

    assert done.status in {1, 2}
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_record_of_another_checkpoint_is_refused(command, other, record):
    done = command(
        "exchange", record, "--ckpt", other, "--data", "digits", "--per-class", 3, "-q"
    )

    assert done.status == 1
    assert "the gate record is of other weights" in done.stderr


def test_images_of_one_class_are_refused(command, ckpt, record, tmp_path):
    gates = open_gates(record)
    one = gates.assign_coords(class_name=("image", np.array(["7"] * 30, object)))
    save_gates(one, tmp_path / "one.zarr")

    done = command(
        "exchange", tmp_path / "one.zarr", "--ckpt", ckpt, "--per-class", 3, "-q"
    )

    assert done.status == 1
    assert "the record holds only 7. Record images of at least two" in done.stderr


def test_without_a_checkpoint_there_is_one_sentence(command, record):
    done = command("exchange", record)

    assert done.status == 2
    assert "which network?" in done.stderr


def test_context_is_recorded_and_drawn(command, ckpt, tmp_path):
    run = tmp_path / "context.zarr"

    recorded = command(
        "record", "--ckpt", ckpt, "--per-class", 3, "--with", "squeeze", "--out", run
    )
    drawn = command("plot", run, "--figures", "context", "--format", "png", "-q")

    assert (recorded.status, drawn.status) == (0, 0), drawn.stderr
    names = {path.name for path in (tmp_path / "figures" / "context").iterdir()}
    assert {"context.png", "context.csv", "context_block.txt"} <= names


def test_record_without_context_is_asked_for_with_its_option(command, record):
    done = command("plot", record, "--figures", "context", "-q")

    assert done.status == 1
    assert "record --with squeeze,energy" in done.stderr
