"""The gates of one block in two records beside each other, and their difference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.views.rows import MAX_ROWS, sorted_rows

__all__ = ["RecordPair", "paired_rows"]


@dataclass(frozen=True, eq=False)
class RecordPair:
    """Two records of the same images.

    Parameters
    ----------
    first, second : xr.DataArray, dims (image, channel)
    labels : tuple of str
        What the records are called, as in "run 1, seed 0".
    is_in_order : bool
        Whether channel `k` means the same in both. Otherwise the channels of each are
        sorted by their mean gate before they are compared.
    """

    first: xr.DataArray
    second: xr.DataArray
    labels: tuple[str, str]
    is_in_order: bool


def paired_rows(
    pair: RecordPair, blocks: Sequence[str] | None = None, *, max_rows: int = MAX_ROWS
) -> xr.Dataset:
    """Gates of two records, row by row, and their difference.

    Parameters
    ----------
    pair : RecordPair
    blocks : sequence of str, optional
        Names, module paths or globs; :func:`default_blocks` otherwise.
    max_rows : int, default 300
        As for :func:`sorted_rows`.

    Returns
    -------
    xr.Dataset, dims (row, channel)
        `first`, `second` and `difference` (second - first), with the coordinates of
        :func:`sorted_rows`. Where the channels are not in order, they are sorted within
        each block by their mean gate in each record, the largest first, and `channel`
        is the rank. As attributes `labels`, `is_in_order`, `channel_order`
        and `images_per_row`.

    Raises
    ------
    BlockNameError
        If a name means no block.
    GateRecordError
        If the records do not hold the same images.
    """
    first, second = (
        sorted_rows(record, blocks=blocks, max_rows=max_rows)
        for record in (pair.first, pair.second)
    )
    if not np.array_equal(first["n_images"].values, second["n_images"].values):
        raise GateRecordError(
            "two records are drawn beside each other for the same images only"
        )
    one, other = first.values, second.values
    if not pair.is_in_order:
        one, other = _by_mean_gate(first), _by_mean_gate(second)
    dims = ("row", "channel")
    gates = {"first": (dims, one), "second": (dims, other)}
    return xr.Dataset(
        gates | {"difference": (dims, other - one)},
        coords=first.coords,
        attrs={
            "labels": list(pair.labels),
            "is_in_order": pair.is_in_order,
            "channel_order": "index" if pair.is_in_order else "mean",
            "images_per_row": first.attrs["images_per_row"],
        },
    )


def _by_mean_gate(
    rows: xr.DataArray,
) -> npt.NDArray[np.float64]:
    """Gates with the channels of each block sorted by their mean, largest first."""
    block_of = rows["block"].values
    blocks = list(dict.fromkeys(block_of))
    position = np.array([blocks.index(block) for block in block_of])
    order = np.lexsort((-rows.values.mean(axis=0), position))
    return np.asarray(rows.values[:, order])
