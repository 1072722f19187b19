"""The command prune, through `main`."""

import json
from pathlib import Path

import pytest
import torch

from networks import built, places
from se_probe.blocks import find_se_blocks, held_gates
from se_probe.checkpoints import load_network, save_network
from se_probe.errors import CheckpointError
from se_probe.images import open_images
from se_probe.interventions import least_squares_constants
from se_probe.models import count_parameters
from se_probe.record import record_gates

DIGITS = Path(__file__).parents[2] / "checkpoints" / "se_lenet_digits.pt"
FREEZE = ("--blocks", "SE_2_*", "--how", "frozen", "--gates", "FOLDER/run.zarr")


@pytest.fixture
def recorded(tmp_path):
    """Folder with `net.pt` and its record `run.zarr`."""
    lenet = built("se_lenet")
    digits = open_images("digits", lenet.preprocessing, per_class=2, batch_size=20)
    save_network(lenet, tmp_path / "net.pt")
    record_gates(load_network(tmp_path / "net.pt"), digits, out=tmp_path / "run.zarr")
    return tmp_path


@pytest.fixture
def run_prune(command, recorded):
    """Function that runs `prune --ckpt net.pt`; FOLDER is that of `recorded`."""

    def run(*arguments: str):
        files = [str(part).replace("FOLDER", str(recorded)) for part in arguments]
        return command("prune", "--ckpt", recorded / "net.pt", *files)

    return run


def test_prune_writes_a_smaller_checkpoint(recorded, run_prune):
    status, out, err = run_prune(*FREEZE, "--out", "FOLDER/small.pt")

    assert status == 0, err
    assert "constants from 20 images (mean)" in err
    assert "frozen, folded into fc1" in out
    assert "note: no SE block is left" in err
    smaller = load_network(recorded / "small.pt")
    assert count_parameters(smaller.model) == 44_554 - 128
    assert places(smaller) == {"se": "fc1"}


def test_a_dry_run_says_the_same_and_writes_nothing(recorded, run_prune):
    before = sorted(recorded.iterdir())

    _, out, _ = run_prune(*FREEZE, "--dry-run", "--json")

    facts = json.loads(out)
    assert facts["before"]["parameters"] - facts["after"]["parameters"] == 128
    assert facts["before"]["macs"] - facts["after"]["macs"] == 128
    assert facts["blocks"][0]["folded_into"] == "fc1"
    assert "written" not in facts
    assert sorted(recorded.iterdir()) == before


def test_prune_exports_onnx_compared_on_recorded_images(recorded, run_prune):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    outputs = ("--out", "FOLDER/small.pt", "--export", "FOLDER/small.onnx")

    _, out, _ = run_prune(*FREEZE, *outputs, "--json")

    facts = json.loads(out)
    assert facts["exported"]["compared_on"] == "8 recorded images"
    assert facts["exported"]["largest_difference"] < 1e-5
    assert facts["written"] == [f"{recorded}/small.pt", f"{recorded}/small.onnx"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--blocks", "se"), 2, "where to"),
        (("--blocks", "se", "--dry-run"), 2, "say --how identity"),
        (("--blocks", "se", "--out", "FOLDER/net.pt"), 1, "--force"),
        (("--blocks", "SE_9_*", "--how", "identity", "--dry-run"), 2, "Did you mean"),
        (
            (
                *("--blocks", "se", "--how", "identity"),
                *("--out", "FOLDER/a.pt", "--plain", "FOLDER/b.pt"),
            ),
            2,
            "no plain architecture is known for se_lenet",
        ),
        (
            ("--blocks", "se", "--gates", "FOLDER/none.zarr", "--dry-run"),
            1,
            "there is no gate record",
        ),
    ],
)
def test_prune_refuses_and_writes_nothing(
    arguments, status, sentence, recorded, run_prune
):
    before = sorted(recorded.iterdir())

    got, _, err = run_prune(*arguments)

    assert got == status
    assert sentence in err
    assert sorted(recorded.iterdir()) == before


def test_prune_within_a_budget_and_finetune(command, tmp_path):
    out = tmp_path / "small.pt"

    status, stdout, err = command(
        *("prune", "--ckpt", DIGITS, "--budget", 5, "--finetune", 1),
        *("--out", out, "--json", "--threads", 1),
    )

    facts = json.loads(stdout)
    assert status == 0, err
    assert facts["budget"]["images"] == {
        "calibrating": 100,
        "choosing": 100,
        "judging": 300,
    }
    assert facts["budget"]["n_removed"] == 1
    # Of 500, those that neither calibrated nor chose.
    assert facts["finetuned"]["n_test"] == 300
    assert facts["finetuned"]["top1_after"] > 0.95
    network = load_network(out)
    assert network.provenance.removed_blocks[0]["name"] == "SE_2_1"
    assert network.provenance.metrics["accuracy"] == pytest.approx(
        facts["finetuned"]["top1_after"]
    )


def test_prune_prints_what_each_step_costs(command, tmp_path):
    status, stdout, err = command(
        *("prune", "--ckpt", DIGITS, "--budget", 5, "--dry-run", "--threads", 1)
    )

    assert status == 0, err
    assert "evaluated on 300 images" in stdout
    assert "1 of 1 blocks go" in stdout
    assert "within the budget of 5" in stdout


@pytest.fixture
def a_fifth_faster(monkeypatch):
    """A clock on which a network without its SE block takes 8 ms instead of 10."""
    monkeypatch.setattr(
        "se_probe.pruning.saving.run_times", lambda *_: [[10.0] * 3, [8.0] * 3]
    )


@pytest.mark.parametrize("budget", [(), ("--budget", 5)])
def test_blocks_go_until_enough_time_is_saved(command, a_fifth_faster, budget):
    status, stdout, err = command(
        *("prune", "--ckpt", DIGITS, "--save", "10%", "--runtime", "eager", *budget),
        *("--dry-run", "--threads", 1),
    )

    assert status == 0, err
    assert "time saved in eager (%)" in stdout
    assert "20.0 % of the time in eager is saved" in stdout
    assert ("within the budget of 5" in stdout) == bool(budget)


def test_time_that_cannot_be_saved(command, a_fifth_faster, tmp_path):
    status, _, err = command(
        *("prune", "--ckpt", DIGITS, "--save", "30%", "--runtime", "eager"),
        *("--out", tmp_path / "small.pt", "--threads", 1),
    )

    assert status == 1
    assert "removing the one block saves 20.0 % of the time in eager (10 ms" in err
    assert not (tmp_path / "small.pt").exists()


def test_a_budget_too_narrow_for_the_images(command, tmp_path):
    out = tmp_path / "small.pt"

    status, stdout, err = command(
        *("prune", "--ckpt", DIGITS, "--budget", 0.5, "--out", out, "--threads", 1)
    )

    assert status == 1
    assert "300 are left for evaluation" in err
    assert "takes at least 553" in err
    assert "Give about 922 images in all" in err
    assert not stdout
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Give --blocks NAMES, or --budget POINTS"),
        (("--budget", 1, "--blocks", "SE_2_1"), "one of them"),
        (("--budget", 1, "--how", "frozen"), "without --how and --gates"),
        (("--blocks", "SE_2_1", "--accept-uncertain"), "is about a --budget"),
        (("--budget", 0), "got 0"),
        (("--save", "much"), "such as 10%; got 'much'"),
        (("--save", "100%"), "below 100 %, got 100 %"),
        (("--save", "10%", "--runtime", "tflite"), "a runtime is one of eager"),
        (("--save", "10%", "--blocks", "SE_2_1"), "one of them"),
        (("--runtime", "eager", "--blocks", "SE_2_1"), "is about --save"),
        (("--distill", 0.5, "--blocks", "SE_2_1"), "are about --finetune"),
        (("--distill", 2, "--finetune", 1, "--blocks", "SE_2_1"), "at most 1, got 2"),
    ],
)
def test_requests_that_cannot_be_meant(command, arguments, sentence):
    status, _, err = command("prune", "--ckpt", DIGITS, "--dry-run", *arguments)

    assert status == 2
    assert sentence in err


def test_finetuning_needs_training_images(command, photos, tmp_path):
    status, _, err = command(
        *("prune", "--ckpt", DIGITS, "--blocks", "SE_2_1", "--how", "identity"),
        *("--data", photos),
        *("--finetune", 1, "--out", tmp_path / "small.pt"),
    )

    assert status == 1
    assert "move them into train/CLASS and test/CLASS" in err
    assert not (tmp_path / "small.pt").exists()


def test_constants_from_images_where_there_is_no_record(command, tmp_path):
    out = tmp_path / "small.pt"

    status, _, err = command(
        *("prune", "--ckpt", DIGITS, "--blocks", "SE_2_1", "--how", "frozen"),
        *("--data", "digits", "--batch-size", 50, "--out", out, "--threads", 1),
    )

    assert status == 0, err
    assert "constants from 500 images (least squares, front to back); evaluate" in err
    original, pruned = load_network(DIGITS), load_network(out)
    images = open_images("digits", original.preprocessing, batch_size=50)
    blocks = find_se_blocks(original.model, images.batch(0))
    held = least_squares_constants(original, images, blocks)
    pixels = images.batch(0)
    with torch.no_grad(), held_gates(original.model, blocks, held):
        expected = original.model(pixels)
    with torch.no_grad():
        torch.testing.assert_close(pruned.model(pixels), expected, rtol=1e-4, atol=1e-4)


def test_no_finished_work_is_thrown_away_by_a_late_failure(recorded, run_prune):
    outputs = ("--out", "FOLDER/small.pt", "--export", "FOLDER/small.pt2", "--json")
    (recorded / "small.pt2").mkdir()

    status, _, err = run_prune(*FREEZE, *outputs, "--force")

    assert status == 1
    assert "small.pt2 could not be written: it is a folder" in err
    assert not (recorded / "small.pt").exists()


def test_an_extra_that_fails_leaves_the_checkpoint(recorded, run_prune, monkeypatch):
    def fail(*_, **__):
        raise CheckpointError("the disk is full")

    monkeypatch.setattr("se_probe.pruning.outputs.export_network", fail)
    outputs = ("--out", "FOLDER/small.pt", "--export", "FOLDER/small.pt2", "--json")

    status, out, err = run_prune(*FREEZE, *outputs)

    assert status == 1
    assert f"{recorded}/small.pt written, but" in err
    assert "small.pt2 is not written: the disk is full" in err
    assert json.loads(out)["written"] == [f"{recorded}/small.pt"]
    assert load_network(recorded / "small.pt").provenance.removed_blocks


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--plain", "FOLDER/plain.pt"), 2, "no plain architecture is known"),
        (("--export", "FOLDER/net.pt/x.onnx"), 1, "cannot be written to"),
        (("--export", "/proc/none/x.onnx"), 1, "/proc cannot be written to"),
        (("--export", "FOLDER/x.tflite"), 2, "expected .onnx or .pt2"),
        (("--export", "FOLDER/small.pt"), 2, "a name of its own"),
        (("--export-code",), 2, "se_lenet is built by se_probe"),
        (("--half",), 2, "about --export"),
        (("--finetune", 1, "--data", "FOLDER/photos"), 1, "train/CLASS"),
    ],
)
def test_what_can_be_known_is_checked_before_the_first_pass(
    arguments, status, sentence, run_prune, photos, monkeypatch
):
    def run(*_, **__):
        pytest.fail("the network ran")

    for name in ("plan_budget", "drop_se_blocks"):
        monkeypatch.setattr(f"se_probe.pruning.{name}", run)

    for asked in (("--budget", 5, "--accept-uncertain"), ("--blocks", "SE_2_1")):
        got, _, err = run_prune(*asked, "--out", "FOLDER/small.pt", *arguments)

        assert (got, sentence in err) == (status, True), err


def test_a_dry_run_is_measured_once(command, tmp_path, monkeypatch):
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    asked = ("prune", "--ckpt", DIGITS, "--budget", 5, "--threads", 1)
    _, first, _ = command(*asked, "--dry-run")
    kept = sorted((tmp_path / "cache").rglob("*.npy"))
    assert kept

    def run(*_, **__):
        pytest.fail("the network ran over images again")

    monkeypatch.setattr("se_probe.interventions.constants._run_over", run)
    status, second, err = command(*asked, "--out", tmp_path / "small.pt")

    assert status == 0, err
    assert second.startswith(first.rstrip()[:200])
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_the_image_size_that_calibrated_is_saved(command, tmp_path, photos):
    network = built("mobilenetv3_small_100", 64)
    save_network(network, tmp_path / "net.pt")

    status, out, err = command(
        *("prune", "--ckpt", tmp_path / "net.pt", "--blocks", "SE_2_1"),
        *("--data", photos, "--image-size", 96, "--out", tmp_path / "small.pt"),
        "--json",
    )

    assert status == 0, err
    assert json.loads(out)["image_size"] == [96, 96]
    assert load_network(tmp_path / "small.pt").preprocessing.input_size == (3, 96, 96)


def test_finetuning_is_judged_on_images_that_did_not_calibrate(command, tmp_path):
    status, out, err = command(
        *("prune", "--ckpt", DIGITS, "--blocks", "SE_2_1", "--data", "digits"),
        *("--finetune", 1, "--per-class", 30, "--out", tmp_path / "small.pt"),
        *("--distill", 0.5),
        "--json",
    )

    assert status == 0, err
    facts = json.loads(out)["finetuned"]
    seen = load_network(tmp_path / "small.pt").provenance.seen_images
    assert set(seen) == {"calibrating", "training"}
    assert set(seen["calibrating"]) == set(seen["training"])
    assert facts["n_train"] == len(seen["training"]) == 300
    assert facts["n_test"] == 300
    status, out, err = command(
        *("evaluate", "--ckpt", tmp_path / "small.pt", "--per-class", 2, "--json")
    )
    assert status == 0, err


def test_quiet_says_nothing_on_stderr(run_prune):
    _, _, err = run_prune(*FREEZE, "--dry-run", "--quiet")

    assert err == ""
