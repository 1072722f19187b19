"""What a gate is computed from and what it scales: numbers of each channel's map."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from se_probe.blocks import FoundBlock, watch_gates
from se_probe.errors import BlockError, UsageError
from se_probe.gates import CONTEXT

__all__ = ["MapCapture", "check_context"]


def check_context(names: Sequence[str], *, compile: bool) -> tuple[str, ...]:
    """What shall be recorded beside the gates, each once, in one order.

    Parameters
    ----------
    names : sequence of str
    compile : bool
        Whether the network is compiled.

    Returns
    -------
    tuple of str

    Raises
    ------
    UsageError
        If something cannot be recorded, or not of a compiled network.
    """
    unknown = [name for name in names if name not in CONTEXT]
    if unknown:
        raise UsageError(
            f"{' and '.join(CONTEXT)} can be recorded beside the gates, got "
            f"{', '.join(map(repr, unknown))}"
        )
    if names and compile:
        raise UsageError(
            "squeeze and energy are taken where the network multiplies by its gates, "
            "which a compiled network does not show: leave --compile out"
        )
    return tuple(name for name in CONTEXT if name in names)


class MapCapture:
    """Mean and mean square over the positions of each channel that a gate scales.

    Parameters
    ----------
    blocks : sequence of FoundBlock
    context : sequence of {"squeeze", "energy"}
    """

    def __init__(self, blocks: Sequence[FoundBlock], context: Sequence[str]) -> None:
        self.blocks, self.context = list(blocks), tuple(context)
        self._seen: dict[str, dict[str, Tensor]] = {}

    def watching(self, model: nn.Module) -> AbstractContextManager[None]:
        """Context in which every forward pass leaves these numbers behind."""
        if not self.context:
            return nullcontext()
        return watch_gates(model, self.blocks, self._see)

    def take(self) -> dict[str, npt.NDArray[np.float32]]:
        """Numbers of all blocks side by side, and forget them.

        Returns
        -------
        dict of str to np.ndarray, each of shape (batch, n_channels), float32

        Raises
        ------
        BlockError
            If a block was not seen to multiply by its gate.
        """
        seen, self._seen = self._seen, {}
        missing = [b.name for b in self.blocks if b.name not in seen and self.context]
        if missing:
            raise BlockError(
                f"{missing[0]} was not seen to multiply by its gate in this pass; find "
                "the blocks again with this network"
            )
        return {
            name: torch.cat([seen[b.name][name] for b in self.blocks], dim=1)
            .cpu()
            .numpy()
            for name in self.context
        }

    def _see(self, block: FoundBlock, feature_map: Tensor, gate: Tensor) -> None:
        positions = feature_map.detach().float().flatten(2)
        measures = {"squeeze": positions, "energy": positions.square()}
        self._seen[block.name] = {
            name: measures[name].mean(dim=2) for name in self.context
        }
