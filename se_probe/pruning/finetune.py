"""Mend a pruned network by a short training."""

from collections.abc import Callable

from se_probe.checkpoints import Network
from se_probe.images import LabelledImages
from se_probe.training import (
    EpochResult,
    History,
    check_is_split,
    finetuning_recipe,
    train_network,
)

__all__ = ["finetune"]


def finetune(
    network: Network,
    train_images: LabelledImages,
    test_images: LabelledImages,
    epochs: int,
    *,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> tuple[Network, History]:
    """Train a pruned network's model on, in place, with a small learning rate.

    Parameters
    ----------
    network : Network
        Its provenance goes on telling what was removed.
    train_images, test_images : LabelledImages
        Both splits of one source, with classes of the network.
    epochs : int
    seed : int, default 0
    threads : int, optional
        CPU threads. Default: as torch is set.
    progress, on_epoch : callable, optional
        As for :func:`~se_probe.training.train_network`.

    Returns
    -------
    network : Network
    history : list of EpochResult

    Raises
    ------
    ImagesError
        If the images are not split in two, or cannot be read.
    UsageError
        If they are not of the network's classes and preprocessing, or `epochs` is
        below 1.
    SEProbeError
        If the loss is no longer a number.
    """
    check_is_split(train_images)
    return train_network(
        network,
        train_images,
        test_images,
        finetuning_recipe(epochs, seed),
        threads=threads,
        progress=progress,
        on_epoch=on_epoch,
    )
