"""All numbers of each block side by side."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.gates import block_channels, block_facts
from se_probe.progress import Progress
from se_probe.stats.extremes import saturation
from se_probe.stats.moments import class_moments
from se_probe.stats.nearest_mean import separability
from se_probe.stats.variance import input_dependence, variance_shares

__all__ = ["block_summary"]


def block_summary(
    record: xr.DataArray,
    moments: xr.Dataset | None = None,
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Every statistic of every block, with the block's facts.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record.
    moments : xr.Dataset, optional
        The record's moments, where they are known already: one pass fewer.
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    xr.Dataset, dims (block,)
        `stage`, `channels`, `parameters` (where the record knows them of all blocks),
        `n_images` that were recorded, and the variables of :func:`variance_shares`,
        :func:`input_dependence`, :func:`saturation` and :func:`separability`. Blocks in
        network order; the record's attributes are kept.

    Raises
    ------
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.
    """
    known = moments if moments is not None else class_moments(record, progress=progress)
    parts = [
        _facts(record),
        variance_shares(known),
        input_dependence(known).to_dataset(),
        saturation(known),
        separability(record, known, progress=progress),
    ]
    summary: xr.Dataset = xr.merge(parts, join="exact", compat="equals")
    n_images = np.full(summary.sizes["block"], int(known["count"].sum()))
    return summary.assign(n_images=("block", n_images)).assign_attrs(record.attrs)


def _facts(record: xr.DataArray) -> xr.Dataset:
    facts = block_facts(record)
    widths = [len(_positions(record, str(fact["name"]))) for fact in facts]
    columns = {
        "stage": ("block", np.array([int(fact["stage"]) for fact in facts])),
        "channels": ("block", np.array(widths)),
    }
    parameters = [fact.get("parameters") for fact in facts]
    if None not in parameters:
        columns["parameters"] = ("block", np.array(parameters))
    return xr.Dataset(columns, coords={"block": [fact["name"] for fact in facts]})


def _positions(record: xr.DataArray, block: str) -> npt.NDArray[np.intp]:
    return np.arange(record.sizes["channel"])[block_channels(record, block)]
