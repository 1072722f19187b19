"""What the probe keeps of products by gates, and of those that may be by the same."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from se_probe.blocks.evidence import unspread
from se_probe.blocks.functions import GateFunction
from se_probe.blocks.layout import Layout, Place
from se_probe.blocks.watch import Product

__all__ = ["Hit", "Use", "n_numbers", "source_of"]


@dataclass
class Hit:
    """A product of the probe that scales a map by a gate computed from it.

    Attributes
    ----------
    product : Product
    factor : int
        Which of its two factors is the gate.
    layout : Layout
        How their axes are to be read.
    rows : Tensor, shape (2, channels)
        The gate of each sample.
    positions : tuple of int
        Sides of the scaled map, channels and samples left out.
    gate_path : str or None
        First module whose output the gate was.
    function : GateFunction
        That ends the excitation.
    parameters : list of Tensor
        Learned numbers between map and gate, in the order of use.
    last : list of Tensor
        Those of the layers that end the excitation.
    also_at : list of Place
        Other multiplications by the same gate.
    """

    product: Product
    factor: int
    layout: Layout
    rows: Tensor
    positions: tuple[int, ...]
    gate_path: str | None
    function: GateFunction
    parameters: list[Tensor]
    last: list[Tensor]
    also_at: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class Use:
    """A product with something that has the shape of a gate, of whatever map."""

    place: Place
    rows: Tensor
    source: Any

    def is_of(self, hit: Hit) -> bool:
        """Whether the gate of a hit is multiplied by here too."""
        own = (hit.product.path, hit.product.occurrence)
        is_elsewhere = own != (self.place.path, self.place.occurrence)
        return (
            is_elsewhere
            and self.source is source_of(hit.product.factors[hit.factor])
            and torch.equal(self.rows, hit.rows)
        )


def n_numbers(tensor: Tensor) -> int:
    """How many numbers a tensor holds that was expanded."""
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    return torch.Size(side for side, step in sides if step).numel()


def source_of(factor: Tensor) -> Any:
    """Node of autograd's graph that made the numbers of a factor."""
    *_, last = [None, *unspread(factor)]
    return last
