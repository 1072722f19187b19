"""Label sets, from names and from nothing."""

import json
import subprocess
import sys

import pytest

from label_sets import CIFAR10, SCENES
from se_probe.class_names import ClassLabel, imagenet_labels, label_set
from se_probe.errors import ClassNameError


def test_subset_of_wnids_has_its_own_indices():
    scenes = label_set(SCENES)

    assert scenes.find("plane").index == 2
    assert scenes.find("2").name == "airliner"
    assert scenes.find("n09246464").index == 4
    assert scenes.find("crane").index == 5  # the only crane here
    assert scenes[0].gloss == imagenet_labels()[1].gloss
    assert "6-class ImageNet label set" in scenes.name


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
