"""Which images may calibrate and which evaluate: never the same."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from se_probe.errors import ImagesError
from se_probe.gates import recorded
from se_probe.images import LabelledImages

__all__ = ["N_CALIBRATING", "evenly", "images_of_record", "keep_apart", "split_images"]

# At most so many images calibrate; in a budget, as many choose the order.
N_CALIBRATING = 1000


def keep_apart(
    record: xr.DataArray, images: LabelledImages
) -> tuple[xr.DataArray, LabelledImages]:
    """Record to calibrate on and images to evaluate on that have no image in common.

    Of the images that are in both, every second one stays in the record, in the order
    of the record; so each class is split evenly where it lies together.

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
            f"{len(shared)} images cannot be split into some to calibrate on and some "
            "to evaluate on; record or give more of them"
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


def split_images(
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
    >>> [len(part) for part in split_images(digits, (0.25, 0.75))]
    [5, 15]
    """
    n = len(images)
    ends = np.rint(n * np.cumsum(shares)).astype(int)
    drawn = np.random.default_rng(seed).permutation(n)
    parts = [sorted(part.tolist()) for part in np.split(drawn, ends[:-1])]
    if not all(parts):
        raise ImagesError(
            f"{n} images cannot be split into {len(parts)} parts; give more of them"
        )
    return [replace(images, pictures=images.pictures.chosen(part)) for part in parts]


def evenly(images: LabelledImages, n: int) -> LabelledImages:
    """At most `n` of some images, evenly spaced in their order.

    Parameters
    ----------
    images : LabelledImages
    n : int

    Returns
    -------
    LabelledImages

    Examples
    --------
    >>> from se_probe.images import default_preprocessing, open_images
    >>> digits = open_images("digits", default_preprocessing("digits"), per_class=2)
    >>> len(evenly(digits, 5)), len(evenly(digits, 50))
    (5, 20)
    """
    if len(images) <= n:
        return images
    positions = np.linspace(0, len(images), n, endpoint=False).astype(int)
    return replace(images, pictures=images.pictures.chosen(positions.tolist()))


def _recorded_ids(record: xr.DataArray) -> set[str]:
    return set(np.asarray(record["image_id"].values)[recorded(record)])
