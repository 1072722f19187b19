"""The images to run a network over, where they need not be named."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from se_probe.cache import remembered_root
from se_probe.checkpoints import Network
from se_probe.errors import ImagesError
from se_probe.images import LabelledImages, open_images

__all__ = ["open_images_of"]


def open_images_of(
    network: Network,
    data: str | Path | None = None,
    *,
    root: str | Path | None = None,
    image_size: int | None = None,
    input_shape: Sequence[int] | None = None,
    **options: Any,
) -> LabelledImages:
    """Images for a network, prepared as it needs them.

    Parameters
    ----------
    network : Network
    data : str or Path, optional
        An image folder or the name of a data set. Default: what the network was trained
        on, as its checkpoint says it, else `$SE_PROBE_DATA`.
    root : str or Path, optional
        Folder with the files of a named data set. Default: that of the training, where
        this machine did it.
    image_size : int, optional
        Side of the input. Default: the network's own.
    input_shape : sequence of int, optional
        Its whole shape instead.
    **options
        Of :func:`~se_probe.images.open_images`.

    Returns
    -------
    LabelledImages

    Raises
    ------
    ImagesError
        If it is not known which images, or they are not there.
    """
    source, root = _source(network, data, root)
    preprocessing = network.preprocessing.resized(image_size, input_shape)
    return open_images(source, preprocessing, root=root, **options)


def _source(
    network: Network, data: str | Path | None, root: str | Path | None
) -> tuple[str | Path, str | Path | None]:
    trained_on = network.provenance.data
    if data is not None:
        is_same = trained_on is not None and data == trained_on.get("name")
        return data, root or (_root(network, trained_on) if is_same else None)
    if trained_on:
        path = trained_on.get("path")
        if trained_on.get("kind") == "shards" and path:
            return str(path), None
        if trained_on.get("kind") != "folder":
            return str(trained_on["name"]), root or _root(network, trained_on)
        if path and Path(path).is_dir():
            return Path(path), None
    from_environment = os.environ.get("SE_PROBE_DATA")
    if from_environment:
        return from_environment, root
    raise ImagesError(
        "which images? The checkpoint does not say what it was trained on (or it is no "
        "longer there); give --data with an image folder or a data set, or set "
        "SE_PROBE_DATA"
    )


def _root(network: Network, trained_on: Mapping[str, Any] | None) -> str | None:
    said = (trained_on or {}).get("path")
    return said or remembered_root(network.provenance.sha256)
