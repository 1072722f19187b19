"""Words of figures and of their csv files are in the glossary."""

import csv
import re

import pytest

from commands import run_command
from documents import ROOT
from records import digits_record, resnet50_record
from se_probe.plots import figure_depth, figure_profiles, write_figures
from se_probe.views import Selection, class_profiles, depth_profile

GLOSSARY = ROOT / "docs" / "glossary.md"
OF_ANY_RECORD = (
    *("profiles", "spread", "heatmap", "depth"),
    *("selectivity", "redundancy", "similarity"),
)


def plain(word):
    return word.strip("`. ").replace("_", " ").replace("-", "").strip().casefold()


@pytest.fixture(scope="module")
def words():
    """Defined words and endings, with blanks for underscores."""
    found, endings = set(), set()
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        cells = line.split(" | ")
        if not line.startswith("| ") or len(cells) < 2:
            continue
        for word in cells[0].removeprefix("| ").split(", "):
            (endings if word.startswith("...") else found).add(plain(word))
        found |= {plain(word) for word in re.findall(r"`([a-z_0-9]+)`", cells[1])}
    return found, endings


def is_defined(column, words):
    found, endings = words
    name = plain(column)
    stems = {name.removesuffix(f" {ending}") for ending in endings} - {name}
    return name in found or any(is_defined(stem, words) for stem in stems)


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    """Columns of every csv file that figures of a record have beside them."""
    out, found = tmp_path_factory.mktemp("figures"), set()
    shown = Selection(classes=["goldfish", "pug"], blocks=["SE_5_3"])
    write_figures(resnet50_record(), out, shown, figures=OF_ANY_RECORD, formats=["svg"])
    for path in out.glob("*.csv"):
        with path.open() as file:
            # Columns such as SE_5_3/41 are a block and the number of a channel.
            found |= {name for name in next(csv.reader(file)) if "/" not in name}
    return found


def test_every_column_of_a_figures_table_is_defined(columns, words):
    assert len(columns) > 30
    undefined = [name for name in sorted(columns) if not is_defined(name, words)]
    assert ", ".join(undefined) == ""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Columns of every csv file that commands write, by the name of the file."""
    out = tmp_path_factory.mktemp("tables")
    run, ckpt, few = out / "run.zarr", ROOT / "checkpoints" / "se_lenet_digits.pt", 2
    network = ["--ckpt", ckpt, "--per-class", few, "--batch-size", 10]
    for words in (
        ["record", *network, "--with", "squeeze", "--out", run],
        ["rank", run, *network, "--out", out / "rank"],
        ["exchange", run, *network, "--out", out / "exchange"],
        ["compare", run, run, "--resamples", 2, "--out", out / "compare"],
        ["channels", run, "--out", out / "channels.csv"],
        ["plot", run, "--figures", "context,extremes", "--out", out, "--channels", 3],
    ):
        done = run_command(*words, "--quiet")
        assert done.status == 0, done.stderr
    found = {}
    for path in out.rglob("*.csv"):
        with path.open() as file:
            found[path.stem] = next(csv.reader(file))
    return found


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SE_PROBE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_every_column_that_a_command_writes_is_defined(tables, words):
    expected = {"ranking", "block_costs", "freezing_curve", "comparison", "channels"}
    expected |= {"exchange", "exchange_donors", "context", "context_block", "extremes"}
    assert expected <= set(tables)
    undefined = {
        f"{name} ({table})"
        for table, columns in tables.items()
        for name in columns
        if not is_defined(name, words)
    }
    assert ", ".join(sorted(undefined)) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("parameters", "milliseconds", "treatment", "kl", "top1_change", "rank"),
        *("frozen", "identity", "class_mean", "same_class", "other_class"),
        *("became_donor", "class_kl", "squeeze", "energy", "context_slope"),
        *("agreement", "macs"),
    ],
)
def test_words_of_what_is_measured_are_defined(name, words):
    assert is_defined(name, words)


def test_every_quantity_of_a_legend_is_defined(words):
    record = digits_record()
    figures = [
        figure_depth(depth_profile(resnet50_record())),
        figure_profiles(class_profiles(record)),
    ]
    titles = {ax.get_title() for ax in figures[0].axes}
    labels = {
        handle.get_label()
        for fig in figures
        for ax in fig.axes
        for handle in ax.lines
        if not str(handle.get_label()).startswith("_")
    }

    numbers = {str(name) for name in record["class_name"].values}
    shown = {text for text in titles | labels if text.partition(" (")[0] not in numbers}
    shown -= {""}
    found = words[0]
    unknown = [text for text in shown if not any(word in plain(text) for word in found)]
    assert shown
    assert unknown == []
