"""Tar shards: the same pictures as in a folder, read by seeking."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
import torch

from pictures import SMALL, encoded, noise_picture
from se_probe.cache import tar_indexes_folder
from se_probe.errors import ImagesError
from se_probe.images import open_images, reopen_images, tar_index

N_PER_SHARD = 5


def pack(path, members):
    """Write a tar file of (name, content)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            tar.addfile(facts, io.BytesIO(content))
    return path


def png(seed=0):
    return encoded(noise_picture(seed), "PNG")


@pytest.fixture
def folder(tmp_path):
    """Six pictures each of two classes."""
    for name in ("cat", "n02110958"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            path = tmp_path / "photos" / name / f"{name}_{i}.png"
            path.write_bytes(png(i + 6 * (name == "cat")))
    return tmp_path / "photos"


@pytest.fixture
def shards(tmp_path, folder):
    """The same, five to a tar file, with the class in .cls."""
    paths = sorted(folder.glob("*/*.png"))
    for start in range(0, len(paths), N_PER_SHARD):
        members = []
        for path in paths[start : start + N_PER_SHARD]:
            name = path.relative_to(folder).with_suffix("").as_posix()
            members.append((f"{name}.png", path.read_bytes()))
            members.append((f"{name}.cls", path.parent.name.encode() + b"\n"))
        pack(tmp_path / "shards" / f"{start // N_PER_SHARD:06}.tar", members)
    return tmp_path / "shards"


@pytest.mark.parametrize("workers", [0, 2])
def test_shards_are_the_folder(folder, shards, workers):
    expected = open_images(folder, SMALL, batch_size=5)

    images = open_images(f"{shards}/*.tar", SMALL, batch_size=5, workers=workers)

    assert images.image_ids == expected.image_ids
    assert images.class_names == expected.class_names
    both = zip(images.batches([2, 0]), expected.batches([2, 0]), strict=True)
    for found, wanted in both:
        assert torch.equal(found.pixels, wanted.pixels)
        assert found.problems == wanted.problems


def test_a_folder_of_shards_and_one_of_them_are_meant_too(shards):
    assert len(open_images(shards, SMALL)) == 12
    assert len(open_images(shards / "000002.tar", SMALL)) == 2


def test_a_record_finds_its_shards_again(shards):
    images = open_images(f"{shards}/*.tar", SMALL, batch_size=5, per_class=3)
    source = json.loads(json.dumps(images.source))

    again = reopen_images(source, SMALL)

    assert again.image_ids == images.image_ids


def test_index_is_made_once_and_anew_for_a_changed_file(shards, monkeypatch):
    made = []
    read = tar_index._read
    monkeypatch.setattr(
        tar_index, "_read", lambda path: made.append(path) or read(path)
    )
    open_images(shards, SMALL)
    open_images(shards, SMALL)
    n_first = len(made)
    pack(shards / "000002.tar", [("cat/new.png", png()), ("cat/new.cls", b"cat")])

    images = open_images(shards, SMALL)

    assert (n_first, len(made)) == (3, 4)
    assert images.image_ids[-1] == "cat/new.png"
    assert len(list(tar_indexes_folder().glob("*.json"))) == 3


DAMAGES = {
    "cut": lambda text: text[:50],
    "another class": lambda text: text.replace('"cat"', '"bat"'),
    "another place": lambda text: text.replace("512", "513"),
    "a list": lambda text: "[]",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_made_anew(shards, damage):
    expected = open_images(shards, SMALL)
    for kept in tar_indexes_folder().glob("*.json"):
        kept.write_text(DAMAGES[damage](kept.read_text()))

    images = open_images(shards, SMALL)

    assert images.image_ids == expected.image_ids
    assert images.class_names == expected.class_names
    assert torch.equal(images.batch(0), expected.batch(0))


@pytest.mark.parametrize(
    ("members", "class_names", "labels"),
    [
        ([("a.png", png()), ("a.cls", b"7")], ("7",), (7,)),
        ([("a.png", png()), ("a.json", b'{"label": 7}')], ("7",), (7,)),
        ([("a.png", png()), ("a.json", b'{"class": "cat"}')], ("cat",), None),
        (
            [("a.json", b'{"label": 7}'), ("a.png", png()), ("a.cls", b"8")],
            ("8",),
            (8,),
        ),
        ([("./val/cat/a.png", png())], ("cat",), None),
        ([("cat/a.png", png()), ("cat/a.json", b'{"url": "x"}')], ("cat",), None),
    ],
)
def test_class_is_said_by_cls_json_or_folder(tmp_path, members, class_names, labels):
    images = open_images(pack(tmp_path / "a.tar", members), SMALL)

    assert images.class_names == class_names
    assert images.labels == labels


def test_masks_are_no_pictures_and_equal_names_are_told_apart(
    tmp_path,
):
    members = [
        ("cat/a.png", png()),
        ("cat/a.seg.png", png(1)),
        ("cat/._a.png", b"x"),
        ("cat/b.1.png", png(2)),
        ("cat/b.2.png", png(3)),
    ]
    pack(tmp_path / "1.tar", members)
    pack(tmp_path / "2.tar", members[:1])

    images = open_images(f"{tmp_path}/*.tar", SMALL)

    assert images.image_ids == (
        "1.tar/cat/a.png",
        "1.tar/cat/b.1.png",
        "1.tar/cat/b.2.png",
        "2.tar/cat/a.png",
    )


def test_damaged_pictures_are_named_and_others_read(tmp_path):
    content = png()
    path = pack(
        tmp_path / "a.tar", [("cat/a.png", content[:60]), ("cat/b.png", content)]
    )

    (batch,) = open_images(path, SMALL, batch_size=2).batches([0])

    assert batch.problems[0].startswith("cat/a.png: ")
    assert batch.problems[1] is None
    assert np.isfinite(batch.pixels.numpy()).all()


def cut(path, length):
    path.write_bytes(path.read_bytes()[:length])


def overwrite_header(path):
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        second = tar.getmembers()[1].offset
    content[second : second + 512] = os.urandom(512)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: cut(path, 700), "is damaged or no tar file"),
        (lambda path: cut(path, 100), "is damaged or no tar file"),
        (lambda path: cut(path, 0), "is damaged or no tar file"),
        (lambda path: path.write_bytes(b"no tar" * 500), "is damaged or no tar file"),
        (overwrite_header, "no member begins at byte"),
        (lambda path: path.write_bytes(b"\x1f\x8b" + b"0" * 2000), "is compressed"),
        (
            lambda path: pack(path, [("a.png", png())]),
            "nothing says the class of a",
        ),
        (lambda path: pack(path, [("a.txt", b"x")]), "hold no pictures"),
        (
            lambda path: pack(path, [("a.png", png()), ("a.json", b"{")]),
            "a.json is no text that says a class",
        ),
        (
            lambda path: pack(path, [("c/a.png", png()), ("c/a.png", png())]),
            "is there 2 times",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(shards, damage, message):
    damage(shards / "000001.tar")
    if "hold no" in message:
        (shards / "000000.tar").unlink()
        (shards / "000002.tar").unlink()

    with pytest.raises(ImagesError, match=message):
        open_images(shards, SMALL)


def test_a_tar_file_without_its_end_mark_is_noted(tmp_path):
    path = pack(tmp_path / "a.tar", [("cat/a.png", png())])
    with tarfile.open(path) as tar:
        member = tar.getmembers()[0]
    cut(path, member.offset_data + -(-member.size // 512) * 512)

    images = open_images(path, SMALL)

    assert len(images) == 1
    assert "no end mark (first: a.tar)" in images.notes[0]


def test_a_file_that_shrank_while_it_was_used_stops_the_run(shards):
    images = open_images(shards, SMALL, batch_size=12)
    cut(shards / "000002.tar", 600)

    with pytest.raises(ImagesError, match="shorter since it was first read"):
        images.batch(0)


def test_a_pattern_that_matches_nothing_is_refused(tmp_path):
    with pytest.raises(ImagesError, match="no tar file matches"):
        open_images(f"{tmp_path}/*.tar", SMALL)
