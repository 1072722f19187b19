"""From numbers along `channel` to numbers along `block`, in network order."""

from typing import TypeVar

import xarray as xr
from xarray.groupers import UniqueGrouper

__all__ = ["block_order", "channel_labels", "sum_by_block"]

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def block_order(labelled: xr.DataArray | xr.Dataset) -> list[str]:
    """Names of the blocks along `channel`, in network order.

    They are read off the channels, not off the provenance, so that a record cut down
    to some of its channels is answered for what it still holds.

    Returns
    -------
    list of str
    """
    return list(dict.fromkeys(labelled["block"].values))


def channel_labels(labelled: xr.DataArray | xr.Dataset) -> dict[str, xr.DataArray]:
    """Coordinates along `channel`: block, stage, position within the block."""
    return {
        str(name): coord
        for name, coord in labelled.coords.items()
        if coord.dims == ("channel",)
    }


def sum_by_block(values: Labelled) -> Labelled:
    """Sum over the channels of each block; NaN where one of them is NaN.

    Parameters
    ----------
    values : xr.DataArray or xr.Dataset, dims (channel,)
        With the coordinate `block`.

    Returns
    -------
    xr.DataArray or xr.Dataset, dims (block,)
        Blocks in network order (a bare ``groupby("block")`` would sort them).
    """
    grouper = UniqueGrouper(labels=block_order(values))
    return values.groupby(block=grouper).sum(skipna=False)
