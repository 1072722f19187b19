"""Constants that were handed over: checked, and named as the network's blocks are."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock
from se_probe.errors import BlockError, GateRecordError
from se_probe.gates import block_facts, match_blocks
from se_probe.interventions.constants import mean_constants

__all__ = ["given_constants"]


def given_constants(
    chosen: Sequence[FoundBlock],
    found: Sequence[FoundBlock],
    gates: xr.DataArray | None,
    constants: Mapping[str, npt.ArrayLike] | None,
) -> dict[str, Tensor]:
    """What the gates of some blocks are frozen at.

    Parameters
    ----------
    chosen, found : sequence of FoundBlock
        The blocks to freeze, and all of the network.
    gates : xr.DataArray, dims (image, channel), optional
        Their mean is taken where it is given.
    constants : mapping of str to array, each of shape (channels,), optional
        By name or path; more blocks than those to freeze may be there.

    Returns
    -------
    dict of str to Tensor, each of shape (channels,)
        float64, by block name.

    Raises
    ------
    GateRecordError
        If the record is empty, or lacks a block.
    BlockNameError
        If constants are given for a block that is not there.
    BlockError
        If constants are missing, of another shape, or not finite.
    """
    facts = [block.facts() for block in found]
    by_name = {
        name: np.asarray(value, np.float64)
        for key, value in (constants or {}).items()
        for name in match_blocks([key], facts)
    }
    if gates is not None:
        by_name |= _block_means(gates, chosen)
    for block in chosen:
        _check_constants(block, by_name.get(block.name))
    return {block.name: torch.from_numpy(by_name[block.name]) for block in chosen}


def _block_means(
    gates: xr.DataArray, blocks: Sequence[FoundBlock]
) -> dict[str, npt.NDArray[np.float64]]:
    # By path where the record knows it: names follow the size of the images in networks
    # that are not ResNet-shaped.
    recorded_names = {
        str(fact.get("path") or fact["name"]): str(fact["name"])
        for fact in block_facts(gates)
    }
    mean, means = mean_constants(gates), {}
    for block in blocks:
        name = recorded_names.get(block.path) or recorded_names.get(block.name)
        if name is None:
            raise GateRecordError(
                f"the gate record holds no gates of {block.name} ({block.path}). "
                "Record them with `se-probe record`"
            )
        means[block.name] = mean[name].numpy()
    return means


def _check_constants(block: FoundBlock, values: npt.NDArray[np.float64] | None) -> None:
    if values is None or values.shape != (block.channels,):
        got = "none" if values is None else f"shape {values.shape}"
        raise BlockError(
            f"expected constants of {block.name} ({block.path}), one for each of its "
            f"{block.channels} channels, got {got}"
        )
    if not np.isfinite(values).all():
        raise BlockError(f"the constants of {block.name} hold NaN or infinity")
