"""Data sets that are known by name: digits, MNIST, Fashion-MNIST, CIFAR."""

import gzip
import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torchvision.datasets as tvd
from PIL import __version__ as pillow_version

from se_probe.errors import ImagesError
from se_probe.images.folders import folder_pictures
from se_probe.images.pictures import Pictures, array_pictures, numbered_ids
from se_probe.images.preprocessing import Mode

__all__ = ["named_pictures"]

# Pixels, label of each picture, class name of each label.
_Labelled = tuple[npt.NDArray[np.uint8], Sequence[int], Sequence[str]]

_MNIST = {"mnist": tvd.MNIST, "fashion-mnist": tvd.FashionMNIST}
_CIFAR = {"cifar10": tvd.CIFAR10, "cifar100": tvd.CIFAR100}
_N_DIGITS_TEST = 500


def named_pictures(
    name: str, root: str | Path | None, split: str, mode: Mode
) -> Pictures:
    """Pictures of a named data set, in the data set's own order.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion-mnist", "cifar10", "cifar100"}
    root : str, Path or None
        Folder that holds the files already: in torchvision's layout, as idx files
        lying flat in it (MNIST), or as folders ``train/CLASS`` and ``test/CLASS``
        (CIFAR). None downloads them, with torchvision, into the user's cache.
    split : {"train", "test"}
    mode : {"RGB", "L"}

    Returns
    -------
    Pictures
        With ids such as "test/00012".

    Raises
    ------
    ImagesError
        If the files are not there and cannot be downloaded, or are damaged.
    """
    if name == "digits":
        return _digits(split, mode)
    where = _cache() if root is None else Path(root).expanduser()
    if name in _CIFAR:
        if not _has_cifar_files(name, where) and (where / split).is_dir():
            return _named_folder(name, folder_pictures(where, split, mode))
        pixels, labels, class_names = _cifar(name, where, split, root is None)
    else:
        pixels, labels, class_names = _mnist(name, where, split, root is None)
    return array_pictures(
        _facts("torchvision", name, root, split, mode),
        numbered_ids(len(pixels), f"{split}/"),
        [class_names[label] for label in labels],
        pixels,
        mode,
        classes=class_names,
        labels=labels,
    )


def _facts(
    kind: str, name: str, root: str | Path | None, split: str, mode: Mode
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "path": None if root is None else str(root),
        "split": split,
        "decoder": f"stored pixels, Pillow {pillow_version}, {mode}",
    }


def _named_folder(name: str, pictures: Pictures) -> Pictures:
    # The data set keeps its name, whatever the folder is called that holds its files.
    facts = {**pictures.facts, "kind": "named folder", "name": name}
    return replace(pictures, facts=facts)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "se_probe", "data")


# --- digits --------------------------------------------------------------------------


def _digits(split: str, mode: Mode) -> Pictures:
    """Scikit-learn's 1,797 handwritten digits of 8 x 8 pixels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    # 50 or so test digits of each; the same whatever the seed of a run, so that what
    # was trained on is never tested on.
    train, test = train_test_split(
        np.arange(len(digits.target)),
        test_size=_N_DIGITS_TEST,
        stratify=digits.target,
        random_state=0,
    )
    rows = np.sort(train if split == "train" else test)
    all_ids = numbered_ids(len(digits.target), f"{split}/")
    return array_pictures(
        _facts("built-in", "digits", None, split, mode),
        [all_ids[row] for row in rows],
        [str(label) for label in digits.target[rows]],
        # 17 grey levels, 0 to 16.
        np.rint(digits.images[rows] * (255 / 16)).astype(np.uint8),
        mode,
        classes=[str(label) for label in range(10)],
        labels=digits.target[rows],
    )


# --- MNIST and Fashion-MNIST ---------------------------------------------------------


def _mnist(name: str, root: Path, split: str, download: bool) -> _Labelled:
    part = "train" if split == "train" else "t10k"
    files = (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    dataset = _MNIST[name]
    folders = (root / dataset.__name__ / "raw", root)
    found = [_first_file(folders, file) for file in files]
    if None in found and download:
        _download(name, dataset, root, f"{' and '.join(files)} (or .gz)")
        found = [_first_file(folders, file) for file in files]
    paths = [path for path in found if path is not None]
    if len(paths) < len(files):
        raise ImagesError(
            f"{name} is not in {root}: expected {' and '.join(files)}, as they are or "
            f"with .gz, there or in {Path(dataset.__name__, 'raw')} below it"
        )
    pixels, labels = (_read_idx(path) for path in paths)
    if (
        pixels.ndim != 3
        or labels.shape != pixels.shape[:1]
        or labels.max(initial=0) > 9
    ):
        raise ImagesError(
            f"{paths[0]} and {paths[1]} do not belong together; fetch both again"
        )
    class_names = [str(i) for i in range(10)] if name == "mnist" else dataset.classes
    return pixels, labels.tolist(), class_names


def _first_file(folders: tuple[Path, ...], name: str) -> Path | None:
    candidates = (folder / file for folder in folders for file in (name, f"{name}.gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Array of an idx file: two zeros, type 8, number of dims, sizes, bytes."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        if data[:3] != b"\x00\x00\x08":
            raise ValueError("it is not an idx file of bytes")
        shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ImagesError(f"{path} is damaged ({error}); fetch it again") from error


# --- CIFAR ---------------------------------------------------------------------------


def _has_cifar_files(name: str, root: Path) -> bool:
    folder, archive = _CIFAR[name].base_folder, _CIFAR[name].filename
    return Path(root, folder).is_dir() or Path(root, archive).is_file()


def _cifar(name: str, root: Path, split: str, download: bool) -> _Labelled:
    dataset = _CIFAR[name]
    wanted = (
        f"{dataset.filename}, or the folder {dataset.base_folder} that it unpacks to"
    )
    if download or (root / dataset.filename).is_file():
        _download(name, dataset, root, wanted)
    try:
        data = dataset(root, train=split == "train")
    except RuntimeError as error:
        raise ImagesError(
            f"{name} is not in {root}, or it is damaged: expected {wanted}, or folders "
            "of pictures train/CLASS and test/CLASS"
        ) from error
    return data.data, data.targets, data.classes


def _download(name: str, dataset: Any, root: Path, wanted: str) -> None:
    try:
        dataset(root, download=True)
    except (OSError, RuntimeError) as error:
        raise ImagesError(
            f"{name} could not be downloaded. Without a network, put {wanted} into a "
            "folder and name that folder as the root of the data"
        ) from error
