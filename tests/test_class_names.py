"""What was typed for a class, and what it is taken for."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from se_probe.class_names import ALIASES, ClassLabel, echo, imagenet_labels, label_set
from se_probe.errors import AmbiguousClassError, ClassNameError

CIFAR10 = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
]
SCENES = ["n01443537", "n02110958", "n02690373", "n03954731", "n09246464", "n02012849"]

# Every name that two classes of ImageNet share, whatever the case (crawfish and
# crayfish are shared by the same two).
SHARED_NAMES = {
    "sand viper": (54, 66),
    "grass snake": (55, 57),
    "partridge": (82, 86),
    "crawfish": (123, 124),
    "crayfish": (123, 124),
    "crane": (134, 517),
    "cardigan": (264, 474),
    "catamount": (286, 287),
    "panther": (286, 290),
    "sus scrofa": (341, 342),
    "polecat": (358, 361),
    "panda": (387, 388),
    "tub": (435, 876),
    "wagon": (436, 734),
    "gong": (494, 577),
    "horn": (513, 566),
    "harp": (593, 594),
    "maillot": (638, 639),
    "missile": (657, 744),
}


@pytest.fixture
def imagenet():
    return imagenet_labels()


# --- the table -----------------------------------------------------------------------


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


# --- what is found -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("n02690373", 404),
        ("N02690373", 404),
        ("404", 404),
        (" 404 ", 404),
        (404, 404),
        ("0", 0),
        ("999", 999),
        ("goldfish", 1),
        ("GOLDFISH", 1),
        ("Carassius auratus", 1),
        ("carassius_auratus", 1),
        ("pug-dog", 254),
        ("pug", 254),
        ("pug dog", 254),
        ("cliff", 972),
        ("drop-off", 972),
        ("drop", 972),
        ("cliff  dwelling", 500),
        ("sunglasses", 837),
        ("sunglass", 836),
        ("carpenter's plane", 726),
        ("warplane", 895),
        ("tank suit", 639),
        ("mouse", 673),
        ("kite", 21),
        ("drake", 97),
        ("boxer", 242),
        ("monitor", 664),
        ("wing", 908),
        ("crane (n03126707)", 517),
    ],
)
def test_wnid_index_and_exact_name_find_a_class(imagenet, query, index):
    assert imagenet.find(query) is imagenet[index]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("plane", 404),
        ("Plane", 404),
        ("airplane", 404),
        ("aeroplane", 404),
        ("crane bird", 134),
        ("crane_bird", 134),
        ("maillot tank suit", 639),
    ],
)
def test_aliases_come_before_names(imagenet, query, index):
    assert imagenet.find(query) is imagenet[index]


def test_every_wnid_index_and_unshared_name_leads_back_to_its_class(imagenet):
    for label in imagenet:
        assert imagenet.find(label.wnid) is label
        assert imagenet.find(label.index) is label
        assert imagenet.find(str(label.index)) is label
        for lemma in label.lemmas:
            if lemma.casefold() not in SHARED_NAMES and lemma not in ALIASES:
                assert imagenet.find(lemma.upper().replace(" ", "_")) is label


def test_echo_says_what_was_taken(imagenet):
    assert echo("plane", imagenet.find("plane")) == "plane -> 404 n02690373 airliner"
    assert echo(1, imagenet.find(1)) == "1 -> 1 n01443537 goldfish, Carassius auratus"
    assert echo("cat", label_set(CIFAR10).find("cat")) == "cat -> 3 cat"


# --- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(("query", "indices"), SHARED_NAMES.items())
def test_shared_names_are_refused_and_every_candidate_is_listed(
    imagenet, query, indices
):
    with pytest.raises(AmbiguousClassError, match="means 2 classes") as caught:
        imagenet.find(query.title())

    for index in indices:
        assert str(imagenet[index]) in str(caught.value)


def test_no_other_name_is_shared(imagenet):
    owners: dict[str, set[int]] = {}
    for label in imagenet:
        for lemma in label.lemmas:
            owners.setdefault(lemma.casefold(), set()).add(label.index)

    shared = {name: tuple(sorted(o)) for name, o in owners.items() if len(o) > 1}

    assert shared == SHARED_NAMES


@pytest.mark.parametrize(
    "query", ["aircraft", "cat", "dog", "car", "bus", "horse", "turtle", "bat"]
)
def test_part_of_a_name_is_never_enough(imagenet, query):
    with pytest.raises(ClassNameError, match=f"no class of .* is called '{query}'"):
        imagenet.find(query)


@pytest.mark.parametrize(
    ("query", "suggestion"),
    [
        ("goldfsh", "1 n01443537 goldfish"),
        ("cliff dweling", "500 n03042490 cliff dwelling"),
        ("airplaine", "404 n02690373 airliner"),
        ("dog", "153 n02085936 Maltese dog"),
        ("sunglas", "836 n04355933 sunglass"),
        ("aircraft", "403 n02687172 aircraft carrier"),
        ("bicycle", "444 n02835271 bicycle-built-for-two"),
        ("corgi", "263 n02113023 Pembroke"),
        ("feline", "291 n02129165 lion"),
    ],
)
def test_unknown_name_suggests_near_misses(imagenet, query, suggestion):
    with pytest.raises(ClassNameError, match="Did you mean") as caught:
        imagenet.find(query)

    assert suggestion in str(caught.value)
    assert len(re.findall(r"\bn\d{8}\b", str(caught.value))) <= 5


def test_suggestions_hold_whole_words(imagenet):
    with pytest.raises(ClassNameError) as caught:
        imagenet.find("bat")

    assert "wombat" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("1000", "indices run from 0 to 999"),
        (1000, "indices run from 0 to 999"),
        (-1, "indices run from 0 to 999"),
        ("-1", "indices run from 0 to 999"),
        ("n00000000", "has no class n00000000"),
        ("xyzzy", "Give a name, a wnid, or an index from 0 to 999"),
        ("", "is called ''"),
        (" _-", "is called"),
    ],
)
def test_what_means_nothing_is_refused(imagenet, query, message):
    with pytest.raises(ClassNameError, match=message):
        imagenet.find(query)


# --- other label sets ----------------------------------------------------------------


def test_subset_of_wnids_has_its_own_indices():
    scenes = label_set(SCENES)

    assert scenes.find("plane").index == 2
    assert scenes.find("2").name == "airliner"
    assert scenes.find("n09246464").index == 4
    assert scenes.find("crane").index == 5  # the only crane here
    assert scenes[0].gloss == imagenet_labels()[1].gloss
    assert "6-class ImageNet label set" in scenes.name


def test_class_that_the_subset_lacks_is_refused_by_name():
    with pytest.raises(ClassNameError, match=r"no class n02123045 \(tabby\).*It has"):
        label_set(SCENES).find("n02123045")


@pytest.mark.parametrize("query", ["plane", "airplane", "aeroplane", "AirPlane", 0])
def test_plane_is_the_airplane_of_cifar10(query):
    assert label_set(CIFAR10).find(query) == ClassLabel(
        0, "airplane", "", ("airplane",), ""
    )


def test_every_class_without_a_wnid_is_found_by_its_own_name():
    names = ["plane", "airplane", "1", "0", "10", "A", "a", "top_left", "top left"]
    labels = label_set(names)

    assert [labels.find(name).name for name in names] == names
    assert labels.find(1).name == "airplane"
    with pytest.raises(AmbiguousClassError, match=r"means 2 classes.*Give the index"):
        labels.find("Top-Left")


def test_small_label_set_is_named_in_full_where_nothing_is_near():
    with pytest.raises(ClassNameError, match=r"It has airplane, automobile, .*truck"):
        label_set(CIFAR10).find("xyzzy")


def test_imagenet_in_order_is_recognised_however_it_is_spelled(imagenet):
    torchvision_names = [label.lemmas[0].replace(" ", "_") for label in imagenet]
    torchvision_names[134] = "crane bird"
    torchvision_names[639] = "maillot tank suit"
    wnids = [label.wnid for label in imagenet]

    assert label_set(wnids) is imagenet
    assert label_set(torchvision_names) is imagenet
    assert label_set("imagenet-1k") is imagenet
    assert label_set(wnids[::-1]) is not imagenet
    assert label_set(wnids[::-1]).find("plane").index == 999 - 404


@pytest.mark.parametrize("spec", ["imagenet-1k", SCENES, CIFAR10])
def test_spec_is_json_and_makes_the_same_label_set(spec):
    labels = label_set(spec)

    again = label_set(json.loads(json.dumps(labels.spec)))

    assert list(again) == list(labels)
    assert again.name == labels.name


def test_unknown_wnid_stands_for_itself():
    labels = label_set(["n02690373", "n12345678"])

    assert labels.find("n12345678") == ClassLabel(
        1, "n12345678", "n12345678", ("n12345678",), ""
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("imagenet-21k", "expected 'imagenet-1k' or a list of class names"),
        (["cat", "dog", "cat"], "got cat more than once"),
    ],
)
def test_label_set_that_cannot_be_meant_is_refused(spec, message):
    with pytest.raises(ClassNameError, match=message):
        label_set(spec)


def test_class_names_never_load_torch():
    code = (
        "import sys; from se_probe.class_names import imagenet_labels; "
        "imagenet_labels(); "
        "sys.exit(bool({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_names_mean_that_the_classes_are_not_known():
    labels = label_set([])

    assert (len(labels), labels.spec, labels.is_assumed) == (0, [], True)
    with pytest.raises(ClassNameError, match="'pug' is no class of a network whose"):
        labels.find("pug")
