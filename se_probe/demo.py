"""End-to-end example on data that comes with the package: train, record, look.

A real SE-ResNet-50 (16 SE blocks, 28 million parameters) learns to tell small pictures
apart that are drawn by code (`scenes`), and its gates are looked at as the paper does.
It shows how the tool is used; drawn pictures say little about photographs.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import xarray as xr

from se_probe.checkpoints import Network
from se_probe.images import open_images
from se_probe.progress import Progress
from se_probe.record import record_gates
from se_probe.training import EpochResult, prepare_training, recipe_for, train_network

__all__ = ["CLASSES", "record_demo", "train_demo"]

CLASSES = ("goldfish", "pug", "plane", "cliff")
_ARCHITECTURE = "se_resnet50"
_DATA = "scenes"
_N_PER_CLASS = 50


def train_demo(
    ckpt: str | Path,
    *,
    seed: int = 0,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> Network:
    """Train the demo's network, or resume training that was stopped.

    Parameters
    ----------
    ckpt : path
        Where the network is kept. Nothing is trained if it is done.
    seed : int, default 0
    threads : int, optional
        CPU threads.
    overwrite : bool, default False
        Start over.
    progress : callable, optional
        Called with how many images are done and how many there are.
    on_epoch : callable, optional
        Called with the result of each epoch.

    Returns
    -------
    Network

    Raises
    ------
    CheckpointError
        If `ckpt` is something else.
    """
    recipe = replace(recipe_for(_ARCHITECTURE, _DATA), seed=seed)
    network, train_images, test_images = prepare_training(_ARCHITECTURE, _DATA, recipe)
    network, _ = train_network(
        network,
        train_images,
        test_images,
        recipe,
        out=ckpt,
        resume=not overwrite,
        overwrite=overwrite,
        threads=threads,
        progress=progress,
        on_epoch=on_epoch,
    )
    return network


def record_demo(
    network: Network,
    out: str | Path | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Record 50 held-out pictures of each class, as many as the paper does.

    Parameters
    ----------
    network : Network
        From :func:`train_demo`.
    out : path, optional
        Where the gate record is kept, written again each time; None keeps it in memory.
    threads : int, optional
        CPU threads.
    progress : callable, optional
        Called with how many images are done and how many there are.

    Returns
    -------
    xr.DataArray, dims (image, channel)
    """
    pictures = open_images(_DATA, network.preprocessing, per_class=_N_PER_CLASS)
    return record_gates(
        network, pictures, out=out, threads=threads, overwrite=True, progress=progress
    )
