"""All numbers of each block side by side."""

import numpy as np
import xarray as xr

from se_probe.stats.by_block import block_order
from se_probe.stats.extremes import saturation
from se_probe.stats.moments import class_moments
from se_probe.stats.nearest_mean import separability
from se_probe.stats.variance import input_dependence, variance_shares

__all__ = ["block_summary"]


def block_summary(
    record: xr.DataArray, moments: xr.Dataset | None = None
) -> xr.Dataset:
    """Every statistic of every block, with the block's facts.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record.
    moments : xr.Dataset, optional
        The record's moments, where they are known already; spares one pass.

    Returns
    -------
    xr.Dataset, dims (block,)
        `stage`, `channels`, `parameters` (where the record knows them of all blocks),
        and the variables of :func:`variance_shares`, :func:`input_dependence`,
        :func:`saturation` and :func:`separability`. Blocks in network order; the
        record's attributes are kept.

    Raises
    ------
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.
    """
    known = class_moments(record) if moments is None else moments
    parts = [
        _facts(record),
        variance_shares(known),
        input_dependence(known).to_dataset(),
        saturation(record),
        separability(record, known),
    ]
    summary: xr.Dataset = xr.merge(parts, join="exact", compat="equals")
    return summary.assign_attrs(record.attrs)


def _facts(record: xr.DataArray) -> xr.Dataset:
    blocks, names = block_order(record), list(record["block"].values)
    first = [names.index(block) for block in blocks]
    facts = {
        "stage": ("block", record["stage"].values[first]),
        "channels": ("block", np.array([names.count(block) for block in blocks])),
    }
    known = {fact["name"]: fact for fact in record.attrs.get("blocks", [])}
    parameters = [known.get(block, {}).get("parameters") for block in blocks]
    if None not in parameters:
        facts["parameters"] = ("block", np.array(parameters))
    return xr.Dataset(facts, coords={"block": blocks})
