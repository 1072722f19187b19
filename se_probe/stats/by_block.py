"""From numbers along `channel` to numbers along `block`, in network order."""

from typing import TypeVar

import xarray as xr
from xarray.groupers import UniqueGrouper

__all__ = ["channel_labels", "sum_by_block"]

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


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
        Blocks in the order of the channels (a bare ``groupby("block")`` would sort
        them).
    """
    grouper = UniqueGrouper(labels=list(dict.fromkeys(values["block"].values)))
    return values.groupby(block=grouper).sum(skipna=False)
