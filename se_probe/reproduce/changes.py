"""What a record says it was made with, against what there is now."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from se_probe.checkpoints import Network, weights_sha256
from se_probe.images import LabelledImages
from se_probe.settings import Change, changes

__all__ = [
    "identity_changes",
    "machine_changes",
    "preprocessing_changes",
]

# On the same of these, the same bits; otherwise sums may be taken in another order.
_MACHINE = {
    "device": "device kind",
    "device_name": "device",
    "threads": "number of CPU threads",
    "memory_format": "memory format",
    "torch": "torch version",
    "torchvision": "torchvision version",
    "timm": "timm version",
    "se_probe": "se_probe version",
}
_IDENTITY = {
    "sha256": "checkpoint (sha256)",
    "architecture": "architecture",
    "label_set": "class names",
}


def identity_changes(
    record: xr.DataArray,
    now: Mapping[str, Any],
    network: Network,
    images: LabelledImages,
) -> tuple[Change, ...]:
    """Changes of what may not change: the network and the list of images.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    now : mapping
        Attributes of what was recorded again.
    network : Network
    images : LabelledImages
        All that there are now.

    Returns
    -------
    tuple of Change
    """
    if not record.attrs.get("checkpoint"):  # then the sha256 is that of the weights
        now = {**now, "sha256": weights_sha256(network.model)}
    return changes(_IDENTITY, record.attrs, now) + _image_list(record, images)


def machine_changes(
    then: Mapping[str, Any], now: Mapping[str, Any], images: LabelledImages
) -> tuple[Change, ...]:
    """Changes of what decides the rounding: device, threads, versions.

    Parameters
    ----------
    then, now : mapping
        Attributes of the record, and of what was recorded again.
    images : LabelledImages

    Returns
    -------
    tuple of Change
    """
    decoder = {"decoder": "image decoder"}
    return changes(_MACHINE, then, now) + changes(
        decoder, then["images"], images.source
    )


def preprocessing_changes(
    then: Mapping[str, Any], network: Network
) -> tuple[Change, ...]:
    """What a checkpoint says otherwise of its images than the record.

    The side of the images is left out, which `--image-size` sets for a record.

    Parameters
    ----------
    then : mapping
        The record's attributes.
    network : Network

    Returns
    -------
    tuple of Change
    """
    own = network.preprocessing.as_dict()
    words = {k: f"preprocessing ({k})" for k in own if k != "input_size"}
    return changes(words, then["preprocessing"], own)


def _image_list(record: xr.DataArray, images: LabelledImages) -> tuple[Change, ...]:
    then, now = record.attrs["images"], images.source
    if then["sha256"] == now["sha256"]:
        return ()
    ids = [str(name) for name in record["image_id"].values]
    gone = sorted(set(ids) - set(images.image_ids))
    new = sorted(set(images.image_ids) - set(ids))
    said = [
        f"{len(names)} {what} (first: {names[0]})"
        for names, what in ((gone, "missing"), (new, "new"))
        if names
    ]
    return (
        Change(
            "image list",
            f"{then['n_images']} of {then['name']}",
            f"{now['n_images']}: {', '.join(said) or 'other classes or order'}",
        ),
    )
