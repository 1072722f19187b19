"""The same images and SE blocks in two gate records, side by side."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import (
    Channels,
    State,
    block_channels,
    block_names,
    recorded,
    row_batches,
)
from se_probe.sampling import some_of_each_class
from se_probe.stats.moments import require_images

__all__ = ["MatchedRecords", "match_records"]


@dataclass(frozen=True, eq=False)
class MatchedRecords:
    """Two records with the same images in the same order, and the same blocks.

    Parameters
    ----------
    first, second : xr.DataArray, dims (image, channel)
        In memory; rows in state `RECORDED`.
    blocks : tuple of str
        Blocks of both, in network order.
    only_first, only_second : tuple of str
        Blocks that the other record does not hold.
    n_common : int
        Images that both records hold.
    n_other : tuple of int
        Images of each that the other does not hold.
    """

    first: xr.DataArray
    second: xr.DataArray
    blocks: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    n_common: int
    n_other: tuple[int, int]


def match_records(
    first: xr.DataArray, second: xr.DataArray, max_images: int | None = None
) -> MatchedRecords:
    """Match two records by image and by block.

    Parameters
    ----------
    first, second : xr.DataArray, dims (image, channel)
        Gate records; only rows in state `RECORDED` count.
    max_images : int, optional
        Of more common images, about as many are taken, evenly from each class.

    Returns
    -------
    MatchedRecords

    Raises
    ------
    GateRecordError
        If no image, or no SE block, is in both records; if an image has another class
        in the other record, or an id occurs twice.
    """
    rows = _common_rows(first, second)
    names, others = block_names(first), block_names(second)
    blocks = tuple(name for name in names if name in others)
    if not blocks:
        raise GateRecordError(
            "the two records have no SE block in common: the first holds "
            f"{_ends(names)}, the second {_ends(others)}"
        )
    n_common = len(rows)
    if max_images is not None and n_common > max_images:
        rows = rows[_sample(first, rows, max_images)]
    return MatchedRecords(
        _loaded(first, rows[:, 0], blocks),
        _loaded(second, rows[:, 1], blocks),
        blocks,
        tuple(name for name in names if name not in blocks),
        tuple(name for name in others if name not in blocks),
        n_common,
        (
            int(recorded(first).sum()) - n_common,
            int(recorded(second).sum()) - n_common,
        ),
    )


def _common_rows(first: xr.DataArray, second: xr.DataArray) -> npt.NDArray[np.intp]:
    """Positions of the images that both recorded, shape (n_common, 2)."""
    places = [_places(first), _places(second)]
    both = [name for name in places[0] if name in places[1]]
    if not both:
        ids = [next(iter(each)) for each in places]
        raise GateRecordError(
            "the two records have no image in common: the first holds images such as "
            f"{ids[0]}, the second such as {ids[1]}. Images are matched by their path "
            "below the folder of --data, or by their index in the data set"
        )
    rows = np.array([[each[name] for each in places] for name in both], dtype=np.intp)
    classes = [
        record["class_name"].values[rows[:, side]].astype(str)
        for side, record in enumerate((first, second))
    ]
    differ = np.flatnonzero(classes[0] != classes[1])
    if len(differ):
        k = differ[0]
        raise GateRecordError(
            f"{len(differ):,} of {len(rows):,} images with the same id are of another "
            f"class in the second record (first: {both[k]}, {classes[0][k]} and "
            f"{classes[1][k]}): these are not the same images"
        )
    return rows


def _places(record: xr.DataArray) -> dict[str, int]:
    require_images(record)
    rows = np.flatnonzero(recorded(record))
    ids = record["image_id"].values[rows].tolist()
    places = dict(zip(ids, rows.tolist(), strict=True))
    if len(places) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise GateRecordError(
            f"a record holds the image {twice} more than once, so that its images "
            "cannot be matched by their ids"
        )
    return places


def _sample(
    record: xr.DataArray, rows: npt.NDArray[np.intp], max_images: int
) -> list[int]:
    """Positions among the common rows, as many of each class as fit."""
    names = record["class_name"].values[rows[:, 0]].astype(str)
    n_each = max(1, max_images // len(set(names)))
    ids = [str(name) for name in record["image_id"].values[rows[:, 0]]]
    return some_of_each_class(ids, names.tolist(), {}, n_each)


def _loaded(
    record: xr.DataArray, rows: npt.NDArray[np.intp], blocks: tuple[str, ...]
) -> xr.DataArray:
    """Some rows of some blocks, read in slices, in the order of `rows`."""
    state = np.full(record.sizes["image"], State.SKIPPED, np.uint8)
    state[rows] = State.RECORDED
    chosen = record.assign_coords(state=("image", state))
    every = np.arange(record.sizes["channel"])
    positions = np.concatenate([every[block_channels(record, name)] for name in blocks])
    # A slice reads faster than positions.
    is_whole = np.array_equal(positions, every)
    channels: Channels = slice(0, len(every)) if is_whole else positions
    read = xr.concat(list(row_batches(chosen, channels)), dim="image")
    place = np.argsort(np.argsort(rows))
    return read.isel(image=place).assign_attrs(record.attrs)


def _ends(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
