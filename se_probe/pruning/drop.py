"""Remove SE blocks from a network."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy.typing as npt
import xarray as xr
from torch import Tensor, nn

from se_probe.blocks import FoundBlock, held_gates, keep_names, kept_names, unwrap
from se_probe.checkpoints import ChannelScale, Network, weights_sha256
from se_probe.errors import BlockError, UsageError
from se_probe.images import LabelledImages
from se_probe.interventions import (
    Constants,
    best_constants,
    check_finite,
    check_origin,
    given_constants,
    seen_by,
    with_seen,
)
from se_probe.progress import Progress
from se_probe.pruning.flow import Fold, Kept, find_folds
from se_probe.pruning.folding import fold_into
from se_probe.pruning.own_modules import scale_shapes
from se_probe.pruning.sameness import (
    TOLERANCE,
    largest_difference,
    logits_of,
    noise_images,
)
from se_probe.pruning.which import meant_blocks

__all__ = ["How", "drop_se_blocks"]

How = Literal["identity", "frozen"]


def drop_se_blocks(
    network: Network,
    blocks: Sequence[str],
    how: How | None = None,
    gates: xr.DataArray | None = None,
    *,
    images: LabelledImages | None = None,
    constants: Mapping[str, npt.ArrayLike] | None = None,
    progress: Progress | None = None,
) -> Network:
    """Copy of a network without some of its SE blocks.

    With ``how="identity"`` a block goes, as if its gates were 1. With
    ``how="frozen"`` its gates are held at constants and multiplied into the weights of
    the layer before or behind it, where that is exact (see
    :func:`~se_probe.pruning.flow.find_folds`); then nothing is left of the block.
    Elsewhere they stay as a scale of one number per channel. The result is compared on
    images of noise with the original network whose gates are held at the constants.

    Parameters
    ----------
    network : Network
        Left as it is.
    blocks : sequence of str
        Names, module paths, or globs of either: `SE_5_*`, `layer4.*.se`.
    how : {"identity", "frozen"}, optional
        Default: "frozen", if there is something to calibrate with. Without it, it must
        be said.
    gates : xr.DataArray, dims (image, channel), optional
        Gate record of this network. Gates are frozen at least-squares constants where
        it holds the energy of the maps, else at their mean over all recorded
        images.
    images : LabelledImages, optional
        To calibrate on; gates are frozen at least-squares constants, which are better
        than means, so they are taken where both are given. Their preprocessing becomes
        that of the network.
    constants : mapping of str to array, each of shape (channels,), optional
        What to freeze gates at instead, by block name or path.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.

    Returns
    -------
    Network
        `provenance.removed_blocks` gains an entry for each block: `name`, `path`,
        `channels`, `parameters` and `macs` that it had, `how`, `folded_into` (path of
        the layer that took the gates up; "scale" where they stay, with the `shape`;
        None for the identity), `constants` (how they were chosen) and `n_images` (on
        how many). `provenance.seen_images` gains the images that calibrated. `notes`
        say how the constants were chosen, which blocks stay as a scale and why, and
        whether no SE block is left. The blocks that stay keep their names. Metrics are
        left out: they were those of the original.

    Raises
    ------
    UsageError
        If no block or no such `how` is given, or what to freeze gates at is missing or
        given twice.
    BlockNameError
        If a block is not there, or was removed already.
    GateRecordError
        If the record is of another network, empty, or lacks a block.
    ImagesError
        If not one image could be read.
    CheckpointError
        If the network's weights hold NaN.
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
    given = {"a gate record": gates, "images": images, "constants": constants}
    how = _treatment(blocks, how, [name for name in given if given[name] is not None])
    if gates is not None:
        check_origin(gates, network)
    if images is not None:
        network = replace(network, preprocessing=images.preprocessing)
    check_finite(network)
    noise = noise_images(network)
    chosen, found = meant_blocks(network, blocks, noise)
    shapes = scale_shapes(unwrap(network.model), chosen, noise)
    values = None
    if how == "frozen" and constants is not None:
        values = given_constants(chosen, found, constants)
    elif how == "frozen":
        values = best_constants(
            network, chosen, gates=gates, images=images, progress=progress
        )
    pruned, places = _without(unwrap(network.model), chosen, values, shapes, noise)
    removed = [
        _entry(block, places.get(block.path), shapes[block.path], values)
        for block in chosen
    ]
    notes = _notes(chosen, places, values, is_last=len(chosen) == len(found))
    if not kept_names(pruned):
        keep_names(pruned, [(b.name, b.path, b.occurrence) for b in found])
    return _assemble(network, pruned, removed, notes, seen_by(values, gates))


def _treatment(blocks: Sequence[str], how: How | None, given: Sequence[str]) -> How:
    """What is meant by `how`, with what was given to calibrate with."""
    if how is not None and how not in get_args(How):
        raise UsageError(f"how is one of {', '.join(get_args(How))}, got {how!r}")
    if not blocks:
        raise UsageError(
            "which blocks? Name some: SE_5_1, a module path, or a pattern as SE_5_*"
        )
    if "constants" in given and len(given) > 1:
        raise UsageError(f"constants come from one place, got {' and '.join(given)}")
    if how == "identity" and given:
        raise UsageError(
            'how="identity" removes blocks and needs no calibration; leave '
            f"{' and '.join(given)} out, or freeze the gates (--how frozen)"
        )
    if how != "identity" and not given:
        raise UsageError(
            "to freeze gates, give what to calibrate with: images (--data DIR) or a "
            "gate record (--gates RUN.zarr). To remove the blocks as if their gates "
            "were 1, which costs more in most networks, say --how identity"
        )
    return how or "frozen"


def _without(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    values: Constants | None,
    shapes: Mapping[str, tuple[int, ...]],
    images: Tensor,
) -> tuple[nn.Module, Mapping[str, Fold | Kept]]:
    """Copy of a model without some blocks, and where their gates have gone."""
    pruned = copy.deepcopy(model)
    places: Mapping[str, Fold | Kept] = {}
    if values is None:
        for block in blocks:
            _put(pruned, block.path, nn.Identity())
    else:
        scales = {
            block.path: values[block.name].view(shapes[block.path]) for block in blocks
        }
        places = _freeze(pruned, scales, images)
    _check_same(model, pruned, blocks, values, images)
    return pruned, places


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
    place: Fold | Kept | None,
    shape: Sequence[int],
    values: Constants | None,
) -> dict[str, Any]:
    entry = {
        "name": block.name,
        "path": block.path,
        "channels": block.channels,
        "parameters": block.parameters,
        "macs": block.macs,
        "how": "identity" if values is None else "frozen",
        "folded_into": place.into if isinstance(place, Fold) else None,
        "constants": None if values is None else values.method,
        "n_images": (values.n_images or None) if values is not None else None,
    }
    if isinstance(place, Kept):
        entry |= {"folded_into": "scale", "shape": list(shape)}
    return entry


def _notes(
    blocks: Sequence[FoundBlock],
    places: Mapping[str, Fold | Kept],
    values: Constants | None,
    *,
    is_last: bool,
) -> list[str]:
    notes = []
    if values is not None and values.n_images:
        notes.append(
            f"gates are frozen at constants from {values.n_images:,} images "
            f"({values.method}); evaluate the result on others"
        )
        notes += [f"skipped: {problem}" for problem in values.skipped]
    notes += [
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
    calibrated_on: Mapping[str, str],
) -> Network:
    before = network.provenance
    seen = with_seen(before.seen_images, {"calibrating": calibrated_on})
    provenance = replace(
        before,
        sha256=weights_sha256(pruned),
        metrics={},
        removed_blocks=(*before.removed_blocks, *removed),
        seen_images=seen,
    )
    return replace(network, model=pruned, provenance=provenance, notes=tuple(notes))
