"""Image folders."""

import os
from pathlib import Path

import pytest

from pictures import SMALL
from se_probe.errors import ImagesError
from se_probe.images import (
    open_images,
)


def test_folder_is_sorted_by_class_then_name(tmp_path):
    files = ["b/2.JPG", "b/deep/er/1.png", "a-b/x.Tiff", "a/10.webp", "a/9.ppm"]
    ignored = ["a/.hidden.png", ".git/x.png", "b/.cache/x.png", "b/notes.txt", "x.csv"]
    for name in files + ignored:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    images = open_images(tmp_path, SMALL)

    assert images.image_ids == (
        "a/10.webp",
        "a/9.ppm",
        "a-b/x.Tiff",
        "b/2.JPG",
        "b/deep/er/1.png",
    )
    assert images.class_names == ("a", "a", "a-b", "b", "b")


@pytest.mark.parametrize(
    ("layout", "split", "expected"),
    [
        (["train/cat", "test/cat", "val/cat"], "test", "test/cat/0.png"),
        (["train/cat", "val/cat"], "test", "val/cat/0.png"),
        (["train/cat", "val/cat"], "train", "train/cat/0.png"),
        (["val/cat"], "test", "val/cat/0.png"),
        (["train/cat", "test/cat", "extra"], "train", "train/cat/0.png"),
        (["train", "bus"], "test", "bus/0.png"),
    ],
)
def test_split_folders_are_found(tmp_path, layout, split, expected):
    for name in layout:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "0.png").touch()

    images = open_images(tmp_path, SMALL, split=split)

    assert images.image_ids[0] == expected
    assert images.class_names[0] == Path(expected).parent.name


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "holds no images; expected one subfolder per class"),
        (["a.csv"], "holds no images; expected one subfolder per class"),
        (["cat/readme.txt"], "subfolders of .* hold no images"),
        (["1.jpg", "2.JPEG"], r"2 images lie directly in .* \(first: 1.jpg\)"),
        (["cat/1.jpg", "loose.png"], r"1 images lie directly in .*loose.png"),
        (["train/cat/1.jpg"], "holds train, but nothing for the split 'test'"),
        (["photos/n02110958/1.jpg"], "did you mean .*photos"),
    ],
)
def test_folders_of_another_build_are_refused(tmp_path, files, sentence):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    with pytest.raises(ImagesError, match=sentence):
        open_images(tmp_path, SMALL)


def test_wrong_path_is_refused_and_the_data_sets_are_listed(tmp_path):
    with pytest.raises(ImagesError, match=r"no image folder 'phtos'.*scenes, digits"):
        open_images("phtos", SMALL)
    (tmp_path / "a.zip").touch()
    with pytest.raises(ImagesError, match=r"is a file.*unpack it"):
        open_images(tmp_path / "a.zip", SMALL)


def test_file_name_that_no_record_can_hold_is_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    try:
        os.close(os.open(os.fsencode(tmp_path) + b"/cat/\xff.png", os.O_CREAT))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")

    with pytest.raises(ImagesError, match="is not valid UTF-8"):
        open_images(tmp_path, SMALL)
