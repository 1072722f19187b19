"""Images and records that belong together, and images that must be kept apart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from se_probe.blocks import FoundBlock, unwrap
from se_probe.checkpoints import Network, weights_sha256
from se_probe.errors import GateRecordError, ImagesError, UsageError
from se_probe.gates import block_facts, recorded
from se_probe.images import LabelledImages

__all__ = [
    "check_apart",
    "check_record_of",
    "check_weights",
    "images_of_record",
    "keep_apart",
    "part_images",
]


def check_weights(network: Network, record: xr.DataArray) -> None:
    """Check that a gate record was made with the weights of this network.

    A record that does not say of which weights it is passes.

    Raises
    ------
    GateRecordError
        If it was made with other weights.
    """
    theirs, own = str(record.attrs.get("sha256", "")), network.provenance
    # A network from a file is known by the file's hash, one without by its weights'.
    is_own = theirs in {"", own.sha256}
    if not is_own and theirs != weights_sha256(unwrap(network.model)):
        origin = record.attrs.get("checkpoint") or record.attrs.get("architecture")
        raise GateRecordError(
            f"the gate record is of other weights ({origin or 'unnamed'}, sha256 "
            f"{theirs[:12]}...) than {own.checkpoint or 'this network'} (sha256 "
            f"{own.sha256[:12] or 'of no file'}...). Record this network, or give the "
            "record's checkpoint"
        )


def check_record_of(
    network: Network, record: xr.DataArray, blocks: Sequence[FoundBlock]
) -> None:
    """Check that a gate record is one of this network.

    Parameters
    ----------
    network : Network
    record : xr.DataArray, dims (image, channel)
    blocks : sequence of FoundBlock
        Those needed; the record may hold more.

    Raises
    ------
    GateRecordError
        If it was made with other weights, or lacks one of the blocks.
    """
    check_weights(network, record)
    facts = {fact["name"]: fact for fact in block_facts(record)}
    for block in blocks:
        fact = facts.get(block.name, {})
        # Names follow the size of the images in networks that are not ResNet-shaped.
        is_same = fact.get("path", block.path) == block.path
        if not is_same or fact.get("channels") != block.channels:
            raise GateRecordError(
                f"expected {block.channels} gates of {block.name} ({block.path}) in "
                f"the record, got {_described(fact)}. Record this network"
            )


def check_apart(record: xr.DataArray, images: LabelledImages) -> None:
    """Check that no image to be judged on was calibrated on.

    Raises
    ------
    UsageError
        If the recorded images and `images` share one.
    """
    shared = _recorded_ids(record).intersection(images.image_ids)
    if shared:
        raise UsageError(
            f"{len(shared)} of the {len(images)} images to judge on are in the gate "
            f"record too (such as {min(shared)}), and constants look better on images "
            "that they come from. Give other images, or part them with keep_apart()"
        )


def keep_apart(
    record: xr.DataArray, images: LabelledImages
) -> tuple[xr.DataArray, LabelledImages]:
    """Record to calibrate on and images to judge on that have no image in common.

    Of the images that are in both, every second one stays in the record, in the order
    of the record; so each class is parted evenly where it lies together.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    images : LabelledImages

    Returns
    -------
    record : xr.DataArray, dims (image, channel)
    images : LabelledImages

    Raises
    ------
    ImagesError
        If either is left without images.
    """
    shared = _recorded_ids(record).intersection(images.image_ids)
    ids = record["image_id"].values
    in_order = [image_id for image_id in ids if image_id in shared]
    calibrating, judging = set(in_order[::2]), set(in_order[1::2])
    kept = [i for i, name in enumerate(images.image_ids) if name not in calibrating]
    part = record.isel(image=[image_id not in judging for image_id in ids])
    if not kept or not recorded(part).any():
        raise ImagesError(
            f"{len(shared)} images cannot be parted into some to calibrate on and some "
            "to judge on; record or give more of them"
        )
    return part, replace(images, pictures=images.pictures.chosen(kept))


def images_of_record(
    record: xr.DataArray, images: LabelledImages
) -> LabelledImages | None:
    """Those images that are in a gate record, if they are all of the record's.

    Returns
    -------
    LabelledImages or None
        In the order of `images`.
    """
    ids = _recorded_ids(record)
    kept = [i for i, name in enumerate(images.image_ids) if name in ids]
    if len(kept) < len(ids):
        return None
    return replace(images, pictures=images.pictures.chosen(kept))


def part_images(
    images: LabelledImages, shares: Sequence[float], seed: int = 0
) -> list[LabelledImages]:
    """Disjoint parts of some images, drawn at random.

    Parameters
    ----------
    images : LabelledImages
    shares : sequence of float
        What each part gets, above 0; together 1.
    seed : int, default 0

    Returns
    -------
    list of LabelledImages
        One part per share, each in the order of `images`.

    Raises
    ------
    ImagesError
        If a part is left without images.

    Examples
    --------
    >>> from se_probe.images import default_preprocessing, open_images
    >>> digits = open_images("digits", default_preprocessing("digits"), per_class=2)
    >>> [len(part) for part in part_images(digits, (0.25, 0.75))]
    [5, 15]
    """
    n = len(images)
    ends = np.rint(n * np.cumsum(shares)).astype(int)
    drawn = np.random.default_rng(seed).permutation(n)
    parts = [sorted(part.tolist()) for part in np.split(drawn, ends[:-1])]
    if not all(parts):
        raise ImagesError(
            f"{n} images cannot be parted into {len(parts)} parts; give more of them"
        )
    return [replace(images, pictures=images.pictures.chosen(part)) for part in parts]


def _described(fact: Mapping[str, Any]) -> str:
    where = f" of {fact['path']}" if "path" in fact else ""
    return f"{fact['channels']}{where}" if fact else "none"


def _recorded_ids(record: xr.DataArray) -> set[str]:
    return set(np.asarray(record["image_id"].values)[recorded(record)])
