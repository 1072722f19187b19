"""Small pictures: of the record's images only, and made when they are asked for."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from se_probe.errors import ImagesError
from se_probe.gates import make_gates
from se_probe.thumbnails import Thumbnails


def record_of(image_ids, folder=None):
    facts = {"kind": "folder", "name": "photos", "path": str(folder)}
    attrs = {"images": facts} if folder else {}
    values = {"SE_2_1": np.full((len(image_ids), 2), 0.5)}
    return make_gates(
        values, ["pug"] * len(image_ids), image_ids=image_ids, attrs=attrs
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos" / "pug").mkdir(parents=True)
    Image.new("RGB", (40, 20), "red").save(tmp_path / "photos" / "pug" / "a.png")
    Image.new("RGB", (40, 20), "blue").save(tmp_path / "secret.png")
    return tmp_path / "photos"


def test_the_folder_that_the_record_names_is_used(folder):
    picture = Thumbnails(record_of(["pug/a.png"], folder), side=10).picture("pug/a.png")

    assert picture.size == (10, 5)
    assert picture.getpixel((0, 0)) == (255, 0, 0)


def test_a_data_uri_is_a_jpeg_of_it(folder):
    uri = Thumbnails(record_of(["pug/a.png"]), folder).data_uri("pug/a.png")

    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(BytesIO(base64.b64decode(data))).size == (96, 48)


@pytest.mark.parametrize("name", ["pug/a.png", "../secret.png"])
def test_images_that_the_record_does_not_name_are_not_read(folder, name):
    record = record_of(["pug/b.png", "pug/a.png"]).isel(image=[0])
    (folder / "pug" / "b.png").write_bytes((folder / "pug" / "a.png").read_bytes())

    assert Thumbnails(record, folder).picture(name) is None


def test_a_name_that_leads_out_of_the_folder_is_not_followed(folder):
    names = ["pug/a.png", "../secret.png", str(folder.parent / "secret.png"), "a\0b"]

    thumbnails = Thumbnails(record_of(names), folder)

    assert [thumbnails.picture(name) is None for name in names] == [
        False,
        True,
        True,
        True,
    ]


def test_a_file_that_is_no_picture_has_none(folder):
    (folder / "pug" / "b.png").write_bytes(b"nothing")

    assert (
        Thumbnails(record_of(["pug/a.png", "pug/b.png"]), folder).data_uri("pug/b.png")
        == ""
    )


def test_images_that_moved_are_told(folder, tmp_path):
    record = record_of(["pug/a.png"], tmp_path / "gone")

    assert "no longer in" in Thumbnails(record).problem
    with pytest.raises(ImagesError, match=r"does not hold pug/c\.png"):
        Thumbnails(record_of(["pug/c.png"]), folder)


def test_opened_images_are_read_by_their_id(tiny_images):
    ids = list(tiny_images.image_ids[3:5])

    picture = Thumbnails(record_of(ids), tiny_images, side=24).picture(ids[1])

    expected = tiny_images.pictures.read(4)
    assert picture.size == (24, 20)
    assert picture.getpixel((0, 0)) == expected.getpixel((0, 0))
