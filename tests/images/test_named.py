"""Data sets that are known by name."""

import gzip
import hashlib
import pickle
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets as tvd

from pictures import PLAIN, SMALL, noise_picture
from se_probe.errors import ImagesError
from se_probe.images import (
    default_preprocessing,
    open_images,
    reopen_images,
)


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
