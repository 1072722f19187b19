"""Heatmaps of single batches: `plot --batches`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from se_probe.checkpoints import load_network
from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import make_gates, open_gates, save_gates
from se_probe.images import open_images
from se_probe.plots import figure_heatmaps, write_figures
from se_probe.record import record_gates
from se_probe.views import Selection, sorted_rows

DIGITS = Path(__file__).parents[2] / "checkpoints" / "se_lenet_digits.pt"


@pytest.fixture(scope="module")
def digits():
    """All 500 test digits of the committed SE-LeNet, in batches of 100."""
    network = load_network(DIGITS, device="cpu")
    images = open_images("digits", network.preprocessing, batch_size=100)
    return record_gates(network, images, threads=1)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def two_blocks(batch_size=4):
    """Ten images of three classes in two blocks, class c only in the last batch."""
    values = {
        "SE_2_1": np.linspace(0.10, 0.20, 30).reshape(10, 3),
        "SE_3_1": np.linspace(0.60, 0.90, 20).reshape(10, 2),
    }
    attrs = {"batch_size": batch_size} if batch_size else {}
    return make_gates(values, list("babaababcc"), attrs=attrs)


# --- what is drawn -------------------------------------------------------------------


def test_a_batch_has_one_row_per_image_sorted_by_class(digits, tmp_path):
    expected = digits.to_numpy()[100:200]
    classes = digits["class_name"].to_numpy()[100:200].astype(int)
    order = np.argsort(classes, kind="stable")

    write_figures(digits, tmp_path, figures=["heatmap"], formats=["png"], batches=[1])

    table = pd.read_csv(tmp_path / "heatmap_batch_1.csv")
    assert list(table["class_name"]) == sorted(classes)
    assert table.columns[3:].tolist() == [f"SE_2_1/{i}" for i in range(16)]
    np.testing.assert_allclose(table.iloc[:, 3:], expected[order], rtol=1e-5)


def test_each_batch_is_drawn_besides_the_whole_record(digits, tmp_path):
    paths, _ = write_figures(
        digits, tmp_path, figures=["heatmap"], formats=["png", "svg"], batches=[3, 0]
    )

    assert [path.name for path in paths] == [
        f"{name}.{suffix}"
        for name in ("heatmap", "heatmap_batch_3", "heatmap_batch_0")
        for suffix in ("png", "svg", "csv", "txt")
    ]


def test_title_says_which_batch_and_how_many_images(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "se_probe.plots.write.save", lambda fig, path: drawn.append(fig) or path
    )

    write_figures(two_blocks(), tmp_path, figures=["heatmap"], batches=[0, 2])

    titles = [fig.get_suptitle().splitlines()[0] for fig in drawn[::2]]
    assert titles == [
        "gate in colour, each panel from its own 1st to 99th percentile",
        "batch 0: 4 images, sorted by class",
        "batch 2: 2 images, sorted by class",
    ]


def test_title_of_an_averaged_batch_keeps_both_lines():
    many = make_gates(
        {"SE_2_1": np.random.default_rng(0).random((900, 2))}, ["a"] * 900
    )

    fig = figure_heatmaps(
        sorted_rows(many, max_rows=480), title="batch 7: 900 images, sorted by class"
    )

    assert fig.get_suptitle().splitlines()[:2] == [
        "batch 7: 900 images, sorted by class",
        "each row: mean of up to 2 images",
    ]
    lowest = fig._suptitle.get_window_extent().y0
    assert lowest > fig.axes[0].title.get_window_extent().y1


def test_batches_share_the_ends_of_the_colour_bar(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "se_probe.plots.write.save", lambda fig, path: drawn.append(fig) or path
    )

    selection = Selection(blocks=["SE_2_1"])
    write_figures(
        two_blocks(), tmp_path, selection, figures=["heatmap"], batches=[0, 2]
    )

    images = [ax.images[0] for fig in drawn[2::2] for ax in fig.axes[:1]]
    shown = np.r_[0:4, 8:10]
    gates = np.linspace(0.10, 0.20, 30).reshape(10, 3)[shown].astype("f4")
    assert len({image.get_clim() for image in images}) == 1
    np.testing.assert_allclose(images[0].get_clim(), np.percentile(gates, [1, 99]))


def test_batch_shows_the_asked_classes_that_it_holds(tmp_path):
    write_figures(
        two_blocks(),
        tmp_path,
        Selection(classes=["c", "a"]),
        figures=["heatmap"],
        formats=["png"],
        batches=[1, 2],
    )

    first, last = (pd.read_csv(tmp_path / f"heatmap_batch_{k}.csv") for k in (1, 2))
    assert list(first["class_name"]) == ["a", "a"]
    assert list(last["class_name"]) == ["c", "c"]


# --- what is invalid -----------------------------------------------------------------


def test_impossible_batches_are_refused_before_anything_is_drawn(tmp_path):
    out = tmp_path / "figures"

    with pytest.raises(UsageError, match="no batch 3: 10 images in batches of 4 make"):
        write_figures(two_blocks(), out, batches=[0, 3])
    with pytest.raises(UsageError, match="batch 0 of the record has no gates of c"):
        write_figures(
            two_blocks(), out, Selection(["c"]), figures=["heatmap"], batches=[0]
        )
    with pytest.raises(UsageError, match="add heatmap to the figures"):
        write_figures(two_blocks(), out, figures=["profiles"], batches=[0])
    with pytest.raises(GateRecordError, match="does not say its batch size"):
        write_figures(two_blocks(batch_size=0), out, batches=[0])

    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--batches", "5"], "no batch 5: 500 images in batches of 100 make the"),
        (["--batches", "9", "--batch-size", "60"], "make the batches 0 to 8"),
        (["--batches", "0,b"], "--batches takes numbers from 0"),
        (["--batches", ","], "--batches takes numbers from 0"),
        (["--batches", "-1"], "--batches takes numbers from 0"),
        (["--batches", "0", "--figures", "depth"], "add heatmap to --figures"),
        (["--batches", "0", "--per-class", "9"], "leave --per-class out"),
        (["--batches", "0", "--others", "0"], "leave --others out"),
    ],
)
def test_wrong_batches_are_one_sentence(command, arguments, sentence):
    status, out, err = command("plot", "--ckpt", DIGITS, *arguments)

    assert (status, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert not Path("figures").exists()
    assert not list(Path().glob("cache/*/*.zarr"))


# --- the command ---------------------------------------------------------------------


def test_command_records_the_whole_test_set_in_its_own_order(command, digits):
    arguments = ("plot", "--ckpt", DIGITS, "--figures", "heatmap", "--cmap", "hot")

    first = command(*arguments, "--batches", "4, 0,4", "--out", "a")
    again = command(*arguments, "--batches", "4,0", "--out", "b")

    assert first[0] == again[0] == 0
    assert "500 of 500 images" in first[1]
    assert "using cached gates of" in again[2]
    names = {path.name for path in Path("a").iterdir()}
    assert names == {
        f"{name}.{suffix}"
        for name in ("heatmap", "heatmap_batch_0", "heatmap_batch_4")
        for suffix in ("png", "pdf", "csv", "txt")
    }
    for name in [name for name in names if not name.endswith(".txt")]:
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    table = pd.read_csv("a/heatmap_batch_4.csv")
    of_batch = digits["class_name"].to_numpy()[400:].astype(int)
    assert list(table["class_name"]) == sorted(of_batch)


def test_batches_of_a_record_are_its_own(command):
    command("record", "--ckpt", DIGITS, "--out", "run.zarr", "--batch-size", 50, "-q")

    status, out, _ = command(
        *("plot", "run.zarr", "--figures", "heatmap", "--format", "png"),
        *("--batches", 9),
    )

    assert status == 0
    assert "figures/run/heatmap_batch_9.png" in out
    assert len(pd.read_csv("figures/run/heatmap_batch_9.csv")) == 50


def test_plot_without_classes_draws_from_the_cache_the_second_time(command):
    arguments = ("plot", "--ckpt", DIGITS, "--figures", "profiles", "--format", "png")
    command(*arguments)

    status, _, err = command(*arguments)

    assert status == 0
    assert "using cached gates of" in err


# --- figures of channels -------------------------------------------------------------

OF_CHANNELS = ["selectivity", "redundancy", "similarity"]


def test_figures_of_channels_come_with_numbers_and_captions(digits, tmp_path):
    paths, _ = write_figures(digits, tmp_path, figures=OF_CHANNELS, formats=["png"])

    names = ["selectivity", "redundancy", "correlations", "similarity"]
    ends = (".png", ".csv", ".txt")
    assert [path.name for path in paths] == [f"{n}{end}" for n in names for end in ends]
    captions = {name: (tmp_path / f"{name}.txt").read_text() for name in names}
    assert "From 500 images of 10 classes" in captions["selectivity"]
    assert "effective rank" in captions["redundancy"]
    assert "16 of the 16 channels of SE_2_1" in captions["correlations"]
    assert "Most alike in SE_2_1" in captions["similarity"]
    assert all("Network: se_lenet" in caption for caption in captions.values())
    assert len(pd.read_csv(tmp_path / "correlations.csv")) == 16 * 16
    assert len(pd.read_csv(tmp_path / "similarity.csv")) == 45


def test_what_was_kept_of_channels_gives_the_same_bytes(digits, tmp_path, monkeypatch):
    """Tables with words in them come back from the disk as they were."""
    monkeypatch.setattr("se_probe.stats.kept._WORTH_KEEPING", 0)
    record = tmp_path / "run.zarr"
    save_gates(digits, record)

    for folder in ("first", "second"):
        write_figures(
            open_gates(record),
            tmp_path / folder,
            figures=OF_CHANNELS,
            formats=["png"],
            path=record,
        )

    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_only_the_blocks_asked_for_are_compared(tmp_path):
    record = two_blocks()

    write_figures(
        record,
        tmp_path,
        Selection(blocks=["SE_3_1"]),
        figures=["similarity", "redundancy"],
        formats=["png"],
    )

    assert set(pd.read_csv(tmp_path / "similarity.csv")["block"]) == {"SE_3_1"}
    assert "channels of SE_3_1" in (tmp_path / "correlations.txt").read_text()


def test_similarity_of_two_classes_says_what_it_needs(tmp_path):
    record = two_blocks().isel(image=slice(8))

    with pytest.raises(GateRecordError, match="needs three of them"):
        write_figures(record, tmp_path, figures=["similarity"], formats=["png"])
