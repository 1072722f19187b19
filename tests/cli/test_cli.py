"""The commands: what they print, what they refuse, and how they exit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import se_probe
from se_probe.checkpoints import build_network, save_network
from se_probe.cli import COMMANDS
from se_probe.cli.console import progress_bar
from se_probe.gates import open_gates

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.usefixtures("own_cache")


# --- help ----------------------------------------------------------------------------


def test_importing_the_package_does_not_import_torch():
    script = "import se_probe, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_every_command_has_help_and_is_in_the_readme(command):
    readme = README.read_text(encoding="utf-8")

    for name in COMMANDS:
        status, out, _ = command(name, "--help")
        assert status == 0
        assert len(out.split("Options:")[0].split()) > 8
        assert f"se-probe {name}" in readme


def test_no_command_shows_the_help_and_is_a_usage_error(command):
    assert command()[0] == 2


def test_version_is_printed(command):
    assert command("--version") == (0, f"{se_probe.__version__}\n", "")


# --- inspect, classes ----------------------------------------------------------------


def test_inspect_prints_a_table_with_totals_and_shares(command):
    status, out, _ = command("inspect", "--arch", "se_lenet")

    assert status == 0
    assert re.search(r"SE_2_1 +se +16 +4 +128 +128 +sigmoid +4 +se", out)
    assert re.search(r"all SE blocks +1 +16 +128 +0\.287 +128", out)
    assert re.search(r"network +- +- +44,554 +100 +281,768 +100", out)


def test_inspect_as_json_has_the_promised_keys(command):
    _, out, _ = command(
        "inspect", "--arch", "seresnet18", "--image-size", "64", "--json"
    )

    facts = json.loads(out)
    assert facts["image_size"] == [64, 64]
    assert facts["parameters"] == 11_779_624
    assert [stage["blocks"] for stage in facts["stages"]] == [2, 2, 2, 2]
    assert facts["blocks"][0]["reduction"] == 8


def test_network_without_se_blocks_is_a_clear_answer(command):
    status, out, err = command("inspect", "--arch", "resnet18")

    assert (status, out) == (1, "")
    assert err.startswith("se-probe: ResNet has no SE blocks")


def test_unknown_architecture_gives_near_misses(command):
    status, _, err = command("inspect", "--arch", "seresnet51")

    assert status == 2
    assert "seresnet50" in err


def test_classes_echo_what_is_taken(command):
    status, out, _ = command("classes", "plane", "1")

    assert status == 0
    assert "plane -> 404 n02690373 airliner" in out
    assert "1 -> 1 n01443537 goldfish" in out


def test_classes_of_several_meanings_are_listed(command):
    status, out, err = command("classes", "crane", "pug")

    assert status == 2
    assert "pug -> 254" in out
    assert "134 n02012849" in err
    assert "517 n03126707" in err


# --- record --------------------------------------------------------------------------


def test_record_tells_what_became_of_the_images(command, ckpt, tmp_path):
    status, out, err = command(
        *("record", "--ckpt", ckpt, "--out", "run.zarr", "--per-class", 3)
    )

    assert status == 0
    assert "30 of 30 images in run.zarr" in out
    assert re.search(r"top-1 accuracy .* interval .* on 30 images", out)
    assert "recording: 30 of 30 images" in err
    assert open_gates(tmp_path / "run.zarr").attrs["images"]["name"] == "digits"


def test_record_names_unreadable_images(command, tiny_network, photos, monkeypatch):
    (photos / "n02110958" / "2.png").write_bytes(b"")
    weights = {"state_dict": tiny_network.model.state_dict()}
    torch.save(weights, "tiny.pt")
    arguments = ("--ckpt", "tiny.pt", "--arch", "networks:TinyNet", "--data", photos)

    status, out, _ = command("record", *arguments, "--out", "run.zarr", "--json")

    assert status == 0
    assert json.loads(out)["skipped"] == ["n02110958/2.png"]
    status, _, err = command("record", *arguments, "--out", "other.zarr", "--strict")
    assert status == 1
    assert "n02110958/2.png" in err


def test_record_goes_on_and_begins_anew_only_with_force(command, ckpt):
    arguments = ("record", "--ckpt", ckpt, "--per-class", 2, "--out", "run.zarr")
    command(*arguments)

    again = command(*arguments)
    other = command(*arguments, "--batch-size", 7)
    forced = command(*arguments, "--batch-size", 7, "--force")

    assert (again[0], other[0], forced[0]) == (0, 1, 0)
    assert "batch size (32 then, 7 now)" in other[2]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--ckpt", "nowhere.pt"], 1, "nowhere.pt"),
        (["--data", "nowhere"], 1, "no image folder 'nowhere'"),
        (["--data", "empty"], 1, "empty"),
        (["--device", "gpu"], 2, "a device is auto, cpu"),
        (["--arch", "se_lenett"], 2, "se_lenet"),
        (["--batch-size", "0"], 2, "--batch-size"),
        (["--out", "notes.txt"], 1, "not a gate record"),
        (["--ckpt", "notes.txt"], 1, "notes.txt"),
        (["--ckpt", "timm:seresnet5"], 2, "seresnet50"),
    ],
)
def test_wrong_input_of_record_is_one_sentence(
    command, ckpt, tmp_path, arguments, status, sentence
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("not a network")

    got, out, err = command(
        "record", "--ckpt", ckpt, "--out", "run.zarr", "--quiet", *arguments
    )

    assert (got, out) == (status, "")
    assert sentence in err
    assert "Traceback" not in err
    assert not (tmp_path / "run.zarr").exists()
    assert (tmp_path / "notes.txt").read_text() == "not a network"


def test_images_must_be_named_where_the_checkpoint_does_not(
    command, tmp_path, monkeypatch
):
    save_network(build_network("se_lenet"), tmp_path / "bare.pt")

    status, _, err = command("record", "--ckpt", "bare.pt", "--out", "run.zarr")
    monkeypatch.setenv("SE_PROBE_DATA", "digits")
    from_environment = command(
        *("record", "--ckpt", "bare.pt", "--out", "run.zarr", "--per-class", 1)
    )

    assert status == 1
    assert "--data" in err
    assert "SE_PROBE_DATA" in err
    assert from_environment[0] == 0


def test_malicious_checkpoint_is_refused_and_does_nothing(command, tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    torch.save({"state_dict": {}, "extra": Payload()}, tmp_path / "evil.pt")

    status, _, err = command("inspect", "--ckpt", "evil.pt", "--arch", "se_lenet")

    assert status == 1
    assert "--trust-pickle" in err
    assert not (tmp_path / "owned").exists()


def test_interrupted_record_says_that_it_can_go_on(command, ckpt, monkeypatch):
    import se_probe.record

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(se_probe.record, "record_gates", interrupted)

    status, _, err = command("record", "--ckpt", ckpt, "--out", "run.zarr")

    assert status == 1
    assert "the same command" in err
    assert "resumes there" in err


def test_full_disk_is_one_sentence(command, ckpt, monkeypatch):
    import errno

    import se_probe.record

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", "run.zarr/gate/c/0/0")

    monkeypatch.setattr(se_probe.record, "record_gates", full)

    status, _, err = command("record", "--ckpt", ckpt, "--out", "run.zarr", "--quiet")

    assert status == 1
    assert err.startswith("se-probe: the disk is full (run.zarr/gate/c/0/0)")


# --- on real photos ------------------------------------------------------------------


@pytest.mark.slow
def test_real_network_reaches_its_accuracy_on_real_photos(command, real_data, tmp_path):
    weights = real_data / "weights" / "tf_efficientnetv2_b0_from_keras_dump.pth"
    network = ("--ckpt", weights, "--arch", "tf_efficientnetv2_b0")

    status, _, _ = command(
        *("record", *network, "--data", real_data / "photos" / "val"),
        *("--image-size", 224, "--out", "run.zarr", "--quiet"),
    )

    record = open_gates("run.zarr")
    ilsvrc = np.array(
        [Path(name).name.startswith("ILSVRC") for name in record["image_id"].values]
    )
    hits = record["predicted"].values == record["class_index"].values
    assert status == 0
    assert ilsvrc.sum() == 1300
    assert abs(hits[ilsvrc].mean() - 0.845) < 0.015


def test_progress_announces_a_long_run_after_its_first_steps(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("se_probe.cli.console.time.monotonic", lambda: clock[0])

    with progress_bar("recording") as progress:
        # The first step takes five times as long as others.
        for seconds, done in [(0, 0), (5, 10), (6, 20), (7, 30)]:
            clock[0] = seconds
            progress(done, 1000)

    assert capsys.readouterr().err.splitlines() == ["recording: about 2 min left"]
