"""The numbers along the network, block by block, kept where there are any."""

from collections.abc import Callable
from pathlib import Path

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
    """View along the network, one block after the other, so that memory stays small.

    What was computed before and kept beside the record (by `plot` or here) is used.

    Parameters
    ----------
    store : BlockStore
        Its gates in memory are left alone: reading all blocks would push them out.
    path : path, optional
        Where the record lies.
    tell : callable, optional
        Called after each block.

    Returns
    -------
    xr.Dataset, dims (block,)
        See :func:`~se_probe.views.depth_profile`.
    """
    record = store.record

    def computed() -> xr.Dataset:
        parts: list[xr.Dataset] = []
        for block in block_names(record):
            part = record.isel(channel=block_channels(record, block))
            parts.append(depth_profile(part))
            if tell is not None:
                tell(xr.concat(parts, "block", data_vars="all", join="exact"))
        return xr.concat(parts, "block", data_vars="all", join="exact").assign_attrs(
            record.attrs
        )

    view = Kept(record, path).get("depth", computed)
    if tell is not None:
        tell(view)
    return view
