"""Which recorded classes are meant, and which are shown by default."""

import pytest

from records import PAPERS_CLASSES, many_classes
from se_probe.errors import ClassNameError, UsageError
from se_probe.views import (
    Selection,
    class_profiles,
    default_classes,
    default_pair,
    find_classes,
)


def test_classes_are_found_as_class_names_finds_them(record, moments):
    names = find_classes(moments, [*PAPERS_CLASSES, "404", "n02110958"])

    assert names == ["goldfish", "pug", "airliner", "cliff"]
    assert find_classes(record, PAPERS_CLASSES) == names
    assert find_classes(moments, None) == ["tench", *names[:2], "airliner", "cliff"]


def test_recorded_names_are_enough_without_a_label_set():
    moments = many_classes(3)

    assert find_classes(moments, ["Class_0002", "0"]) == ["class 0002", "class 0000"]


@pytest.mark.parametrize(
    ("queries", "error", "message"),
    [
        (["missile launcher"], ClassNameError, "no class of ImageNet-1k is called"),
        (["crane"], ClassNameError, "means 2 classes"),
        (
            ["zebra"],
            ClassNameError,
            "no image of 340 n02391049 zebra was",
        ),
        ([], UsageError, "at least one class"),
    ],
)
def test_classes_that_cannot_be_shown_are_refused(moments, queries, error, message):
    with pytest.raises(error, match=message):
        Selection(classes=queries).resolve(moments)


@pytest.mark.parametrize(
    ("classes", "pair"),
    [
        (PAPERS_CLASSES, ["goldfish", "airliner"]),
        (["cliff", "airliner", "goldfish"], ["goldfish", "airliner"]),
        (["cliff", "pug", "goldfish"], ["cliff", "pug"]),
        (["cliff"], ["cliff"]),
    ],
)
def test_pair_is_goldfish_and_plane_or_the_first_two(moments, classes, pair):
    assert default_pair(class_profiles(moments, classes=classes)) == pair


def test_default_classes_are_the_papers_or_the_first_ten(record, digits):
    assert default_classes(record) == ["goldfish", "pug", "airliner", "cliff"]
    assert default_classes(digits) == [str(k) for k in range(10)]
    assert len(default_classes(many_classes(30))) == 10
