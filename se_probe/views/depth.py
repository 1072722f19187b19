"""The numbers of every block, along the network."""

import xarray as xr

from se_probe.progress import Progress
from se_probe.stats import block_summary

__all__ = ["depth_profile"]


def depth_profile(
    record: xr.DataArray,
    moments: xr.Dataset | None = None,
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Every statistic of every block, from the input of the network to its output.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record; separability reads all of its rows.
    moments : xr.Dataset, optional
        The record's moments, where they are known already; spares one pass.
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    xr.Dataset, dims (block,)
        See :func:`~se_probe.stats.block_summary`.

    Raises
    ------
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.
    """
    return block_summary(record, moments, progress=progress)
