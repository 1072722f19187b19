"""Constants to freeze gates at, from a gate record alone."""

from dataclasses import replace

import numpy as np
import torch
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import (
    block_channels,
    block_names,
    context_of,
    recorded,
    row_batches,
)
from se_probe.interventions.constants import Constants

__all__ = ["mean_constants", "recorded_constants"]


def mean_constants(record: xr.DataArray) -> Constants:
    """Mean gate of each channel over the recorded images.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)

    Returns
    -------
    Constants
        float64, of every block of the record.

    Raises
    ------
    GateRecordError
        If no image was recorded.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.25, 0.5], [0.75, 0.5]]}, ["pug", "cliff"])
    >>> mean_constants(gates)["SE_2_1"].tolist()
    [0.5, 0.5]
    """
    n_images = int(recorded(record).sum())
    if not n_images:
        raise GateRecordError(
            "constants are means over images, and none of the record has been recorded"
        )
    total = sum(
        torch.from_numpy(rows.values).double().sum(dim=0)
        for rows in row_batches(record)
    )
    mean = torch.as_tensor(total) / n_images
    by_block = {
        block: mean[block_channels(record, block)].clone()
        for block in block_names(record)
    }
    return Constants(by_block, "mean", n_images)


def recorded_constants(record: xr.DataArray) -> Constants:
    """Best constants that a record alone allows.

    Least squares, ``E[g |x|^2] / E[|x|^2]``, where the energy of the feature maps was
    recorded beside the gates (``record --with energy``), else the mean gates.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        From :func:`~se_probe.gates.open_gates`, or a selection of such a record.

    Returns
    -------
    Constants
        float64, of every block of the record; `method` says which way was taken.

    Raises
    ------
    GateRecordError
        If no image was recorded.
    """
    mean, context = mean_constants(record), context_of(record)
    if context is None or "energy" not in context:
        return mean
    n_channels = record.sizes["channel"]
    energy, weighted = np.zeros(n_channels), np.zeros(n_channels)
    energies = row_batches(context["energy"])
    for gates, each in zip(row_batches(record), energies, strict=True):
        values = each.values.astype(np.float64)
        energy += values.sum(axis=0)
        weighted += (values * gates.values).sum(axis=0)
    by_block = {}
    for block in block_names(record):
        where = block_channels(record, block)
        e, eg = torch.from_numpy(energy[where]), torch.from_numpy(weighted[where])
        by_block[block] = torch.where(e > 0, eg / e, mean[block])
    return replace(mean, by_block=by_block, method="least squares")
