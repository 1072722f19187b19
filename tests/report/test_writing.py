"""The page as a file: what it says, in which order, and what is refused."""

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import records
from se_probe.errors import (
    GateRecordError,
    ImagesError,
    MissingPackageError,
    UsageError,
)
from se_probe.gates import State, make_gates
from se_probe.report import write_report
from se_probe.stats import record_summary


class Page(HTMLParser):
    """Words of a page, its pictures, and what it would load."""

    def __init__(self, path):
        super().__init__()
        self.words, self.pictures, self.loads, self._skips = [], [], [], False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self._skips = tag in {"script", "style"}
        facts = dict(attrs)
        if tag == "img":
            self.pictures.append(facts)
        self.loads += [facts[key] for key in ("src", "href") if facts.get(key)]

    def handle_endtag(self, tag):
        self._skips = False

    def handle_data(self, data):
        if not self._skips:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(record, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "deep" / "page.html"
    return write_report(record, path, command="se-probe report run.zarr")


def test_sections_stand_in_the_order_of_reading(page):
    sections = re.findall(r'<section id="(\w+)"', page.read_text(encoding="utf-8"))

    assert sections == [
        *("findings", "figures", "blocks", "extremes", "warnings", "provenance")
    ]


def test_nothing_is_loaded_from_elsewhere(page):
    assert all(where.startswith("data:") for where in Page(page).loads)


def test_every_figure_has_an_alternative_text(page):
    pictures = Page(page).pictures

    assert len([p for p in pictures if p.get("class") == "static"]) == 6
    assert all(len(picture["alt"]) > 10 for picture in pictures)


def test_channels_have_figures_of_their_own(page):
    text = Page(page).text

    assert text.index("Heatmap") < text.index("Selectivity of the channels")
    assert "Similarity of the classes" in text


def test_words_are_those_of_the_numbers(page, record):
    text = Page(page).text

    n = record_summary(record)["n_recorded"]
    assert "The gates of 16 SE blocks" in text
    assert f"recorded for {n:,} images" in text
    assert "Classes begin to separate in SE_" in text
    assert "No channel is dead" in text
    assert "have fewer than 10 images" in text
    assert "se-probe report run.zarr" in text


def test_names_that_look_like_markup_stay_text(marked_up, tmp_path):
    page = write_report(marked_up, tmp_path / "page.html").read_text("utf-8")

    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_dead_and_open_channels_and_constant_blocks_are_found(tmp_path):
    gates = {
        "SE_2_1": np.column_stack([np.zeros(20), np.ones(20)]),
        "SE_3_1": np.random.default_rng(0).random((20, 3)),
    }
    record = make_gates(gates, ["a", "b"] * 10)

    text = Page(write_report(record, tmp_path / "page.html")).text

    assert "1 of 5 channels are dead" in text
    assert "1 of 5 channels are always open" in text
    assert "Nearly constant (input dependence below 0.01): SE_2_1." in text


def test_thumbnails_stand_where_the_images_are_at_hand(photographed, tmp_path):
    page = Page(write_report(photographed, tmp_path / "page.html"))

    cards = [p for p in page.pictures if "png" in p["alt"]]
    assert len(cards) == 36
    assert all(p["src"].startswith("data:image/jpeg") for p in cards)


def test_images_that_moved_are_said_and_named_by_id(photographed, tmp_path):
    (tmp_path / "photos").rename(tmp_path / "moved")

    text = Page(write_report(photographed, tmp_path / "page.html")).text
    again = Page(
        write_report(photographed, tmp_path / "b.html", images=tmp_path / "moved")
    )

    assert "No pictures: the images are no longer in" in text
    assert "blue/00.png" in text
    assert any("png" in p["alt"] for p in again.pictures)
    with pytest.raises(ImagesError, match="expected the images of the record"):
        write_report(photographed, tmp_path / "page.html", images=tmp_path)


def test_another_record_is_compared(tmp_path):
    record = records.digits_record()

    page = write_report(record, tmp_path / "page.html", against=record * 0.9)

    assert 'id="comparison"' in page.read_text("utf-8")
    assert "Gates moved most in SE_" in Page(page).text


def test_unfinished_and_skipped_images_are_warned_of(tmp_path):
    record = records.digits_record()
    state = record["state"].values.copy()
    state[:2], state[2] = State.NOT_RECORDED, State.SKIPPED

    unfinished = record.assign_coords(state=("image", state))
    text = Page(write_report(unfinished, tmp_path / "page.html")).text

    assert "not finished: 2 of 100 images are not recorded yet" in text
    assert "1 images could not be read" in text


def test_one_class_is_a_page_that_says_what_is_not_known(tmp_path):
    gates = np.random.default_rng(0).random((6, 3))
    record = make_gates({"SE_2_1": gates}, ["pug"] * 6)

    text = Page(write_report(record, tmp_path / "page.html")).text

    assert "Only one class was recorded" in text
    assert "Selectivity of the channels" not in text
    assert "Where classes begin to separate is not known" in text


def test_what_cannot_be_written_is_refused_before_anything_is_computed(
    record, tmp_path, monkeypatch
):
    with pytest.raises(UsageError, match=r"the page is one file.*page\.html"):
        write_report("no such record", tmp_path)
    with pytest.raises(GateRecordError, match="no gate record at"):
        write_report(tmp_path / "none.zarr", tmp_path / "page.html")
    empty = record.assign_coords(state=("image", np.zeros(23, np.uint8)))
    with pytest.raises(GateRecordError, match="none of the 23 images"):
        write_report(empty, tmp_path / "page.html")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingPackageError, match=r'jinja2: .*"se-probe\[report\]"'):
        write_report(record, tmp_path / "page.html")


def test_page_of_a_thousand_classes_stays_below_four_megabytes(tmp_path):
    widths = {
        f["name"]: 2 ** (6 + f["stage"])
        for f in records.block_facts_of(records.RESNET50)
    }
    record = records.imagenet_record(list(range(1000)), [1] * 1000, widths)

    path = write_report(record, tmp_path / "page.html")

    assert record.sizes["channel"] == 15104
    assert path.stat().st_size < 4e6
