"""Kinds of picture files, and damaged ones."""

import logging
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from pictures import encoded, noise_picture
from se_probe.images.decode import decode_picture


def palette_picture(transparency=None):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    if transparency is not None:
        picture.info["transparency"] = transparency
    return picture


def grey16(value):
    return Image.fromarray(np.full((4, 4), value, np.uint16))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(Image.new("L", (4, 4), 77), "PNG"), (77, 77, 77)),
        (encoded(Image.new("1", (4, 4), 1), "PNG"), (255, 255, 255)),
        (encoded(palette_picture(), "PNG"), (200, 100, 50)),
        (encoded(palette_picture(1), "PNG"), (255, 255, 255)),
        (encoded(palette_picture(b"\xff\x00"), "PNG"), (255, 255, 255)),
        (encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
        (encoded(Image.new("RGBA", (4, 4), (9, 8, 7, 255)), "PNG"), (9, 8, 7)),
        (encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (encoded(Image.new("LA", (4, 4), (0, 51)), "PNG"), (204, 204, 204)),
        (encoded(grey16(257 * 40), "PNG"), (40, 40, 40)),
        (encoded(grey16(65535), "TIFF"), (255, 255, 255)),
        (b"P5 1 1 65535\n" + (257 * 90).to_bytes(2, "big"), (90, 90, 90)),
        (b"P5 1 1 15\n\x0f", (255, 255, 255)),
    ],
    ids=[
        *("grey", "1-bit", "palette", "palette-key", "palette-alpha", "cmyk"),
        *("opaque", "clear", "grey-alpha", "png16", "tiff16", "pgm16", "pgm4"),
    ],
)
def test_every_kind_of_picture_is_used(data, expected):
    picture = decode_picture(data, "RGB")

    assert picture.mode == "RGB"
    assert picture.getpixel((0, 0)) == expected


def test_cmyk_jpeg_comes_out_in_its_colours():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))

    picture = decode_picture(encoded(red, "JPEG"), "RGB")

    np.testing.assert_allclose(picture.getpixel((8, 8)), (255, 0, 0), atol=3)


def test_16_bits_are_scaled_and_not_clipped():
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)

    picture = decode_picture(encoded(Image.fromarray(ramp), "PNG"), "L")

    np.testing.assert_array_equal(np.asarray(picture).ravel(), np.arange(256))


def test_the_first_frame_of_an_animation_is_used():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for file_format in ("GIF", "PNG", "TIFF"):
        data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:])

        picture = decode_picture(data, "RGB")

        assert picture.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(file_format):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its left side
    data = encoded(Image.new("L", (8, 4)), file_format, exif=exif)

    assert decode_picture(data, "L").size == (4, 8)


def bytes_of(name):
    png = encoded(noise_picture(), "PNG")
    jpeg = encoded(noise_picture(), "JPEG")
    return {
        "zero-byte": b"",
        "text": b"<html>404 not found</html>",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "truncated png": png[:900],
        "truncated jpeg": jpeg[:-200],
        "flipped bits": png[:60] + bytes(b ^ 255 for b in png[60:90]) + png[90:],
        "float": encoded(Image.new("F", (4, 4), 0.5), "TIFF"),
        "32-bit": encoded(Image.new("I", (4, 4), 70000), "TIFF"),
        "strip": encoded(Image.new("L", (5000, 2)), "PNG"),
    }[name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("zero-byte", "empty"),
        ("text", "not a picture"),
        ("postscript", "not a picture"),
        ("truncated png", "truncated"),
        ("truncated jpeg", "truncated"),
        ("flipped bits", "."),
        ("float", "without a defined white"),
        ("32-bit", "beyond 16 bits"),
        ("strip", "5000 x 2 pixels"),
    ],
)
def test_unusable_pictures_give_a_reason(name, reason):
    with pytest.raises(OSError, match=reason):
        decode_picture(bytes_of(name), "RGB")


def test_enormous_pictures_are_skipped_and_large_ones_are_not(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)

    decode_picture(encoded(Image.new("L", (40, 40)), "PNG"), "L")  # Pillow only warns

    with pytest.raises(OSError, match=r"2500 pixels.*exceeds limit"):
        decode_picture(encoded(Image.new("L", (50, 50)), "PNG"), "L")


def test_pillows_log_does_not_reach_stderr():
    handlers = logging.getLogger("PIL").handlers

    # Without any, Python prints errors itself.
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_damage_anywhere_never_ends_in_another_error(file_format, capfd):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(noise_picture(), file_format, exif=exif)
    rng = np.random.default_rng(0)

    for _ in range(60):
        damaged = bytearray(data[: rng.integers(8, len(data) + 1)])
        for position in rng.integers(0, min(len(damaged), 400), 3):
            damaged[position] = rng.integers(256)
        with suppress(OSError):
            assert decode_picture(bytes(damaged), "RGB").mode == "RGB"

    assert capfd.readouterr().err == ""
