"""Many interventions on the same images, layers that they share run once."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from se_probe.blocks import (
    FoundBlock,
    Prefix,
    call_order,
    held_gates,
    resumed,
    run_prefix,
)
from se_probe.interventions.intervention import Intervention
from se_probe.running import Inputs, call_network

__all__ = ["Together"]

# Nothing is held at the gates of this block.
_FREE = ""


class Together:
    """Forward passes of a network and of interventions on it, as one runner.

    Interventions that do the same to the first blocks of the network share all layers
    up to the block at which they differ. Whether a network can be run on from there is
    tried on the first batch; where its answers would not be the same, every
    intervention runs the whole network.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode.
    interventions : sequence of Intervention
        Number 0 is the unaltered network, number 1 the first of these.
    share : bool, default True
        False runs the whole network for each.
    """

    def __init__(
        self,
        model: nn.Module,
        interventions: Sequence[Intervention],
        *,
        share: bool = True,
    ) -> None:
        self.model = model
        self.all = [Intervention([]), *interventions]
        self.share = share
        self.n_passes = 0
        self._order: list[FoundBlock] | None = None
        self._keys: list[dict[tuple[str, int], str]] = [
            {(b.path, b.occurrence): each.key(b) for b in each.blocks}
            for each in self.all
        ]

    def __len__(self) -> int:
        return len(self.all)

    def __call__(
        self, batch: int, pixels: Inputs, numbers: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        """Outputs of some of the passes for a batch; see `evaluation.Forwards`."""
        if self.share and self._order is None:
            self._try(batch, pixels)
        if not self.share:
            for number in numbers:
                yield number, self._run(number, batch, pixels, None)
            return
        if 0 in numbers:
            yield 0, self._run(0, batch, pixels, None)
        rest = [number for number in numbers if number != 0]
        if rest:
            yield from self._walk(rest, batch, pixels)

    def _walk(
        self, numbers: list[int], batch: int, pixels: Inputs
    ) -> Iterator[tuple[int, Any]]:
        """Passes that share the most follow each other; see :class:`Together`."""
        # Members, the prefix that they share, and the block that it leads to.
        left: list[tuple[list[int], Prefix | None, int]] = [(numbers, None, -1)]
        while left:
            members, prefix, reached = left.pop()
            depth = self._first_difference(members, reached + 1)
            if depth is None:
                output = self._run(members[0], batch, pixels, prefix)
                yield from ((number, output) for number in members)
                continue
            prefix = self._advance(members[0], batch, pixels, prefix, depth)
            groups: dict[str, list[int]] = {}
            for number in members:
                groups.setdefault(self._key(number, depth), []).append(number)
            # The largest waits longest, so that few prefixes are held at a time.
            ordered = sorted(groups.values(), key=len, reverse=True)
            left += [(group, prefix, depth) for group in ordered]

    def _first_difference(self, members: Sequence[int], start: int) -> int | None:
        order = self._order or []
        for depth in range(start, len(order)):
            if len({self._key(number, depth) for number in members}) > 1:
                return depth
        return None

    def _key(self, number: int, depth: int) -> str:
        block = (self._order or [])[depth]
        return self._keys[number].get((block.path, block.occurrence), _FREE)

    def _run(
        self, number: int, batch: int, pixels: Inputs, prefix: Prefix | None
    ) -> Any:
        self.n_passes += 1
        one = self.all[number]
        held = held_gates(self.model, one.blocks, one.values(batch))
        with resumed(self.model, prefix), held:
            return call_network(self.model, pixels)

    def _advance(
        self,
        number: int,
        batch: int,
        pixels: Inputs,
        prefix: Prefix | None,
        depth: int,
    ) -> Prefix:
        block = (self._order or [])[depth]
        return run_prefix(
            self.model, block, lambda: self._run(number, batch, pixels, prefix)
        )

    def _try(self, batch: int, pixels: Inputs) -> None:
        """Learn the order of the blocks, and whether passes can be resumed at them."""
        blocks = {
            (block.path, block.occurrence): block
            for each in self.all
            for block in each.blocks
        }
        self._order, expected = call_order(
            self.model,
            list(blocks.values()),
            lambda: self._run(0, batch, pixels, None),
        )
        self.share = len(self._order) == len(blocks)
        prefix: Prefix | None = None
        for depth in range(len(self._order)) if self.share else ():
            prefix = self._advance(0, batch, pixels, prefix, depth)
            output = self._run(0, batch, pixels, prefix)
            if not _is_same(output, expected):
                self.share = False
                break


def _is_same(output: Any, expected: Any) -> bool:
    given, wanted = (
        [leaf for leaf in tree_flatten(each)[0] if isinstance(leaf, Tensor)]
        for each in (output, expected)
    )
    return len(given) == len(wanted) and all(
        torch.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
        for a, b in zip(given, wanted, strict=True)
    )
