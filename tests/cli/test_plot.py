"""The command plot: what it draws, keeps, says and refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch

from se_probe.cli.options import split_list
from se_probe.gates import make_gates

pytestmark = pytest.mark.usefixtures("own_cache")


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
