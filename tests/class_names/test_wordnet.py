"""The table of ImageNet's classes."""

import csv
import os
from pathlib import Path

import pytest

from label_sets import SHARED_NAMES


def test_imagenet_has_1000_classes_in_the_order_of_their_wnids(imagenet):
    wnids = [label.wnid for label in imagenet]

    assert len(set(wnids)) == 1000
    assert wnids == sorted(wnids)
    assert [label.index for label in imagenet] == list(range(1000))
    assert all(label.lemmas and label.gloss for label in imagenet)


def test_table_is_that_of_timm(imagenet):
    timm_data = pytest.importorskip("timm.data")
    info = timm_data.ImageNetInfo()

    for label in imagenet:
        description = info.index_to_description(label.index, detailed=True)
        assert label.wnid == info.index_to_label_name(label.index)
        assert description.strip() == f"{', '.join(label.lemmas)}: {label.gloss}"


def test_table_agrees_with_the_list_beside_the_photos(imagenet):
    folder = os.environ.get("SE_PROBE_TEST_DATA")
    if not folder:
        pytest.skip("SE_PROBE_TEST_DATA is not set")
    with (Path(folder) / "photos" / "classes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert [row["wnid"] for row in rows] == [label.wnid for label in imagenet]


def test_display_names_are_unique(imagenet):
    names = [label.name.casefold() for label in imagenet]

    assert len(set(names)) == 1000
    assert imagenet[134].name == "crane (n02012849)"
    assert imagenet[474].name == "cardigan (n02963159)"
    assert imagenet[404].name == "airliner"


def test_no_other_name_is_shared(imagenet):
    owners: dict[str, set[int]] = {}
    for label in imagenet:
        for lemma in label.lemmas:
            owners.setdefault(lemma.casefold(), set()).add(label.index)

    shared = {name: tuple(sorted(o)) for name, o in owners.items() if len(o) > 1}

    assert shared == SHARED_NAMES
