"""What removing SE blocks costs, one by one and in growing sets."""

import xarray as xr

__all__ = ["block_costs", "freezing_costs"]


def block_costs(measured: xr.Dataset) -> xr.Dataset:
    """Cost of each block by itself, with what removing it saves.

    Parameters
    ----------
    measured : xr.Dataset, dims (treatment, block)
        From `measure_blocks` of :mod:`se_probe.interventions`.

    Returns
    -------
    xr.Dataset, dims (block, treatment)
        Accuracy changes as fractions.
    """
    return measured[["block", "treatment", *measured.data_vars]].transpose(
        "block", "treatment"
    )


def freezing_costs(curve: xr.Dataset) -> xr.Dataset:
    """Cost of removing 1, 2, ... all blocks.

    Parameters
    ----------
    curve : xr.Dataset, dims (line, n_blocks)
        From `freezing_curve` of :mod:`se_probe.interventions`.

    Returns
    -------
    xr.Dataset, dims (line, n_blocks)
        Accuracy changes as fractions.
    """
    return curve.transpose("line", "n_blocks")
