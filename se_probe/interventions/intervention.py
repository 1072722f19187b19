"""What is done to the gates of some blocks."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from se_probe.blocks import FoundBlock
from se_probe.evaluation import digest

__all__ = ["Exchange", "Intervention"]


@dataclass(frozen=True)
class Exchange:
    """Gates that differ from image to image, batch by batch.

    Attributes
    ----------
    name : str
        The same for the same gates of the same images, and for no others.
    of_batch : callable
        From the number of a batch to the gates of each block by name, shape (batch,
        channels).
    """

    name: str
    of_batch: Callable[[int], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Intervention:
    """Blocks whose gates are held, and at what.

    Attributes
    ----------
    blocks : sequence of FoundBlock
    constants : mapping of str to Tensor, each of shape (channels,), or Exchange
        By block name; None is the identity.
    """

    blocks: Sequence[FoundBlock]
    constants: Mapping[str, Tensor] | Exchange | None = None

    @property
    def name(self) -> str:
        """The same for the same blocks at the same constants, and no other."""
        return digest([[b.path, b.occurrence, self.key(b)] for b in self.blocks])

    def key(self, block: FoundBlock) -> str:
        """What the gates of a block are held at: equal for equal values."""
        if self.constants is None:
            return "identity"
        if isinstance(self.constants, Exchange):
            return self.constants.name
        value = self.constants.get(block.name)
        if value is None:
            return "missing"
        return hashlib.sha256(value.double().numpy().tobytes()).hexdigest()

    def values(self, batch: int) -> Mapping[str, Tensor] | None:
        """What gates are held at for a batch, as `held_gates` takes it."""
        if isinstance(self.constants, Exchange):
            return self.constants.of_batch(batch)
        return self.constants
