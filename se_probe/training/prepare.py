"""From the names of an architecture and a data set to what can be trained."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from se_probe.checkpoints import Network, build_network
from se_probe.errors import ImagesError
from se_probe.images import (
    DATASET_NAMES,
    LabelledImages,
    Preprocessing,
    Workers,
    default_preprocessing,
    open_images,
)
from se_probe.running import pick_device
from se_probe.training.recipes import Recipe

__all__ = ["check_is_split", "prepare_training"]

# Of open_images only; training draws its own batches.
_READING_BATCH = 100


def prepare_training(
    arch: str,
    data: str | Path,
    recipe: Recipe,
    *,
    root: str | Path | None = None,
    workers: Workers = 0,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
) -> tuple[Network, LabelledImages, LabelledImages]:
    """Network with random weights, its training images and its held-out images.

    The network gets one output for each class of the training images, in the order of
    their sorted names, and the preprocessing of the data set where it has one that the
    network can take.

    Parameters
    ----------
    arch : str
        As in :func:`~se_probe.checkpoints.build_network`.
    data : str or Path
        As in :func:`~se_probe.images.open_images`: a name, or a folder with ``train``
        and ``test`` (or ``val``).
    recipe : Recipe
        Its seed makes the weights; `per_class` limits the training images.
    root : str or Path, optional
        Folder that holds the files of a named data set.
    workers : int or "auto", default 0
        Processes that read images.
    device : str, default "cpu"
        "auto", "cpu", "cuda" or "cuda:1".
    options : mapping, optional
        Further arguments of the architecture.

    Returns
    -------
    network : Network
    train_images, test_images : LabelledImages

    Raises
    ------
    ArchitectureError
        If there is no such architecture, or it does not take the options.
    ImagesError
        If the images are not there, or are not split in two.
    UsageError
        If the device is not there.
    """
    target = pick_device(device)
    plain = build_network(arch, options=options)
    preprocessing = _preprocessing(plain, data)

    def opened(split: str, per_class: int | None) -> LabelledImages:
        return open_images(
            data,
            preprocessing,
            batch_size=_READING_BATCH,
            workers=workers,
            root=root,
            split=split,
            per_class=per_class,
        )

    train, test = opened("train", recipe.per_class), opened("test", None)
    check_is_split(train)
    names = sorted(set(train.class_names))
    network = build_network(arch, class_names=names, seed=recipe.seed, options=options)
    model = network.model.to(target)
    return replace(network, model=model, preprocessing=preprocessing), train, test


def _preprocessing(network: Network, data: str | Path) -> Preprocessing:
    """The data set's own, where the network takes such images; else the network's."""
    own = network.preprocessing
    if data not in DATASET_NAMES:
        return own
    of_data = default_preprocessing(str(data))
    has_fixed_size = own.input_size == (1, 28, 28)
    channels_differ = of_data.input_size[0] != own.input_size[0]
    if channels_differ or (has_fixed_size and of_data.input_size != own.input_size):
        return own
    return of_data


def check_is_split(train_images: LabelledImages) -> None:
    """Check that training images come from a source with held-out ones beside them.

    Raises
    ------
    ImagesError
        If they come from a folder of classes only.
    """
    if train_images.source["split"] is None:
        raise ImagesError(
            f"{train_images.source['path']} holds classes but not train and test: a "
            "network is tested on images that it was not trained on, so move them into "
            "train/CLASS and test/CLASS"
        )
