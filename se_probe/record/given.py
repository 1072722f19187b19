"""What a reader gives to be recorded: wrapped as the commands would wrap it."""

from pathlib import Path
from typing import Any, cast

from torch import nn
from torch.utils.data import Dataset

from se_probe.checkpoints import Network, preprocessing_of
from se_probe.images import LabelledImages, Preprocessing, open_images

__all__ = ["Images", "as_given"]

Images = LabelledImages | Dataset[Any] | str | Path


def as_given(
    network: Network | nn.Module,
    images: Images,
    preprocessing: Preprocessing | None = None,
) -> tuple[Network, LabelledImages]:
    """A network and labelled images, from a bare module or Dataset too.

    Parameters
    ----------
    network : Network or nn.Module
    images : LabelledImages, torch Dataset, or what :func:`open_images` takes
    preprocessing : Preprocessing, optional
        How pictures are prepared. Default: the network's own, where it is known.

    Returns
    -------
    network : Network
    images : LabelledImages

    Raises
    ------
    ImagesError
        If pictures have to be prepared, and nothing says how.
    UsageError
        If the images cannot be opened.
    """
    if isinstance(network, Network):
        preprocessing = preprocessing or network.preprocessing
    elif hasattr(network, "pretrained_cfg"):
        preprocessing = preprocessing or preprocessing_of("", network)
    # Whatever gives batches itself is left as it is.
    opened = (
        cast(LabelledImages, images)
        if hasattr(images, "batches")
        else open_images(cast(Any, images), preprocessing)
    )
    if not isinstance(network, Network):
        network = Network(network, opened.preprocessing)
    return network, opened
