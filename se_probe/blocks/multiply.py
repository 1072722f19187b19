"""The multiplications by gates, as they happen: see them, or multiply by others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from torch import Tensor, nn

from se_probe.blocks.found import FoundBlock
from se_probe.blocks.layout import Place
from se_probe.blocks.watch import (
    Exchange,
    Product,
    as_written,
    unwrap,
    watch_modules,
    watch_products,
)

__all__ = ["places_of", "watch_gates"]


# Called with a block, its feature map and its gate; may return another gate.
Seen: TypeAlias = Callable[[FoundBlock, Tensor, Tensor], Tensor | None]


@contextmanager
def watch_gates(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    seen: Seen,
    *,
    everywhere: bool = False,
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
    everywhere : bool, default False
        Show also the other multiplications by the same gate, where there are any.

    Yields
    ------
    None
    """
    model = unwrap(model)
    by_place = {
        (place.path, place.occurrence): (block, place)
        for block in blocks
        for place in places_of(block, everywhere=everywhere)
    }
    paths = {path: model.get_submodule(path) for path, _ in by_place}
    # Children too, or their multiplications would count as the block's own.
    below = {
        f"{path}.{name}" if path else name: child
        for path, module in paths.items()
        for name, child in module.named_modules()
        if name
    }

    def product_seen(product: Product) -> Exchange | None:
        found = by_place.get((product.path, product.occurrence))
        return None if found is None else _shown(product, *found, seen)

    with (
        as_written(model),
        watch_modules(below | paths) as stack,
        watch_products(stack, product_seen),
    ):
        yield


def places_of(block: FoundBlock, *, everywhere: bool = True) -> list[Place]:
    """Where a network multiplies by the gate of a block; the block's own place first.

    Returns
    -------
    list of Place
    """
    own = Place(block.path, block.occurrence, block.factor, block.layout)
    return [own, *(block.also_at if everywhere else ())]


def _shown(
    product: Product, block: FoundBlock, place: Place, seen: Seen
) -> Exchange | None:
    feature_map = product.factors[1 - place.factor]
    factor, layout = product.factors[place.factor], place.layout
    instead = seen(
        block,
        layout.channels_second(feature_map, block.channels),
        layout.rows(factor, block.channels),
    )
    if instead is None:
        return None
    return place.factor, layout.spread(instead, factor)
