"""The numbers of every block, along the network."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.gates import block_channels, block_facts, match_blocks
from se_probe.progress import Progress
from se_probe.stats import block_summary

__all__ = ["depth_profile"]


def depth_profile(
    record: xr.DataArray,
    moments: xr.Dataset | None = None,
    *,
    blocks: str | Sequence[str] | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Every statistic of every block, from the input of the network to its output.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record; separability reads all of its rows.
    moments : xr.Dataset, optional
        The record's moments, where they are known already; spares one pass.
    blocks : str or sequence of str, optional
        Names, module paths or globs of either, such as "SE_5_*"; all by default. Of
        other blocks nothing is computed.
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    xr.Dataset, dims (block,)
        See :func:`~se_probe.stats.block_summary`.

    Raises
    ------
    BlockNameError
        If a name means no block.
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.
    """
    if blocks is not None:
        patterns = [blocks] if isinstance(blocks, str) else blocks
        record = record.isel(channel=_channels(record, patterns))
        if moments is not None:
            moments = moments.isel(channel=_channels(moments, patterns))
    return block_summary(record, moments, progress=progress)


def _channels(
    source: xr.DataArray | xr.Dataset, patterns: Sequence[str]
) -> npt.NDArray[np.intp]:
    every = np.arange(source.sizes["channel"])
    names = match_blocks(patterns, block_facts(source))
    return np.concatenate([every[block_channels(source, name)] for name in names])
