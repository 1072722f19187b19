"""Capture the gates of found blocks while a network runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.blocks.found import FoundBlock
from se_probe.blocks.multiply import watch_gates
from se_probe.blocks.watch import as_written, unwrap
from se_probe.errors import BlockError

__all__ = ["GateCapture", "capture_gates"]


class GateCapture:
    """Gates of the latest forward pass, block by block."""

    def __init__(self, blocks: Sequence[FoundBlock]):
        self.blocks = list(blocks)
        self._seen: dict[str, list[Tensor]] = {block.name: [] for block in blocks}

    def put(self, name: str, gate: Tensor) -> None:
        """Keep a copy of a block's gate, of any shape with the batch axis first."""
        # A copy: a later layer may write into the same memory.
        self._seen[name].append(gate.detach().clone().flatten(1))

    def forget(self) -> None:
        """Forget what was not taken, for example of a pass that failed."""
        for seen in self._seen.values():
            seen.clear()

    def take(self, n_images: int | None = None) -> Tensor:
        """Gates of all blocks side by side, and forget them.

        Parameters
        ----------
        n_images : int, optional
            Images in the batch that was run; by default as many as the first block saw.

        Returns
        -------
        Tensor, shape (n_images, channels of all blocks)

        Raises
        ------
        BlockError
            If a block's gate was not seen exactly once, with one row per image.
        """
        rows: list[Tensor] = []
        for block in self.blocks:
            seen, self._seen[block.name] = self._seen[block.name], []
            if n_images is None and seen:
                n_images = len(seen[0])
            if len(seen) != 1 or seen[0].shape != (n_images, block.channels):
                shapes = [tuple(gate.shape) for gate in seen]
                raise BlockError(
                    f"expected the gates of {block.name} ({block.path}) once per "
                    f"forward pass, with shape ({n_images}, {block.channels}); got "
                    f"{shapes or 'nothing'}. Find the blocks again with this network"
                )
            rows.append(seen[0])
        return torch.cat(rows, dim=1)


@contextmanager
def capture_gates(
    model: nn.Module, blocks: Sequence[FoundBlock]
) -> Iterator[GateCapture]:
    """Context in which every forward pass of the model leaves its gates behind.

    Blocks whose gate is a module's output are hooked there; gates that no module holds
    are picked up at their multiplication. Hooks are gone when the context ends, after
    an error too.

    Parameters
    ----------
    model : nn.Module
        The model in which the blocks were found.
    blocks : sequence of FoundBlock

    Yields
    ------
    GateCapture

    Examples
    --------
    >>> import torch
    >>> from se_probe.blocks import find_se_blocks
    >>> from se_probe.models import create_model
    >>> _ = torch.manual_seed(0)
    >>> model, images = create_model("se_lenet", 10).eval(), torch.rand(2, 1, 28, 28)
    >>> with capture_gates(model, find_se_blocks(model, images)) as capture:
    ...     logits = model(images)
    ...     capture.take(2).shape
    torch.Size([2, 16])
    """
    model = unwrap(model)
    capture = GateCapture(blocks)
    with ExitStack() as contexts:
        contexts.enter_context(as_written(model))
        for block in blocks:
            if block.gate_path is not None:
                gate_module = model.get_submodule(block.gate_path)
                contexts.enter_context(
                    gate_module.register_forward_hook(_keep_output(capture, block.name))
                )
        unheld = [block for block in blocks if block.gate_path is None]
        if unheld:
            contexts.enter_context(watch_gates(model, unheld, _keep_factor(capture)))
        yield capture


def _keep_output(capture: GateCapture, name: str) -> Callable[..., None]:
    def hook(module: nn.Module, args: Any, output: Tensor) -> None:
        capture.put(name, output)

    return hook


def _keep_factor(
    capture: GateCapture,
) -> Callable[[FoundBlock, Tensor, Tensor], None]:
    def seen(block: FoundBlock, feature_map: Tensor, gate: Tensor) -> None:
        capture.put(block.name, gate)

    return seen
