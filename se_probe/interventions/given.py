"""What gates are frozen at, from whatever was given to calibrate with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock
from se_probe.checkpoints import Network
from se_probe.errors import BlockError, GateRecordError
from se_probe.gates import block_facts, match_blocks
from se_probe.images import LabelledImages
from se_probe.interventions.constants import (
    Constants,
    sequential_constants,
)
from se_probe.interventions.recorded import recorded_constants
from se_probe.progress import Progress

__all__ = ["best_constants", "given_constants"]


def best_constants(
    network: Network,
    blocks: Sequence[FoundBlock],
    *,
    gates: xr.DataArray | None = None,
    images: LabelledImages | None = None,
    progress: Progress | None = None,
) -> Constants:
    """Best constants for some blocks that a record or images allow.

    With images least squares, front to back, which cost the least of the ways tried
    (docs/pruning.md); with a record alone least squares where it holds the energy of
    the feature maps, else the mean gates.

    Parameters
    ----------
    network : Network
    blocks : sequence of FoundBlock
        The blocks to freeze together, in network order.
    gates : xr.DataArray, dims (image, channel), optional
        A record of this network.
    images : LabelledImages, optional
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.

    Returns
    -------
    Constants
        `method` says which way was taken.

    Raises
    ------
    GateRecordError
        If neither is given, or the record is empty or lacks a block.
    ImagesError
        If not one image could be read.
    """
    if images is not None:
        return sequential_constants(network, images, blocks, progress=progress)
    if gates is None:
        raise GateRecordError("constants need a gate record or images; got neither")
    alone = recorded_constants(gates)
    return replace(alone, by_block=_of_blocks(alone, gates, blocks))


def given_constants(
    chosen: Sequence[FoundBlock],
    found: Sequence[FoundBlock],
    constants: Mapping[str, npt.ArrayLike],
) -> Constants:
    """Constants that were handed over, by the names of blocks that they are for.

    Parameters
    ----------
    chosen, found : sequence of FoundBlock
        The blocks to freeze, and all of the network.
    constants : mapping of str to array, each of shape (channels,)
        By name or path; more blocks than those to freeze may be there.

    Returns
    -------
    Constants
        float64. What :class:`Constants` say of their origin is kept; else `method` is
        "given" and `n_images` 0.

    Raises
    ------
    BlockNameError
        If constants are given for a block that is not there.
    BlockError
        If constants are missing, of another shape, or not finite.
    """
    facts = [block.facts() for block in found]
    by_name = {
        name: np.asarray(value, np.float64)
        for key, value in constants.items()
        for name in match_blocks([key], facts)
    }
    for block in chosen:
        _check_constants(block, by_name.get(block.name))
    by_block = {block.name: torch.from_numpy(by_name[block.name]) for block in chosen}
    if isinstance(constants, Constants):
        return replace(constants, by_block=by_block)
    return Constants(by_block, "given", 0)


def _of_blocks(
    constants: Constants, gates: xr.DataArray, blocks: Sequence[FoundBlock]
) -> dict[str, Tensor]:
    """Constants of a record by the names that blocks have now."""
    # By path where the record knows it: names follow the size of the images in networks
    # that are not ResNet-shaped.
    recorded_names = {
        str(fact.get("path") or fact["name"]): str(fact["name"])
        for fact in block_facts(gates)
    }
    by_name = {}
    for block in blocks:
        name = recorded_names.get(block.path) or recorded_names.get(block.name)
        if name is None:
            raise GateRecordError(
                f"the gate record holds no gates of {block.name} ({block.path}). "
                "Record them with `se-probe record`"
            )
        by_name[block.name] = constants[name]
        _check_constants(block, by_name[block.name].numpy())
    return by_name


def _check_constants(block: FoundBlock, values: npt.NDArray[np.float64] | None) -> None:
    if values is None or values.shape != (block.channels,):
        got = "none" if values is None else f"shape {values.shape}"
        raise BlockError(
            f"expected constants of {block.name} ({block.path}), one for each of its "
            f"{block.channels} channels, got {got}"
        )
    if not np.isfinite(values).all():
        raise BlockError(f"the constants of {block.name} hold NaN or infinity")
