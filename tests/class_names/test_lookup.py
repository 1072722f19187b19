"""What was typed for a class, and what it is taken for."""

import re

import pytest

from label_sets import CIFAR10, SCENES, SHARED_NAMES
from se_probe.class_names import ALIASES, ClassLabel, label_set
from se_probe.errors import AmbiguousClassError, ClassNameError


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


@pytest.mark.parametrize(("query", "indices"), SHARED_NAMES.items())
def test_shared_names_are_refused_and_every_candidate_is_listed(
    imagenet, query, indices
):
    with pytest.raises(AmbiguousClassError, match="means 2 classes") as caught:
        imagenet.find(query.title())

    for index in indices:
        assert str(imagenet[index]) in str(caught.value)


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
