"""The multiplications by gates, as they happen: see them, or multiply by others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from torch import Tensor, nn

from se_probe.blocks.found import FoundBlock
from se_probe.blocks.watch import (
    Exchange,
    Product,
    unwrap,
    watch_modules,
    watch_products,
)

__all__ = ["watch_gates"]


# Called with a block, its feature map and its gate; may return another gate.
Seen: TypeAlias = Callable[[FoundBlock, Tensor, Tensor], Tensor | None]


@contextmanager
def watch_gates(
    model: nn.Module, blocks: Sequence[FoundBlock], seen: Seen
) -> Iterator[None]:
    """Context in which every multiplication by a gate is shown before it happens.

    Parameters
    ----------
    model : nn.Module
        The model in which the blocks were found.
    blocks : sequence of FoundBlock
    seen : callable
        Called with the block, its feature map, shape (batch, channels, positions ...)
        with one, two or three axes of positions, and its gate, shape (batch, channels).
        Both are the network's own memory. If it returns a tensor of the gate's shape,
        the map is multiplied by that instead.

    Yields
    ------
    None
    """
    model = unwrap(model)
    by_place = {(block.path, block.occurrence): block for block in blocks}
    paths = {path: model.get_submodule(path) for path, _ in by_place}
    # Children too, or their multiplications would count as the block's own.
    below = {
        f"{path}.{name}" if path else name: child
        for path, module in paths.items()
        for name, child in module.named_modules()
        if name
    }

    def product_seen(product: Product) -> Exchange | None:
        block = by_place.get((product.path, product.occurrence))
        return None if block is None else _shown(product, block, seen)

    with watch_modules(below | paths) as stack, watch_products(stack, product_seen):
        yield


def _shown(product: Product, block: FoundBlock, seen: Seen) -> Exchange | None:
    feature_map = product.factors[1 - block.factor]
    factor, layout = product.factors[block.factor], block.layout
    instead = seen(
        block,
        layout.channels_second(feature_map, block.channels),
        layout.rows(factor, block.channels),
    )
    if instead is None:
        return None
    return block.factor, layout.spread(instead, factor)
