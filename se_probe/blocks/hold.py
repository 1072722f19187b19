"""Hold the gates of found blocks at other values than they would have."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.blocks.found import FoundBlock
from se_probe.blocks.multiply import watch_gates
from se_probe.blocks.watch import as_written, unwrap
from se_probe.errors import BlockError

__all__ = ["held_gates"]


@contextmanager
def held_gates(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    values: Mapping[str, Tensor] | None = None,
) -> Iterator[None]:
    """Context in which the gates of some blocks are other numbers than they would be.

    The network multiplies by these values exactly as it would by the gates. Its
    modules and weights are not changed: a gate is exchanged on its way out of the
    module that holds it, or at the multiplication where no module does. The excitation
    is still computed, so nothing is saved yet.

    Parameters
    ----------
    model : nn.Module
        The model in which the blocks were found.
    blocks : sequence of FoundBlock
    values : mapping of str to Tensor, optional
        By block name; more than those of `blocks` may be there. Shape (channels,)
        holds the gates at constants, (batch, channels) gives each image of the batch
        its own. None means ones: the blocks become the identity.

    Yields
    ------
    None

    Raises
    ------
    BlockError
        If a block's values are missing or of another shape.

    Examples
    --------
    >>> import torch
    >>> from se_probe.blocks import find_se_blocks
    >>> from se_probe.models import create_model
    >>> _ = torch.manual_seed(0)
    >>> model, images = create_model("se_lenet", 10).eval(), torch.rand(2, 1, 28, 28)
    >>> blocks = find_se_blocks(model, images)
    >>> with torch.no_grad(), held_gates(model, blocks, {"SE_2_1": torch.zeros(16)}):
    ...     model(images).equal(model(torch.zeros_like(images)))
    True
    """
    model = unwrap(model)
    held = {block.name: _value(block, values) for block in blocks}
    unheld = [block for block in blocks if block.gate_path is None]
    with ExitStack() as contexts:
        contexts.enter_context(as_written())
        for block in blocks:
            if block.gate_path is not None:
                hook = _exchange(held[block.name])
                gate_module = model.get_submodule(block.gate_path)
                contexts.enter_context(gate_module.register_forward_hook(hook))
        if unheld:
            contexts.enter_context(
                watch_gates(model, unheld, _instead(held), everywhere=True)
            )
        yield


def _value(block: FoundBlock, values: Mapping[str, Tensor] | None) -> Tensor:
    if values is None:
        return torch.ones(block.channels)
    value = values.get(block.name)
    if value is None or value.ndim > 2 or value.shape[-1:] != (block.channels,):
        got = "none" if value is None else f"shape {tuple(value.shape)}"
        raise BlockError(
            f"expected constants for {block.name} ({block.path}), one for each of its "
            f"{block.channels} channels, got {got}. Were they measured on this network?"
        )
    return value


def _exchange(value: Tensor) -> Callable[..., Tensor]:
    def hook(module: nn.Module, args: Any, gate: Tensor) -> Tensor:
        return value.to(gate).expand(len(gate), -1).reshape(gate.shape)

    return hook


def _instead(
    values: Mapping[str, Tensor],
) -> Callable[[FoundBlock, Tensor, Tensor], Tensor]:
    def seen(block: FoundBlock, feature_map: Tensor, gate: Tensor) -> Tensor:
        return values[block.name].to(gate).expand(gate.shape)

    return seen
