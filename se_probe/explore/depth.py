"""The numbers along the network, block by block, kept where there are any."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.explore.blocks import BlockStore
from se_probe.gates import block_channels, block_names
from se_probe.stats import Kept
from se_probe.views import depth_profile

__all__ = ["Tell", "depth_by_block"]

# Called with the view of the blocks that are done.
Tell = Callable[[xr.Dataset], None]


def depth_by_block(
    store: BlockStore, path: str | Path | None = None, tell: Tell | None = None
) -> xr.Dataset:
    """View along the network, a few blocks at a time, so that memory stays small.

    What was computed before and kept beside the record (by `plot` or here) is used.

    Parameters
    ----------
    store : BlockStore
        Its gates in memory are left alone: reading all blocks would push them out.
    path : path, optional
        Where the record lies.
    tell : callable, optional
        Called after each group of blocks.

    Returns
    -------
    xr.Dataset, dims (block,)
        See :func:`~se_probe.views.depth_profile`.
    """
    record = store.record

    def computed() -> xr.Dataset:
        parts: list[xr.Dataset] = []
        for channels in _groups(record):
            part = record.isel(channel=channels)
            # Between two slices of rows, whoever looks at a view comes first.
            parts.append(depth_profile(part, progress=lambda *_: store.give_way()))
            if tell is not None:
                tell(xr.concat(parts, "block", data_vars="all", join="exact"))
        return xr.concat(parts, "block", data_vars="all", join="exact").assign_attrs(
            record.attrs
        )

    view = Kept(record, path).get("depth", computed)
    if tell is not None:
        tell(view)
    return view


def _groups(record: xr.DataArray) -> Iterator[npt.NDArray[np.intp]]:
    """Channels of some blocks in a row, together no wider than the widest block.

    Every group is a pass over the record, and takes memory by its channels.

    Yields
    ------
    np.ndarray of int
    """
    every = np.arange(record.sizes["channel"])
    blocks = [every[block_channels(record, name)] for name in block_names(record)]
    widest = max(len(own) for own in blocks)
    group = blocks[0]
    for own in blocks[1:]:
        if len(group) + len(own) > widest:
            yield group
            group = own
        else:
            group = np.concatenate([group, own])
    yield group
