"""How many gates have run into the ends of their range."""

import numpy as np
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import row_batches
from se_probe.stats.by_block import channel_labels, sum_by_block
from se_probe.stats.moments import require_images

__all__ = ["MARGIN", "saturation"]

MARGIN = 0.05


def saturation(record: xr.DataArray, margin: float = MARGIN) -> xr.Dataset:
    """Share of gate values close to 0 and close to 1, for each block.

    Two numbers and never one: a block with all gates at 1 is the identity, one with
    gates at 0 and at 1 is a fixed choice of channels.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    margin : float, default 0.05
        Distance from 0 or 1 that still counts as saturated.

    Returns
    -------
    xr.Dataset, dims (block,)
        `closed` (gate <= margin) and `open` (gate >= 1 - margin), fractions between 0
        and 1, blocks in network order. Both carry the attribute `margin`.

    Raises
    ------
    UsageError
        If `margin` is outside [0, 0.5].
    GateRecordError
        If no image was recorded.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.0, 1.0, 0.4, 0.6]]}, ["pug"])
    >>> saturation(gates)["open"].item()
    0.25
    """
    if not 0 <= margin <= 0.5:
        raise UsageError(f"margin must be between 0 and 0.5, got {margin}")
    require_images(record)
    counts = np.zeros((3, record.sizes["channel"]), np.int64)
    for batch in row_batches(record):
        # Compared in the record's own precision: a float32 gate of 0.05 is one
        # of 0.05, although its float64 value lies a little above.
        gates = batch.values
        counts[0] += (gates <= margin).sum(axis=0)
        counts[1] += (gates >= 1 - margin).sum(axis=0)
        counts[2] += len(gates)
    names = ("closed", "open", "all")
    by_channel = xr.Dataset(
        {name: ("channel", row) for name, row in zip(names, counts, strict=True)},
        coords=channel_labels(record),
    )
    sums = sum_by_block(by_channel)
    shares = sums[["closed", "open"]] / sums["all"]
    for share in shares.values():
        share.attrs["margin"] = margin
    return shares
