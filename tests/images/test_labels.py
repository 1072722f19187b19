"""Which output each class is: every rule, what is said of it, and when to doubt it."""

import json

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch.utils.data import Dataset, Subset, TensorDataset

from se_probe.class_names import imagenet_labels, label_set, numbered_labels
from se_probe.errors import AmbiguousClassError, ImagesError, UsageError
from se_probe.images import (
    Preprocessing,
    class_list,
    label_images,
    open_images,
    read_class_names,
    reopen_images,
)

TINY = Preprocessing((3, 4, 4), crop_pct=1.0)
IMAGENET = imagenet_labels()


@pytest.fixture
def folder(tmp_path):
    """Function that makes an image folder of the given classes."""

    def make(*names):
        for name in names:
            (tmp_path / "images" / name).mkdir(parents=True)
            Image.new("RGB", (4, 4)).save(tmp_path / "images" / name / "0.png")
        return tmp_path / "images"

    return make


class Pixels(Dataset):
    """Black pictures with given labels."""

    def __init__(self, targets, **attributes):
        self.targets = targets
        vars(self).update(attributes)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return Image.new("RGB", (4, 4)), self.targets[index]


def indices(source, network, **options):
    images = open_images(source, TINY, **options)
    labels = label_images(images, network)
    found = dict(zip(images.class_names, labels.class_index.tolist(), strict=True))
    return found, labels


# --- the rules -----------------------------------------------------------------------


def test_numbered_folders_of_an_unnamed_network_are_in_image_folders_order(folder):
    names = [str(number) for number in range(1, 13)]
    source = folder(*names)
    expected = torchvision.datasets.ImageFolder(source).class_to_idx

    found, labels = indices(source, numbered_labels(12))

    assert found == expected
    assert found["10"] == 1
    assert [label.name for label in labels.class_names] == sorted(names)
    assert labels.names[:2] == ("1", "10")
    assert labels.rule == (
        "The 12 classes of the images are taken as outputs 0 to 11 in the order of "
        "torchvision's ImageFolder, sorted as text: 1, 10, 11, 12, ...."
    )


def test_names_of_a_network_decide(folder):
    network = label_set(["10", "dog", "cat", "9"])

    found, labels = indices(folder("9", "10", "cat", "cow"), network)

    assert found == {"9": 3, "10": 0, "cat": 2, "cow": -1}
    assert labels.names == ("10", "9", "cat", "cow")
    assert "by name: 3 of the 4 classes" in labels.rule


def test_the_resolved_names_give_the_same_outputs_again(folder):
    source = folder("3", "10", "1")
    found, labels = indices(source, numbered_labels(3))

    again, _ = indices(source, labels.class_names)

    assert again == found == {"1": 0, "10": 1, "3": 2}


@pytest.mark.parametrize(
    "names", [["n01443537", "n02110958"], ["goldfish", "pug"], ["1", "254"]]
)
def test_folders_that_mean_imagenet_classes_on_1000_outputs(folder, names):
    found, labels = indices(folder(*names), IMAGENET.as_assumed())

    assert list(found.values()) == [1, 254]
    assert labels.names == ("goldfish", "pug")
    assert labels.wnids == ("n01443537", "n02110958")
    assert "ImageNet-1k, which is assumed for its 1000 outputs" in labels.rule


def test_1000_folders_of_other_names_are_sorted(folder):
    names = [f"species {number}" for number in range(1000)]

    found, labels = indices(Pixels(names), IMAGENET.as_assumed())

    assert found["species 10"] == sorted(names).index("species 10")
    assert labels.class_names[2].name == "species 10"


def test_a_few_foreign_folders_are_no_classes_of_1000_outputs(folder):
    found, _ = indices(folder("goldfish", "my cat"), IMAGENET.as_assumed())

    assert found == {"goldfish": 1, "my cat": -1}


def test_fewer_numbered_folders_than_outputs_are_indices(folder):
    found, labels = indices(folder("2", "10", "misc", "99"), numbered_labels(12))

    assert found == {"2": 2, "10": 10, "misc": -1, "99": -1}
    assert "the 3 that are numbers are taken as indices" in labels.rule


def test_other_folders_than_outputs_are_not_known(folder):
    found, labels = indices(folder("cat", "dog"), numbered_labels(12))

    assert found == {"cat": -1, "dog": -1}
    assert labels.rule.endswith(
        "so none of the 2 classes of the images is known to it."
    )


def test_a_name_of_several_classes_is_an_error_where_names_decide(folder):
    with pytest.raises(AmbiguousClassError, match="'crane' means 2 classes"):
        indices(folder("crane"), IMAGENET)


def test_own_integers_of_a_dataset_are_its_outputs(folder):
    dataset = torchvision.datasets.ImageFolder(folder("9", "10", "11"))

    found, labels = indices(dataset, numbered_labels(3))

    assert found == {"10": 0, "11": 1, "9": 2}
    assert labels.rule.startswith("The data set's own integer labels")


def test_own_integers_go_beyond_the_names_of_the_dataset(folder):
    dataset = Pixels([3, 1, -2, 7], classes=["a", "b", "c"])

    found, labels = indices(dataset, numbered_labels(5))

    assert found == {"3": 3, "b": 1, "-2": -1, "7": -1}
    assert [label.name for label in labels.class_names] == ["a", "b", "c", "3", "4"]


def test_an_image_folder_of_some_imagenet_classes_is_taken_by_name(folder):
    dataset = torchvision.datasets.ImageFolder(folder("n02110958", "n01443537"))

    found, _ = indices(dataset, IMAGENET)

    assert found == {"n01443537": 1, "n02110958": 254}


def test_labels_of_named_data_sets_are_their_outputs():
    images = open_images("digits", Preprocessing((1, 8, 8), mean=(0,), std=(1,)))

    labels = label_images(images, numbered_labels(10))

    assert labels.class_index.tolist() == [int(name) for name in images.class_names]


# --- the option ----------------------------------------------------------------------


def test_the_label_order_overrides_every_rule(folder):
    source = folder("3", "10", "1")

    assert indices(source, numbered_labels(20), label_order="sorted")[0] == {
        "1": 0,
        "10": 1,
        "3": 2,
    }
    by_index, labels = indices(source, label_set(list("abcd")), label_order="index")
    assert by_index == {"1": 1, "10": -1, "3": 3}
    assert labels.names == ("b", "10", "d")
    dataset = Pixels([1, 0], classes=["a", "b"])
    network = label_set(["b", "a"])
    assert indices(dataset, network)[0] == {"a": 0, "b": 1}
    assert indices(dataset, network, label_order="name")[0] == {"a": 1, "b": 0}


def test_an_order_that_does_not_fit_is_refused(folder):
    source = folder("3", "cat")

    with pytest.raises(ImagesError, match="needs classes that are numbers, got 'cat'"):
        indices(source, numbered_labels(4), label_order="index")
    with pytest.raises(ImagesError, match="got 2 classes and 1 outputs"):
        indices(source, numbered_labels(1), label_order="sorted")
    with pytest.raises(UsageError, match="must be index, sorted, name or None"):
        indices(source, numbered_labels(4), label_order="random")


def test_the_order_and_all_classes_are_kept_when_images_are_taken_or_reopened(folder):
    source = folder("3", "10", "1", "20")
    images = open_images(source, TINY, label_order="sorted").take({"3": 1}, others=0)

    reopened = reopen_images(json.loads(json.dumps(images.source)), TINY)

    for each in (images, reopened):
        assert label_images(each, numbered_labels(4)).class_index.tolist() == [3]
    assert label_images(
        open_images(source, TINY).take({"20": 1}, others=0), numbered_labels(4)
    ).class_index.tolist() == [2]


# --- doubt ---------------------------------------------------------------------------


def test_another_order_that_fits_much_better_is_named(folder):
    source = folder("1", "10", "2", "3")
    _, labels = indices(source, label_set(["3", "2", "10", "1"]))

    assert labels.doubt(labels.class_index) == ""
    assert labels.doubt(np.array([-1] * 4)) == ""
    warning = labels.doubt(np.array([0, 1, 2, 3]))
    assert "the accuracy is 0.0 %, and would be 100.0 % with the label order" in warning
    assert "--label-order sorted" in warning
    assert "by name: 4 of the 4" in warning


def test_a_network_that_always_says_the_same_gives_no_doubt(folder):
    _, labels = indices(folder("a", "b", "c", "d"), label_set(["w", "x", "y", "z"]))

    assert labels.class_index.tolist() == [-1] * 4
    assert labels.doubt(np.array([1, 1, 1, 1])) == ""
    assert "'sorted'" in labels.doubt(np.array([0, 1, 2, 3]))


# --- lists of class names ------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([("tench", "Tinca tinca"), ("goldfish", "Carassius")], ["tench", "goldfish"]),
        ([("crane", "machine"), ("crane", "bird")], ["crane, machine", "crane, bird"]),
        ({"cat": 0, "ant": 1}, ["cat", "ant"]),
        ({1: "cat", 0: "ant"}, ["ant", "cat"]),
        ({"0": ["n1", "tench"], "1": ["n2", "goldfish"]}, ["n1", "n2"]),
        (np.array(["b", "a"]), ["b", "a"]),
        ({"b": np.int64(0), "a": torch.tensor(1)}, ["b", "a"]),
        (range(3), ["0", "1", "2"]),
    ],
)
def test_class_names_come_in_many_forms(classes, expected):
    assert class_list(classes) == expected
    n = len(expected)
    images = open_images(Pixels([0, n - 1], classes=classes), TINY)
    assert images.class_names == (expected[0], expected[-1])


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ({"cat": 0, "dog": 2}, "indices 0 to 1 in the map"),
        ({"cat": "x"}, "indices 0 to 0"),
        ("cat", "expected a list of class names"),
        (7, "got int"),
        (["cat", None], "the name of a class, or several, got 'None'"),
        ([{"cat": 0}], "the name of a class, or several, got"),
        ([[]], "the name of a class, or several, got"),
    ],
)
def test_what_is_no_list_of_class_names_is_refused(classes, sentence):
    with pytest.raises(UsageError, match=sentence):
        class_list(classes)


def test_torchvisions_imagenet_is_labelled_by_its_wnids():
    dataset = Pixels(
        [1, 0],
        classes=[("crane", "machine"), ("crane", "bird")],
        wnids=["n03126707", "n02012849"],
    )

    assert open_images(dataset, TINY).class_names == ("n02012849", "n03126707")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat\n\n dog \n", ["cat", "dog"]),
        ("\ufeffKatze\nHündin", ["Katze", "Hündin"]),
        ('["cat", "dog"]', ["cat", "dog"]),
        ('{"0": "cat", "1": "dog"}', ["cat", "dog"]),
        ('{"dog": 1, "cat": 0}', ["cat", "dog"]),
    ],
)
def test_class_names_of_a_file(tmp_path, text, expected):
    (tmp_path / "names").write_text(text, encoding="utf-8")

    assert read_class_names(tmp_path / "names") == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        (b"\n", "holds no class names; expected one a line, or JSON"),
        (b"[]", "holds no class names; expected one a line, or JSON"),
        (b'{"cat": 0, "dog": 0}', r"holds no class names \(expected the indices 0 to"),
        (b"[1,", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[" + b"9" * 5000 + b"]", "is not valid JSON"),
        (b"\xff\xfe\x00", "not a UTF-8 text"),
    ],
)
def test_a_file_without_class_names_is_refused(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "names").write_bytes(content)

    with pytest.raises(UsageError, match=sentence):
        read_class_names(tmp_path / "names")


# --- labels that are not one class ---------------------------------------------------


@pytest.mark.parametrize(
    "label",
    [
        torch.tensor([1, 0, 1]),
        np.array([1.0, 0.0]),
        [1, 0],
        None,
        {"boxes": []},
        torch.tensor(0.5),
    ],
)
def test_labels_that_are_not_one_class_are_refused_with_what_to_do(label):
    with pytest.raises(ImagesError, match=r"expected one class for each .*argmax\(\)"):
        open_images(Pixels([label]), TINY)


@pytest.mark.parametrize(
    "label", [torch.tensor(2), torch.tensor([2]), np.int64(2), 2, 2.0, np.uint8(2)]
)
def test_labels_of_one_class_are_taken_in_any_type(label):
    images = open_images(Pixels([label]), TINY)

    assert (images.class_names, images.labels) == (("2",), (2,))


def test_a_data_loader_is_refused_with_what_to_give_instead():
    loader = torch.utils.data.DataLoader(Pixels([0]))

    with pytest.raises(ImagesError, match=r"got a DataLoader.*give loader\.dataset"):
        open_images(loader, TINY)


def test_subsets_keep_their_labels_and_classes():
    dataset = Pixels([0, 1, 2], classes=["a", "b", "c"])

    images = open_images(Subset(dataset, [2, 0]), TINY)

    assert (images.labels, images.classes) == ((2, 0), ("a", "b", "c"))


def test_tensors_with_integer_labels():
    dataset = TensorDataset(torch.zeros(2, 3, 4, 4), torch.tensor([1, 0]))

    assert open_images(dataset, TINY).labels == (1, 0)
