"""Splits are told from classes, and what file servers leave is no class."""

import pathlib

import pytest

from pictures import SMALL
from se_probe.errors import ImagesError
from se_probe.images import open_images, reopen_images


def make(root, *files):
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def of(splits, classes=("cat", "dog")):
    return [f"{split}/{name}/0.png" for split in splits for name in classes]


@pytest.mark.parametrize(
    ("files", "folder"),
    [
        (of(["train", "valid"]), "valid"),
        (of(["train", "dev"]), "dev"),
        (of(["Training", "Testing"]), "Testing"),
        (of(["train", "val", "test"]), "test"),
        (of(["train_set", "test_set"]), "test_set"),
        (of(["train", "validation"]), "validation"),
        (of(["train", "unlabelled", "val"]), "val"),
        (of(["dataset/train", "dataset/test"]), "dataset/test"),
        (of(["seg_train/seg_train", "seg_test/seg_test"]), "seg_test/seg_test"),
        (of(["val"]), "val"),
        ([*of(["train"]), "train/frog/1.png", *of(["val"])], "val"),
        ([*of(["train", "test"]), "lost+found/x/1.png", "labels/a.txt"], "test"),
    ],
)
def test_the_held_out_split_is_taken_and_named(tmp_path, files, folder):
    images = open_images(make(tmp_path, *files), SMALL)

    assert images.image_ids == (f"{folder}/cat/0.png", f"{folder}/dog/0.png")
    assert images.class_names == ("cat", "dog")
    assert images.notes[0].startswith(f"{folder} is taken of the splits ")
    assert reopen_images(images.source, SMALL).source == images.source


@pytest.mark.parametrize(
    ("split", "folder"),
    [("train", "Training"), ("test", "Testing"), ("Testing", "Testing")],
)
def test_a_split_is_asked_for_by_kind_or_by_name(tmp_path, split, folder):
    make(tmp_path, *of(["Training", "Testing"]))

    images = open_images(tmp_path, SMALL, split=split)

    assert images.image_ids[0] == f"{folder}/cat/0.png"


@pytest.mark.parametrize(
    ("files", "classes"),
    [
        (["train/0.png", "bus/0.png"], ["bus", "train"]),
        (["train/0.png"], ["train"]),
        (["train/red/0.png", "bus/blue/0.png"], ["bus", "train"]),
        (["cat/left/0.png", "dog/left/0.png"], ["cat", "dog"]),
        (["test tube/0.png", "beaker/0.png"], ["beaker", "test tube"]),
        (["cat/images/0.png"], ["cat"]),
        (["cat/train/0.png", "dog/train/0.png"], ["cat", "dog"]),
        (["toys/train/0.png", "toys/ball/0.png"], ["toys", "toys"]),
    ],
)
def test_classes_stay_classes(tmp_path, files, classes):
    images = open_images(make(tmp_path, *files), SMALL)

    assert list(images.class_names) == classes
    assert images.notes == ()


@pytest.mark.parametrize(
    ("splits", "split", "sentence"),
    [
        (["train", "extra"], "test", "nothing for the split 'test'. Give one of them"),
        (["train", "test_a", "test_b"], "test", "several .* test_a, test_b. Give one"),
        (["train", "val"], "fold1", "holds train and val, but nothing for the split"),
        (["cat"], "fold1", "holds no splits, so there is no split 'fold1'"),
    ],
)
def test_a_split_that_is_not_clear_is_asked_for(tmp_path, splits, split, sentence):
    make(tmp_path, *of(splits))

    with pytest.raises(ImagesError, match=sentence):
        open_images(tmp_path, SMALL, split=split)


def test_circles_of_links_are_walked_once(tmp_path):
    make(tmp_path, "cat/0.png", "dog/0.png", "more/1.png")
    pathlib.Path(tmp_path / "cat" / "self").symlink_to(".")
    pathlib.Path(tmp_path / "dog" / "up").symlink_to("..")
    pathlib.Path(tmp_path / "cat" / "deep").symlink_to(tmp_path / "more")
    pathlib.Path(tmp_path / "more" / "back").symlink_to(tmp_path / "cat")

    images = open_images(tmp_path, SMALL)

    assert images.image_ids == (
        "cat/0.png",
        "cat/deep/1.png",
        "dog/0.png",
        "more/1.png",
        "more/back/0.png",
    )


def test_a_class_that_is_a_link_is_followed(tmp_path):
    make(tmp_path / "store", "cats/0.png")
    (tmp_path / "images").mkdir()
    pathlib.Path(tmp_path / "images" / "cat").symlink_to(tmp_path / "store" / "cats")

    assert open_images(tmp_path / "images", SMALL).image_ids == ("cat/0.png",)


@pytest.mark.parametrize(
    "left",
    ["@eaDir", ".thumbnails", "lost+found", "#recycle", "$RECYCLE.BIN", "__MACOSX"],
)
def test_what_file_servers_leave_is_no_class_and_no_picture(tmp_path, left):
    make(tmp_path, "cat/0.png", f"{left}/cat/0.png", f"cat/{left}/0.png.jpg")

    images = open_images(tmp_path, SMALL)

    assert images.image_ids == ("cat/0.png",)


def in_classes(splits, classes=("cat", "dog")):
    return [f"{name}/{split}/0.png" for split in splits for name in classes]


@pytest.mark.parametrize(
    ("files", "split", "folder"),
    [
        (in_classes(["train", "val"]), "test", "val"),
        (in_classes(["train", "val", "test"]), "test", "test"),
        (in_classes(["Training", "Testing"]), "train", "Training"),
        (in_classes(["train", "val"]), "val", "val"),
        ([*in_classes(["train", "val"]), "cat/0.png"], "val", "val"),
        (in_classes(["train", "val"], ["cat", "dog", "test tube"]), "test", "val"),
        (in_classes(["train", "val"], ["cat"]), "test", "val"),
        ([*in_classes(["train", "val"]), "newt/train/0.png"], "test", "val"),
    ],
)
def test_splits_within_classes_are_not_mixed(tmp_path, files, split, folder):
    images = open_images(make(tmp_path, *files), SMALL, split=split)

    expected = sorted(file for file in files if f"/{folder}/" in file)
    assert list(images.image_ids) == expected
    assert images.class_names[0] == "cat"
    assert images.notes[0].startswith(f"{folder} is taken of the splits ")
    left_out = "; no pictures of it, so left out: newt" * ("newt" in files[-1])
    assert images.notes[0].endswith(f" in each class of {tmp_path}{left_out}")
    assert reopen_images(images.source, SMALL).source == images.source


@pytest.mark.parametrize("extra", ["cat/1.png", "frog/1.png", "cat/more/1.png"])
def test_pictures_outside_the_splits_of_classes_are_asked_about(tmp_path, extra):
    make(tmp_path, *in_classes(["train", "val"]), extra)

    with pytest.raises(ImagesError, match=f"{extra} lies in none .* --split train"):
        open_images(tmp_path, SMALL)
