"""Remove SE blocks from a network."""

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy.typing as npt
import xarray as xr
from torch import Tensor, nn

from se_probe.blocks import FoundBlock, find_se_blocks, held_gates, unwrap
from se_probe.checkpoints import ChannelScale, Network, weights_sha256
from se_probe.errors import BlockError, UsageError
from se_probe.gates import match_blocks, recorded
from se_probe.interventions import check_origin, given_constants
from se_probe.pruning.flow import Fold, Kept, find_folds
from se_probe.pruning.folding import fold_into
from se_probe.pruning.own_modules import scale_shapes
from se_probe.pruning.sameness import (
    TOLERANCE,
    largest_difference,
    logits_of,
    noise_images,
)

__all__ = ["How", "drop_se_blocks"]

How = Literal["identity", "frozen"]


def drop_se_blocks(
    network: Network,
    blocks: Sequence[str],
    how: How = "identity",
    gates: xr.DataArray | None = None,
    *,
    constants: Mapping[str, npt.ArrayLike] | None = None,
) -> Network:
    """Copy of a network without some of its SE blocks.

    With ``how="identity"`` a block goes, as if its gates were 1. With
    ``how="frozen"`` its gates are frozen and multiplied into the weights of the layer
    before or behind it, where that is exact (see
    :func:`~se_probe.pruning.flow.find_folds`); then nothing is left of the block.
    Elsewhere they stay as a scale of one number per channel. The result is compared on
    images of noise with the original network whose gates are held at the constants.

    Parameters
    ----------
    network : Network
        Left as it is.
    blocks : sequence of str
        Names, module paths, or globs of either: `SE_5_*`, `layer4.*.se`.
    how : {"identity", "frozen"}
    gates : xr.DataArray, dims (image, channel), optional
        Gate record of this network. Gates are frozen at their mean over all recorded
        images.
    constants : mapping of str to array, each of shape (channels,), optional
        What to freeze gates at instead, by block name or path.

    Returns
    -------
    Network
        `provenance.removed_blocks` gains an entry for each block: `name`, `path`,
        `channels`, `parameters` and `macs` that it had, `how`, `folded_into` (path of
        the layer that took the gates up; "scale" where they stay, with the `shape`;
        None for the identity) and `n_images` (of the record, where there is one).
        `notes` say which blocks stay as a scale and why, and whether no SE block is
        left. Metrics are left out: they were those of the original.

    Raises
    ------
    UsageError
        If no block or no such `how` is given, or what to freeze gates at is missing or
        given twice.
    BlockNameError
        If a block is not there; the message names the nearest.
    GateRecordError
        If the record is of another network, empty, or lacks a block.
    BlockError
        If a block is no module of its own, its constants do not fit, or the result
        does not compute the same.

    Warns
    -----
    UserWarning
        If the record was made with other preprocessing than the network's.

    Examples
    --------
    >>> import torch
    >>> from se_probe.checkpoints import build_network
    >>> network, gates = build_network("se_lenet"), {"SE_2_1": torch.rand(16)}
    >>> frozen = drop_se_blocks(network, ["SE_2_1"], "frozen", constants=gates)
    >>> frozen.provenance.removed_blocks[0]["folded_into"]
    'fc1'
    """
    _check_request(blocks, how, gates, constants)
    if gates is not None:
        check_origin(gates, network)
    model, images = unwrap(network.model), noise_images(network)
    with warnings.catch_warnings():
        # Whether gates differ between two images of noise says nothing here.
        warnings.simplefilter("ignore", UserWarning)
        found = find_se_blocks(model, images)
    names = match_blocks(blocks, [block.facts() for block in found])
    chosen = [block for block in found if block.name in names]
    values = None
    if how == "frozen":
        values = given_constants(chosen, found, gates, constants)

    shapes = scale_shapes(model, chosen, images)
    pruned = copy.deepcopy(model)
    if values is None:
        for block in chosen:
            _put(pruned, block.path, nn.Identity())
        places: Mapping[str, Fold | Kept] = {}
    else:
        scales = {
            block.path: values[block.name].view(shapes[block.path]) for block in chosen
        }
        places = _freeze(pruned, scales, images)
    _check_same(model, pruned, chosen, values, images)

    n_images = int(recorded(gates).sum()) if values and gates is not None else None
    removed = [
        _entry(block, how, places.get(block.path), shapes[block.path], n_images)
        for block in chosen
    ]
    notes = _notes(chosen, places, is_last=len(chosen) == len(found))
    return _assemble(network, pruned, removed, notes)


def _check_request(
    blocks: Sequence[str], how: str, gates: object | None, constants: object | None
) -> None:
    if how not in get_args(How):
        raise UsageError(f"how is one of {', '.join(get_args(How))}, got {how!r}")
    if not blocks:
        raise UsageError(
            "which blocks? Name some: SE_5_1, a module path, or a pattern as SE_5_*"
        )
    if how == "frozen" and (gates is None) == (constants is None):
        raise UsageError(
            "gates are frozen either at their mean in a gate record (--gates RUN.zarr, "
            "from `se-probe record`) or at constants that are given, or measured on "
            "--data; got "
            f"{'neither' if gates is None else 'both'}"
        )
    if how == "identity" and constants is not None:
        raise UsageError(
            'constants are for how="frozen"; how="identity" removes blocks'
        )


def _freeze(
    model: nn.Module, scales: Mapping[str, Tensor], images: Tensor
) -> dict[str, Fold | Kept]:
    """Replace blocks by constant scales, in place, and fold those that can be."""
    for path, scale in scales.items():
        _put(model, path, ChannelScale(scale.to(images.device, images.dtype)))
    places = find_folds(model, scales, images)
    for path, place in places.items():
        if isinstance(place, Fold):
            fold_into(model, place, scales[path].flatten())
            _put(model, path, nn.Identity())
    return places


def _put(model: nn.Module, path: str, module: nn.Module) -> None:
    module.train(model.get_submodule(path).training)
    model.set_submodule(path, module, strict=True)


def _check_same(
    model: nn.Module,
    pruned: nn.Module,
    blocks: Sequence[FoundBlock],
    values: Mapping[str, Tensor] | None,
    images: Tensor,
) -> None:
    """Compare with the original, whose gates are held at the constants (or at 1)."""
    with held_gates(model, blocks, values):
        expected = logits_of(model, images)
    difference = largest_difference(logits_of(pruned, images), expected)
    if difference > TOLERANCE:
        raise BlockError(
            f"without {', '.join(block.name for block in blocks)} "
            f"{type(model).__name__} does not compute what it does with their gates "
            f"held at the constants: logits differ by {difference:.1g} of the largest. "
            "Something else in the network depends on these blocks"
        )


def _entry(
    block: FoundBlock,
    how: How,
    place: Fold | Kept | None,
    shape: Sequence[int],
    n_images: int | None,
) -> dict[str, Any]:
    entry = {
        "name": block.name,
        "path": block.path,
        "channels": block.channels,
        "parameters": block.parameters,
        "macs": block.macs,
        "how": how,
        "folded_into": place.into if isinstance(place, Fold) else None,
        "n_images": n_images,
    }
    if isinstance(place, Kept):
        entry |= {"folded_into": "scale", "shape": list(shape)}
    return entry


def _notes(
    blocks: Sequence[FoundBlock], places: Mapping[str, Fold | Kept], *, is_last: bool
) -> list[str]:
    notes = [
        f"{block.name} ({block.path}) stays as a scale of {block.channels} numbers: "
        f"{place.reason}"
        for block in blocks
        if isinstance(place := places.get(block.path), Kept)
    ]
    if is_last:
        notes.append("no SE block is left in the network")
    return notes


def _assemble(
    network: Network,
    pruned: nn.Module,
    removed: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
) -> Network:
    provenance = replace(
        network.provenance,
        sha256=weights_sha256(pruned),
        metrics={},
        removed_blocks=(*network.provenance.removed_blocks, *removed),
    )
    return replace(network, model=pruned, provenance=provenance, notes=tuple(notes))
