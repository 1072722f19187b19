"""The commands: what they print, what they refuse, and how they exit."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import se_probe
from se_probe.checkpoints import build_network, save_network
from se_probe.cli import COMMANDS
from se_probe.cli.console import progress_bar
from se_probe.cli.options import split_list
from se_probe.gates import make_gates, open_gates

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def ckpt(tmp_path):
    """SE-LeNet with random weights, which says that it is of digits."""
    network = build_network("se_lenet", options={"reduction": 2})
    provenance = type(network.provenance)(
        data={"kind": "built-in", "name": "digits", "path": None}
    )
    save_network(replace(network, provenance=provenance), tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture
def no_torch(monkeypatch):
    """An import of torch fails, as on a machine without it."""
    for name in [n for n in sys.modules if n.partition(".")[0] in {"torch", "timm"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SE_PROBE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


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


# --- plot ----------------------------------------------------------------------------


def test_plot_draws_four_figures_with_their_numbers(command, ckpt):
    status, out, err = command(
        *("plot", "--ckpt", ckpt, "--classes", "3,7", "--per-class", 6, "--others", 5),
        *("--format", "png,svg"),
    )

    assert status == 0
    names = {path.name for path in Path("figures/net").iterdir()}
    assert names == {
        f"{figure}.{suffix}"
        for figure in ("profiles", "spread", "heatmap", "depth")
        for suffix in ("png", "svg", "csv", "txt")
    }
    assert "recording 52 images" in err
    assert "3 -> 3" in err
    assert "class share" in out
    assert "gates 0.05 or below" in out


def test_plot_again_draws_from_the_cache_without_torch(command, ckpt, request):
    arguments = ("plot", "--ckpt", ckpt, "--per-class", 4, "--others", 4)
    command(*arguments, "--classes", "3,7")
    request.getfixturevalue("no_torch")

    status, out, err = command(
        *(*arguments, "--classes", "0,1,3", "--channels", 5, "--out", "other"),
        *("--figures", "profiles", "--format", "pdf"),
    )

    assert status == 0
    assert "using cached gates of" in err
    assert out.split() == [
        f"other/profiles.{end}" for end in ("pdf", "csv", "txt")
    ]  # and no more


def test_numbers_of_a_large_cached_record_are_kept_and_its_caption_names_it(
    command, ckpt, monkeypatch
):
    monkeypatch.setattr("se_probe.stats.kept._WORTH_KEEPING", 0)
    arguments = ("plot", "--ckpt", ckpt, "--per-class", 4, "--others", 4, "--quiet")
    command(*arguments, "--format", "png")
    caption = Path("figures/net/profiles.txt").read_text(encoding="utf-8")
    record = Path(caption.split("Record: ")[1].splitlines()[0])
    monkeypatch.setattr("se_probe.plots.write.class_moments", None)

    status, _, err = command(*arguments, "--format", "png")

    assert record.is_dir()
    assert record.with_suffix(".stats").is_dir()
    assert status == 0, err


@pytest.mark.parametrize("change", ["weights", "settings", "images"])
def test_cache_is_not_used_for_something_else(
    command, ckpt, tmp_path, change, photos, tiny_network, monkeypatch
):
    torch.save(tiny_network.model.state_dict(), "tiny.pt")
    arguments = [
        *("plot", "--ckpt", "tiny.pt", "--arch", "networks:TinyNet", "--data", photos),
        *("--figures", "profiles", "--format", "png", "--classes", "n01443537"),
    ]
    command(*arguments)
    if change == "weights":
        tiny_network.model.head.bias.data += 1
        torch.save(tiny_network.model.state_dict(), "tiny.pt")
    if change == "settings":
        arguments += ["--batch-size", "5"]
    if change == "images":
        (photos / "n02110958" / "2.png").write_bytes(b"changed")

    status, out, err = command(*arguments)

    assert status == 0
    assert "recording 20 images" in err
    assert ("1 could not be read: n02110958/2.png" in out) == (change == "images")


def test_class_that_was_not_complete_is_recorded_anew(command, ckpt):
    arguments = ("plot", "--ckpt", ckpt, "--per-class", 6, "--others", 2, "--quiet")
    drawing = ("--figures", "profiles", "--format", "png", "--out", "figs")
    command(*arguments, *drawing, "--classes", "3")

    command(*arguments, *drawing, "--classes", "4")

    header, *rows = Path("figs/profiles.csv").read_text().splitlines()
    position = header.split(",").index("count")
    assert {row.split(",")[position] for row in rows} == {"6"}


def four_class_record(path):
    rng = np.random.default_rng(0)
    from se_probe.gates import create_record, write_batch

    names = np.repeat(["goldfish", "pug", "airliner", "cliff"], 6)
    index = np.repeat([1, 254, 404, 972], 6)
    blocks = [{"name": "SE_2_1", "path": "layer1.0.se", "stage": 2, "channels": 12}]
    rows = {"image_id": [str(i) for i in range(24)], "class_name": names}
    rows |= {"wnid": [""] * 24, "class_index": index}
    group = create_record(
        path,
        blocks=blocks,
        rows=rows,
        batch_size=24,
        attrs={"label_set": "imagenet-1k"},
    )
    gates = rng.random((24, 12), dtype=np.float32)
    write_batch(group, 0, gates, np.where(index == 1, 2, index), np.ones(24, np.uint8))
    return path


def test_plot_of_a_record_takes_the_papers_classes_by_default(command, no_torch):
    four_class_record("run.zarr")

    status, out, _ = command("plot", "run.zarr", "--format", "png")

    assert status == 0
    assert "figures/run/profiles.png" in out


def test_correct_only_leaves_out_misclassified_images(command):
    four_class_record("run.zarr")
    arguments = ("plot", "run.zarr", "--figures", "profiles", "--format", "png")

    status, _, err = command(*arguments, "--classes", "goldfish", "--correct-only")

    assert status == 2  # every goldfish was taken for something else
    assert "goldfish" in err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ([], 2, "a gate record, or --ckpt"),
        (["run.zarr", "--ckpt", "net.pt"], 2, "one of them"),
        (["nowhere.zarr"], 1, "no gate record at nowhere.zarr"),
        (["run.zarr", "--classes", "tench"], 2, "no image of 0 n01440764 tench"),
        (["run.zarr", "--classes", "crane"], 2, "means 2 classes"),
        (["run.zarr", "--classes", "godlfish"], 2, "goldfish"),
        (["run.zarr", "--blocks", "SE_9_9"], 2, "no SE block is called 'SE_9_9'"),
        (["run.zarr", "--figures", "pie"], 2, "--figures takes some of profiles"),
        (["run.zarr", "--format", "jpg"], 2, "--format takes some of png"),
        (["run.zarr", "--channels", "-3"], 2, "--channels takes a number from 1"),
        (["run.zarr", "--cmap", "jett"], 2, "jet"),
        (["run.zarr", "--limits", "0;1"], 2, "--limits takes own, or two gates"),
        (["run.zarr", "--limits", "1,0"], 2, "the smaller first, got 1 and 0"),
        (["run.zarr", "--width", "wide"], 2, "--width takes page, column or a number"),
        (["run.zarr", "--width", "90"], 2, "inches from 2 to 40, got 90"),
        (["run.zarr", "--style", "none.mplstyle"], 2, "there is no style 'none"),
        (["run.zarr", "--channels", "0,99"], 2, "got 99"),
        (["run.zarr", "--spread", "pug,crane"], 2, "means 2 classes"),
    ],
)
def test_wrong_input_of_plot_is_one_sentence(
    command, ckpt, arguments, status, sentence
):
    four_class_record("run.zarr")

    got, _, err = command("plot", *arguments)

    assert got == status
    assert sentence in err
    assert "Traceback" not in err


def test_asked_class_without_images_is_said_before_anything_is_recorded(
    command, tiny_network, photos, monkeypatch
):
    torch.save(tiny_network.model.state_dict(), "tiny.pt")
    for picture in (photos / "n02110958").iterdir():
        picture.unlink()
    (photos / "n02110958").rmdir()
    network = ("--ckpt", "tiny.pt", "--arch", "networks:TinyNet", "--data", photos)

    status, _, err = command("plot", *network, "--classes", "1")

    assert status == 1
    assert "there are no images of 1" in err


def test_one_image_per_class_is_drawn(command, ckpt):
    status, _, _ = command(
        *("plot", "--ckpt", ckpt, "--classes", "3,7", "--per-class", 1, "--others", 0),
        *("--format", "png"),
    )

    assert status == 0


def test_comma_lists_forgive_blanks():
    assert split_list(" a, b ,,c ") == ["a", "b", "c"]
    assert split_list(None) == []


def test_gates_made_in_python_are_accepted_by_the_figures(tmp_path):
    from se_probe.plots import write_figures

    gates = make_gates(
        {"SE_2_1": np.random.default_rng(0).random((6, 8))}, ["a", "b"] * 3
    )

    paths, summary = write_figures(gates, tmp_path, formats=["png"])

    assert len(paths) == 12
    assert summary["class_share"].sizes == {"block": 1}


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
