"""Blocks that are modules of their own, and can be removed from a network."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from se_probe.blocks import FoundBlock, watch_gates
from se_probe.errors import BlockError
from se_probe.pruning.sameness import TOLERANCE, largest_difference, logits_of

__all__ = ["removable", "scale_shapes"]


@dataclass
class _Pass:
    """What went into a block's module, what came out, and the gate between."""

    inputs: list[Any] = field(default_factory=list)
    output: Any = None
    gate: Tensor | None = None


def scale_shapes(
    model: nn.Module, blocks: Sequence[FoundBlock], images: Tensor
) -> dict[str, tuple[int, ...]]:
    """Shape of the scale that could stand in for each block.

    Parameters
    ----------
    model : nn.Module
        The model in which the blocks were found.
    blocks : sequence of FoundBlock
    images : Tensor, shape (batch, channels, positions ...)

    Returns
    -------
    dict of str to tuple of int
        By path: (channels, 1, 1), with a 1 for each axis of positions, or (channels,)
        where maps are channels-last.

    Raises
    ------
    BlockError
        If a block's module does anything else than to scale the one thing that it is
        given, so that it cannot go without changing more than the gates.
    """
    passes = _run(model, blocks, images)
    shapes = {}
    for block in blocks:
        shape = _shape(passes[block.path])
        if shape is None:
            raise BlockError(_inlined(model, block))
        shapes[block.path] = shape
    return shapes


def removable(
    model: nn.Module, blocks: Sequence[FoundBlock], images: Tensor
) -> tuple[list[FoundBlock], list[str]]:
    """Blocks that can be removed, and why others cannot.

    Parameters
    ----------
    model : nn.Module
        The model in which the blocks were found.
    blocks : sequence of FoundBlock
    images : Tensor, shape (batch, ...)

    Returns
    -------
    blocks : list of FoundBlock
    reasons : list of str
        One for each of the others.

    Raises
    ------
    BlockError
        If none can be removed.
    """
    passes = _run(model, blocks, images)
    kept = [block for block in blocks if _shape(passes[block.path]) is not None]
    reasons = [_inlined(model, block) for block in blocks if block not in kept]
    if not kept:
        raise BlockError(reasons[0])
    return kept, reasons


def _run(
    model: nn.Module, blocks: Sequence[FoundBlock], images: Tensor
) -> dict[str, _Pass]:
    """What went into each block, what came out, and the gate between."""
    passes = {block.path: _Pass() for block in blocks}

    def gate_seen(block: FoundBlock, feature_map: Tensor, gate: Tensor) -> None:
        passes[block.path].gate = gate.clone()

    with ExitStack() as contexts:
        for path, seen in passes.items():
            module = model.get_submodule(path)
            hooks = (
                module.register_forward_pre_hook(_keep_inputs(seen), with_kwargs=True),
                module.register_forward_hook(_keep_output(seen)),
            )
            for hook in hooks:
                contexts.enter_context(hook)
        contexts.enter_context(watch_gates(model, blocks, gate_seen))
        logits_of(model, images)
    return passes


def _keep_inputs(seen: _Pass) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # Copies: the block may multiply in place.
        everything = [*args, *kwargs.values()]
        seen.inputs = [v.clone() if isinstance(v, Tensor) else v for v in everything]

    return hook


def _keep_output(seen: _Pass) -> Callable[..., None]:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        seen.output = output.clone() if isinstance(output, Tensor) else output

    return hook


def _shape(seen: _Pass) -> tuple[int, ...] | None:
    """Shape of the scale with which input and output differ; None if they do more."""
    if len(seen.inputs) != 1 or seen.gate is None:
        return None
    (feature_map,), output = seen.inputs, seen.output
    if not isinstance(feature_map, Tensor) or not isinstance(output, Tensor):
        return None
    if feature_map.shape != output.shape or feature_map.ndim < 3:
        return None
    n_images, n_channels = seen.gate.shape
    ones = (1,) * (feature_map.ndim - 2)
    for axis, shape in ((1, (n_channels, *ones)), (-1, (n_channels,))):
        if feature_map.shape[axis] == n_channels:
            gate = seen.gate.view(n_images, *(shape if axis == 1 else (*ones, *shape)))
            if largest_difference(feature_map * gate, output) < TOLERANCE:
                return shape
    return None


def _inlined(model: nn.Module, block: FoundBlock) -> str:
    module = model.get_submodule(block.path)
    where = f"{block.path!r} ({type(module).__name__})" if block.path else "the network"
    return (
        f"{block.name} cannot be removed: it is computed inside {where}, which does "
        "more than scale its one input. Its gates can be recorded and held at "
        "constants. To prune it, make it a module of its own in the network's code "
        "(se_probe.models.SEBlock is one) and load the same weights"
    )
