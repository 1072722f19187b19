"""From what the user names to labelled images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from se_probe.errors import ImagesError, UsageError
from se_probe.images.batches import LabelledImages, LabelOrder
from se_probe.images.datasets import dataset_pictures
from se_probe.images.factories import factory_pictures, is_factory
from se_probe.images.folders import folder_pictures
from se_probe.images.named import named_pictures
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Preprocessing
from se_probe.images.reading import Workers
from se_probe.images.scenes import scene_pictures
from se_probe.images.shards import find_shards, shard_pictures

__all__ = ["DATASET_NAMES", "open_images", "reopen_images"]

DATASET_NAMES = ("scenes", "digits", "mnist", "fashion-mnist", "cifar10", "cifar100")


def open_images(
    source: str | Path | Dataset[Any],
    preprocessing: Preprocessing | None = None,
    *,
    batch_size: int = 32,
    workers: Workers = 0,
    root: str | Path | None = None,
    split: str = "test",
    per_class: int | None = None,
    seed: int = 0,
    label_order: LabelOrder | None = None,
) -> LabelledImages:
    """Labelled images of a folder, a named data set or a torch Dataset.

    Parameters
    ----------
    source : str, Path or torch.utils.data.Dataset
        An image folder with one subfolder per class (or splits, such as ``train`` and
        ``test``, with such subfolders); tar files of WebDataset's layout, as a pattern
        such as ``shards/*.tar`` or their folder; or a name: "scenes" (pictures drawn by
        code), "digits", "mnist", "fashion-mnist", "cifar10", "cifar100"; or any
        map-style Dataset of (image, label) or (tensor of any shape, label), or the name
        of a function that makes one, "package.module:factory". A tuple or dict of
        tensors in place of one is given to the network as its several inputs; whole
        items may be dicts too, {"image": ..., "label": ...}. A folder that is called
        like a data set is given as a Path.
    preprocessing : Preprocessing, optional
        The network's own. Tensors are given to the network as they are, and need none.
    batch_size : int, default 32
    workers : int or "auto", default 0
        Processes that read ahead; the pixels do not depend on it.
    root : str or Path, optional
        Folder that holds the files of a named data set; by default torchvision
        downloads them.
    split : str, default "test"
        "train", "test" (what is held out, so the validation split where there is no
        other), or the name of a folder's split.
    per_class : int, optional
        At most so many images of each class, chosen evenly; "scenes" draws exactly so
        many.
    seed : int, default 0
        Which pictures "scenes" draws.
    label_order : {"index", "sorted", "name"}, optional
        Which output of the network each class is; see :class:`LabelledImages`. Told
        by :func:`label_images` where it is not given.

    Returns
    -------
    LabelledImages

    Raises
    ------
    ImagesError
        If the source is not there or holds no images.
    UsageError
        If an argument is invalid.

    Examples
    --------
    >>> from se_probe.images import default_preprocessing
    >>> images = open_images("digits", default_preprocessing("digits"), per_class=3)
    >>> len(images), images.n_batches, images.batch(0).shape
    (30, 1, torch.Size([32, 1, 28, 28]))
    """
    pictures = _pictures(
        source,
        preprocessing,
        root=root,
        split=split,
        per_class=per_class,
        seed=seed,
    )
    return LabelledImages(
        pictures,
        _as_used(preprocessing, pictures),
        batch_size,
        workers,
        label_order,
    )


def reopen_images(
    source: Mapping[str, Any],
    preprocessing: Preprocessing,
    *,
    batch_size: int = 32,
    workers: Workers = 0,
    same_list: bool = True,
    factory: str | None = None,
) -> LabelledImages:
    """The very images that a record says it was made from.

    Parameters
    ----------
    source : mapping
        `LabelledImages.source`, as it was then.
    preprocessing : Preprocessing
    batch_size : int, default 32
    workers : int or "auto", default 0
    same_list : bool, default True
        Refuse a list of images that is no longer the same.
    factory : str, optional
        The function "package.module:factory" that may run to make a torch Dataset.

    Returns
    -------
    LabelledImages

    Raises
    ------
    ImagesError
        If the list of images may not differ and does, or came from a torch Dataset.
    """
    name, path = str(source["name"]), source["path"]
    if source["kind"] == "dataset" and path is not None and factory is None:
        # A name in a file must not be enough to run code.
        raise ImagesError(
            f"the images came from the function {path}; to allow it to run, give it "
            f"as the data again"
        )
    if source["kind"] == "dataset" and path is None:
        raise ImagesError(
            f"the images came from a torch Dataset ({name}), which only the program "
            "that made it can open again"
        )
    places: dict[Any, str | Path] = {
        "folder": Path(path or "."),
        "shards": str(path),
        "dataset": str(factory),
    }
    pictures = _pictures(
        places.get(source["kind"], name),
        preprocessing,
        root=path,
        split=source["split"] or "test",
        per_class=source.get("per_class"),
        seed=source.get("seed", 0),
    )
    for choice in source.get("taken", ()):
        pictures = pictures.take(**choice)
    if same_list and pictures.fingerprint() != source["sha256"]:
        raise ImagesError(
            f"the images of {path or name} are no longer those that were recorded: "
            f"{source['n_images']} then, {len(pictures)} now, or other names or classes"
        )
    return LabelledImages(
        pictures,
        _as_used(preprocessing, pictures),
        batch_size,
        workers,
        source.get("label_order"),
    )


def _as_used(preprocessing: Preprocessing | None, pictures: Pictures) -> Preprocessing:
    """The preprocessing, with the shape of what is given as it is."""
    if not pictures.shape:  # pictures, or numbers without an axis
        return preprocessing or Preprocessing()
    return (preprocessing or Preprocessing()).resized(shape=pictures.shape)


def _pictures(
    source: str | Path | Dataset[Any],
    preprocessing: Preprocessing | None,
    *,
    root: str | Path | None,
    split: str,
    per_class: int | None,
    seed: int,
) -> Pictures:
    is_folder = isinstance(source, Path) or source not in DATASET_NAMES
    if split not in {"train", "test"} and not is_folder:
        raise UsageError(f"the split of {source} must be train or test, got {split!r}")
    if per_class is not None and per_class < 1:
        raise UsageError(f"per_class must be at least 1, got {per_class}")
    if isinstance(source, str) and is_factory(source):
        pictures = factory_pictures(source, preprocessing)
    elif not isinstance(source, str | Path):
        pictures = dataset_pictures(source, preprocessing)
    elif preprocessing is None:
        raise UsageError(
            f"the pictures of {source} have to be prepared as the network takes them: "
            "give its preprocessing"
        )
    elif source == "scenes":
        return scene_pictures(split, per_class, seed, preprocessing.mode)
    elif source in DATASET_NAMES:
        pictures = named_pictures(str(source), root, split, preprocessing.mode)
    elif shards := find_shards(source):
        pictures = shard_pictures(source, shards, preprocessing.mode)
    else:
        _check_exists(source)
        pictures = folder_pictures(source, split, preprocessing.mode)
    return pictures if per_class is None else pictures.take({}, per_class)


def _check_exists(source: str | Path) -> None:
    if not Path(source).expanduser().exists():
        raise ImagesError(
            f"there is no image folder {str(source)!r}, and no data set of that name; "
            f"the data sets are {', '.join(DATASET_NAMES)}. A torch Dataset is given "
            "as package.module:factory"
        )
