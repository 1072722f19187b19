import gzip
import hashlib
import io
import json
import logging
import multiprocessing
import os
import pickle
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import timm
import torch
import torchvision.datasets as tvd
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset
from torchvision.models import EfficientNet_B4_Weights, ResNet50_Weights

from se_probe.errors import ImagesError, UsageError
from se_probe.images import (
    Preprocessing,
    default_preprocessing,
    open_images,
    reopen_images,
)
from se_probe.images.decode import decode_picture

SMALL = Preprocessing((3, 16, 16), crop_pct=1.0)
# Pixels come out as they went in, 0 to 1.
PLAIN = Preprocessing((3, 4, 4), "nearest", crop_pct=1.0, mean=(0, 0, 0), std=(1, 1, 1))
PLAIN_GREY = Preprocessing((1, 4, 4), "nearest", crop_pct=1.0, mean=(0,), std=(1,))


def noise_picture(seed=0, size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3))
    return Image.fromarray(pixels.astype(np.uint8))


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Ten pictures each of `cat` and `n02110958`, one of them damaged."""
    for name in ("n02110958", "cat"):
        (tmp_path / name).mkdir()
        for i in range(10):
            noise_picture(i).save(tmp_path / name / f"{i}.png")
    damaged = tmp_path / "cat" / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:900])
    return tmp_path


# --- preprocessing -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["seresnet50.a1_in1k", "nextvit_base", "eca_nfnet_l0"])
def test_preprocessing_is_that_of_timm(name):
    config = timm.get_pretrained_cfg(name).to_dict()
    picture = noise_picture(size=(330, 260))

    pixels = Preprocessing.from_dict(config).transform()(picture)

    resolved = resolve_model_data_config(None, pretrained_cfg=config)
    assert torch.equal(pixels, create_transform(**resolved)(picture))


@pytest.mark.parametrize(
    "weights", [ResNet50_Weights.IMAGENET1K_V2, EfficientNet_B4_Weights.IMAGENET1K_V1]
)
def test_preprocessing_is_that_of_torchvision(weights):
    picture = noise_picture(size=(500, 420))

    pixels = Preprocessing.from_torchvision(weights.transforms()).transform()(picture)

    assert torch.equal(pixels, weights.transforms()(picture))


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
def test_greyscale_pictures_become_one_channel(crop_mode):
    grey = Preprocessing(
        (1, 8, 8), crop_pct=1.0, crop_mode=crop_mode, mean=(0.5,), std=(0.25,)
    )

    pixels = grey.transform()(Image.new("L", (20, 10), 255))

    assert pixels.shape == (1, 8, 8)
    assert pixels.dtype == torch.float32
    assert pixels[0, 4, 4] == 2.0


def test_preprocessing_survives_json():
    preprocessing = default_preprocessing("cifar10")

    text = json.dumps(preprocessing.as_dict())

    assert Preprocessing.from_dict(json.loads(text)) == preprocessing


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"input_size": (4, 8, 8)}, "input_size must be"),
        ({"input_size": (3, 8)}, "input_size must be"),
        ({"mean": (0.5,)}, "mean must hold 3 numbers"),
        ({"std": (0.2, 0.2, 0.0)}, "std must be above 0"),
        ({"crop_pct": 0.0}, "crop_pct must be above 0"),
        ({"interpolation": "random"}, "interpolation must be one of nearest"),
        ({"crop_mode": "centre"}, "crop_mode must be one of center"),
    ],
)
def test_unusable_preprocessing_is_refused(bad, sentence):
    with pytest.raises(ImagesError, match=sentence):
        Preprocessing(**bad)


def test_default_preprocessing_has_the_mean_of_its_training_pictures():
    preprocessing = default_preprocessing("digits")

    images = open_images("digits", preprocessing, split="train", batch_size=1297)

    assert images.batch(0).mean().item() == pytest.approx(0, abs=0.01)
    assert images.batch(0).std().item() == pytest.approx(1, abs=0.01)


def test_default_preprocessing_of_an_unknown_name_is_refused():
    with pytest.raises(ImagesError, match="only for scenes, digits, mnist"):
        default_preprocessing("imagenet")


# --- kinds of picture files ----------------------------------------------------------


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


# --- folders -------------------------------------------------------------------------


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


# --- batches -------------------------------------------------------------------------


def test_unreadable_image_is_skipped_with_its_reason(folder):
    images = open_images(folder, SMALL, batch_size=8)

    batch = next(images.batches([0]))

    assert [row for row, why in enumerate(batch.problems) if why] == [3]
    assert batch.problems[3].startswith("cat/3.png: image file is truncated")
    assert not batch.pixels[3].any()
    assert batch.pixels[[0, 1, 2, 4, 5, 6, 7]].flatten(1).any(1).all()


def test_every_batch_has_the_full_shape(folder):
    images = open_images(folder, SMALL, batch_size=8)

    pixels = images.batch(2)

    assert images.n_batches == 3
    assert pixels.shape == (8, 3, 16, 16)
    assert pixels[:4].flatten(1).any(1).all()
    assert not pixels[4:].any()
    assert len(next(images.batches([2])).problems) == 8


def test_pixels_are_those_of_the_transform(folder):
    images = open_images(folder, SMALL, batch_size=8)

    pixels = images.batch(1)[0]

    assert images.image_ids[8] == "cat/8.png"
    assert torch.equal(pixels, SMALL.transform()(noise_picture(8)))


def test_workers_change_neither_pixels_nor_order(folder):
    numbers = [2, 0, 1, 0]
    here = list(open_images(folder, SMALL, batch_size=8).batches(numbers))

    there = list(open_images(folder, SMALL, batch_size=8, workers=2).batches(numbers))

    assert [batch.number for batch in there] == numbers
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one.pixels, other.pixels)
        assert one.problems == other.problems


@pytest.mark.parametrize("workers", [0, 2])
def test_image_that_went_away_stops_with_one_sentence(folder, workers):
    images = open_images(folder, SMALL, batch_size=8, workers=workers)
    (folder / "cat" / "9.png").unlink()

    with pytest.raises(ImagesError) as caught:
        list(images.batches([0, 1, 2]))

    assert "cat/9.png could not be opened (No such file" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("workers", [0, 2])
def test_reading_leaves_random_numbers_and_threads_alone(folder, workers):
    images = open_images(folder, SMALL, batch_size=8, workers=workers)
    random_state = torch.get_rng_state()

    list(images.batches(range(3)))

    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.get_num_threads() == 3


def test_abandoned_reading_leaves_no_process(folder):
    batches = open_images(folder, SMALL, batch_size=2, workers=2).batches(range(10))
    next(batches)

    batches.close()

    assert not multiprocessing.active_children()


def test_reading_keeps_no_pixels(folder):
    images = open_images(folder, SMALL, batch_size=8)
    before = len(pickle.dumps(images))

    list(images.batches(range(3)))

    assert len(pickle.dumps(images)) == before


def test_images_can_be_sent_to_another_process(folder):
    images = open_images(folder, SMALL, batch_size=8).take({}, others=5)

    copy = pickle.loads(pickle.dumps(images))

    assert torch.equal(copy.batch(1), images.batch(1))


def test_unknown_batch_is_refused(folder):
    images = open_images(folder, SMALL, batch_size=8)

    for number in (-1, 3):
        with pytest.raises(ImagesError, match="20 images make 3 batches"):
            images.batch(number)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"workers": -1}, "workers must be at least 0"),
        ({"split": "validation"}, "split must be train or test"),
        ({"per_class": 0}, "per_class must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(bad, sentence):
    with pytest.raises(UsageError, match=sentence):
        open_images("scenes", SMALL, **bad)


# --- choosing ------------------------------------------------------------------------


def test_take_is_even_over_sorted_ids_and_keeps_the_order(folder):
    images = open_images(folder, SMALL)

    taken = images.take({"n02110958": 4}, others=2)

    assert taken.image_ids == (
        "cat/0.png",
        "cat/9.png",
        *(f"n02110958/{i}.png" for i in (0, 3, 6, 9)),
    )
    assert torch.equal(taken.batch(0)[3], images.batch(0)[13])


def test_take_gives_all_where_more_are_asked_for(folder):
    images = open_images(folder, SMALL)

    assert len(images.take({"cat": 50}, others=0)) == 10
    assert len(images.take({"cat": 50}, others=None)) == 20
    assert len(images.take({}, others=3)) == 6


@pytest.mark.parametrize("n", range(1, 11))
def test_take_never_takes_an_image_twice(folder, n):
    images = open_images(folder, SMALL).take({}, others=n)

    assert len(set(images.image_ids)) == len(images) == 2 * n


def test_take_of_an_unknown_class_is_refused(folder):
    images = open_images(folder, SMALL)

    with pytest.raises(ImagesError, match=r"no images of dog.*it has cat, n02110958"):
        images.take({"dog": 1}, others=None)
    with pytest.raises(ImagesError, match=r"no images of .* were asked for"):
        images.take({}, others=0)
    with pytest.raises(UsageError, match="must be at least 0"):
        images.take({"cat": -1}, others=None)


# --- provenance ----------------------------------------------------------------------


def test_source_reopens_the_same_images(folder):
    images = open_images(folder, SMALL, per_class=8).take({"cat": 2}, others=3)

    source = json.loads(json.dumps(images.source))
    again = reopen_images(source, SMALL, batch_size=7)

    assert source["n_images"] == 5
    assert source["decoder"].startswith("Pillow")
    assert again.image_ids == images.image_ids
    assert again.source == images.source


@pytest.mark.parametrize("name", ["digits", "scenes"])
def test_source_of_a_built_in_data_set_reopens(name):
    preprocessing = default_preprocessing(name)
    images = open_images(name, preprocessing, per_class=2, split="train", seed=3)

    again = reopen_images(images.source, preprocessing)

    assert again.source == images.source
    assert torch.equal(again.batch(0), images.batch(0))


def test_changed_image_list_is_noticed(folder):
    source = open_images(folder, SMALL).source
    (folder / "cat" / "9.png").rename(folder / "cat" / "8b.png")

    with pytest.raises(ImagesError, match="no longer those that were recorded"):
        reopen_images(source, SMALL)


# --- named data sets -----------------------------------------------------------------


def test_digits_are_divided_once_and_for_all():
    grey = default_preprocessing("digits")
    train = open_images("digits", grey, split="train", seed=1)
    test = open_images("digits", grey, split="test", seed=2)

    numbers = [i.split("/")[1] for i in train.image_ids + test.image_ids]

    assert (len(train), len(test)) == (1297, 500)
    assert len(set(numbers)) == 1797
    assert sorted(set(test.class_names)) == [str(i) for i in range(10)]
    assert min(map(test.class_names.count, "0123456789")) >= 48


def write_idx(path, array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    data = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_mnist(folder, suffix=""):
    rng = np.random.default_rng(0)
    for part, n_images in (("train", 30), ("t10k", 12)):
        pixels = rng.integers(0, 256, (n_images, 28, 28)).astype(np.uint8)
        labels = (np.arange(n_images) % 10).astype(np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", pixels)
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", labels)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_mnist_files_give_what_torchvision_reads(tmp_path, name):
    dataset = {"mnist": tvd.MNIST, "fashion-mnist": tvd.FashionMNIST}[name]
    write_mnist(tmp_path / dataset.__name__ / "raw")
    write_mnist(tmp_path / "flat", ".gz")
    expected = dataset(tmp_path, train=False)

    images = open_images(name, default_preprocessing(name), root=tmp_path)
    flat = open_images(name, default_preprocessing(name), root=tmp_path / "flat")

    transform = default_preprocessing(name).transform()
    pixels = torch.stack([transform(picture) for picture, _ in expected])
    assert torch.equal(images.batch(0)[:12], pixels)
    assert torch.equal(images.batch(0), flat.batch(0))
    assert images.image_ids[11] == "test/00011"
    assert images.class_names[1] == {"mnist": "1", "fashion-mnist": "Trouser"}[name]


def test_grey_data_set_feeds_a_colour_network(tmp_path):
    write_mnist(tmp_path)

    pixels = open_images("mnist", SMALL, root=tmp_path).batch(0)

    assert pixels.shape == (32, 3, 16, 16)


def test_damaged_mnist_files_are_refused(tmp_path):
    grey = default_preprocessing("mnist")
    write_mnist(tmp_path, ".gz")
    file = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = file.read_bytes()

    file.write_bytes(whole[:-500])
    with pytest.raises(ImagesError, match=r"t10k-images-idx3-ubyte.gz is damaged"):
        open_images("mnist", grey, root=tmp_path)
    file.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(ImagesError, match="not an idx file"):
        open_images("mnist", grey, root=tmp_path)
    write_idx(file, np.zeros((5, 28, 28), np.uint8))
    with pytest.raises(ImagesError, match="do not belong together"):
        open_images("mnist", grey, root=tmp_path)


def cifar_file(path, label_key):
    """Three pictures in CIFAR's planes of red, green, blue: red, green, blue."""
    planes = np.zeros((3, 3, 1024), np.uint8)
    planes[[0, 1, 2], [0, 1, 2]] = 255
    entry = {"data": planes.reshape(3, 3072), label_key: [0, 1, 2]}
    path.write_bytes(pickle.dumps(entry))
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "dataset", "key", "meta"),
    [
        ("cifar10", tvd.CIFAR10, "labels", "batches.meta"),
        ("cifar100", tvd.CIFAR100, "fine_labels", "meta"),
    ],
)
def test_cifar_planes_are_not_scrambled(
    tmp_path, monkeypatch, name, dataset, key, meta
):
    base = tmp_path / dataset.base_folder
    base.mkdir()
    md5 = cifar_file(base / "part", key)
    (base / meta).write_bytes(pickle.dumps({dataset.meta["key"]: ["a", "b", "c"]}))
    meta_md5 = hashlib.md5((base / meta).read_bytes()).hexdigest()
    monkeypatch.setattr(dataset, "train_list", [["part", md5]])
    monkeypatch.setattr(dataset, "test_list", [["part", md5]])
    monkeypatch.setattr(dataset, "meta", {**dataset.meta, "md5": meta_md5})

    images = open_images(name, PLAIN, root=tmp_path)

    assert images.class_names == ("a", "b", "c")
    assert torch.equal(images.batch(0)[:3].mean((2, 3)), torch.eye(3))


def test_cifar_as_folders_of_pictures(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "frog").mkdir(parents=True)
        noise_picture().save(tmp_path / split / "frog" / "0.png")

    images = open_images("cifar10", SMALL, root=tmp_path, split="train")

    assert images.image_ids == ("train/frog/0.png",)
    assert images.source["name"] == "cifar10"
    assert reopen_images(images.source, SMALL).source == images.source


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("mnist", "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"),
        ("fashion-mnist", "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"),
        ("cifar10", "cifar-10-python.tar.gz"),
        ("cifar100", "cifar-100-python.tar.gz"),
    ],
)
def test_missing_files_are_named(tmp_path, monkeypatch, name, files):
    def no_network(*_, **__):
        raise URLError("no network")

    for dataset in (tvd.MNIST, tvd.FashionMNIST, tvd.CIFAR10, tvd.CIFAR100):
        monkeypatch.setattr(dataset, "download", no_network)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    with pytest.raises(ImagesError, match=f"is not in .*{files}"):
        open_images(name, default_preprocessing(name), root=tmp_path)
    with pytest.raises(ImagesError, match=f"Without a network, put {files}"):
        open_images(name, default_preprocessing(name))


# --- torch Datasets ------------------------------------------------------------------


class Listed(Dataset):
    """A Dataset of given items."""

    def __init__(self, items, **attributes):
        self.items = items
        vars(self).update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        item = self.items[index]
        if isinstance(item[0], Exception):
            raise item[0]
        return item


def test_dataset_of_pictures_is_preprocessed():
    pictures = [noise_picture(i) for i in range(3)]
    items = [(picture, i) for i, picture in enumerate(pictures)]

    images = open_images(Listed(items, classes=["a", "b", "c"]), SMALL)

    assert images.image_ids == ("00000", "00001", "00002")
    assert images.class_names == ("a", "b", "c")
    assert torch.equal(images.batch(0)[1], SMALL.transform()(pictures[1]))


def test_dataset_of_arrays_equals_one_of_pictures():
    picture = noise_picture()
    arrays = Listed([(np.asarray(picture), "x"), (np.asarray(picture.convert("L")), 5)])

    images = open_images(arrays, PLAIN_GREY)

    expected = PLAIN_GREY.transform()(picture.convert("L"))
    assert torch.equal(images.batch(0)[0], expected)
    assert torch.equal(images.batch(0)[1], expected)
    assert images.class_names == ("x", "5")


def test_tensors_are_taken_as_they_are():
    pixels = torch.randn(5, 3, 16, 16, dtype=torch.float64)
    dataset = TensorDataset(pixels, torch.tensor([3, 1, 2, 1, 3]))

    images = open_images(dataset, SMALL)

    assert torch.equal(images.batch(0)[:5], pixels.float())
    assert images.class_names == ("3", "1", "2", "1", "3")


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (torch.zeros(3, 8, 8), r"expected floating-point numbers of shape \(3, 16, 16"),
        (torch.zeros(3, 16, 16, dtype=torch.uint8), "got torch.uint8"),
        (np.zeros((3, 16, 16), np.uint8), r"expected arrays of uint8.*\(3, 16, 16\)"),
        (np.zeros((16, 16, 3)), "expected arrays of uint8.*float64"),
        ("photo.jpg", "Pillow images, arrays or tensors, got str"),
    ],
)
def test_dataset_of_other_images_is_refused(image, sentence):
    with pytest.raises(ImagesError, match=sentence):
        open_images(Listed([(image, 0)]), SMALL)


def test_dataset_without_labels_or_length_is_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([])

    with pytest.raises(ImagesError, match="at least one item, got Stream"):
        open_images(Stream(), SMALL)
    with pytest.raises(ImagesError, match="at least one item, got Listed"):
        open_images(Listed([]), SMALL)
    with pytest.raises(ImagesError, match=r"expected a torch Dataset of \(image, lab"):
        open_images(Listed([(torch.zeros(3, 16, 16),)]), SMALL)


def test_damaged_picture_of_a_dataset_is_skipped():
    items = [(OSError("broken"), 0), (noise_picture(), 1)]

    batch = next(open_images(Listed(items, targets=[0, 1]), SMALL).batches([0]))

    assert batch.problems[:2] == ("00000: broken", None)
    with pytest.raises(ImagesError, match=r"item 0 .* give the data set a list `targ"):
        open_images(Listed(items), SMALL)


def test_take_keeps_the_order_of_mixed_classes():
    items = [(noise_picture(), label) for label in "abcabcabc"]

    taken = open_images(Listed(items), SMALL).take({"b": 3}, others=2)

    assert "".join(taken.class_names) == "abcbabc"


def test_label_is_the_one_that_the_items_carry():
    picture = noise_picture()
    plain = Listed([(picture, 0), (picture, 1), (picture, 2)], classes=["a", "b", "c"])
    renamed = Listed(
        [(picture, 1)], targets=[0], classes=["a", "b"], target_transform=lambda y: 1
    )

    assert open_images(Subset(plain, [2, 0]), SMALL).class_names == ("c", "a")
    assert open_images(renamed, SMALL).class_names == ("b",)


def test_dataset_cannot_be_reopened_from_its_provenance():
    source = open_images(Listed([(noise_picture(), 0)]), SMALL).source

    with pytest.raises(ImagesError, match="only the program that made it"):
        reopen_images(source, SMALL)


# --- real input ----------------------------------------------------------------------

real = pytest.mark.skipif(
    "SE_PROBE_TEST_DATA" not in os.environ, reason="SE_PROBE_TEST_DATA is not set"
)


@real
def test_real_photos_are_all_readable():
    folder = Path(os.environ["SE_PROBE_TEST_DATA"], "photos", "val")

    images = open_images(folder, SMALL, batch_size=50).take({}, others=1)
    batches = list(images.batches(range(4)))

    assert len(images) == len(set(images.class_names)) == 727
    assert not any(any(batch.problems) for batch in batches)


@real
def test_real_mnist_has_its_known_labels_and_mean():
    root = Path(os.environ["SE_PROBE_TEST_DATA"], "mnist")

    images = open_images(
        "mnist", default_preprocessing("mnist"), root=root, batch_size=1000
    )

    assert len(images) == 10000
    assert images.class_names[:5] == ("7", "2", "1", "0", "4")
    assert images.batch(0).mean().item() == pytest.approx(0, abs=0.05)
