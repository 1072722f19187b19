"""The multiplications by a gate, as they happen: look at them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from se_probe.blocks.found import FoundBlock
from se_probe.blocks.watch import Product, unwrap, watch_modules, watch_products

__all__ = ["watch_gates"]


@contextmanager
def watch_gates(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    seen: Callable[[FoundBlock, Tensor, Tensor], None],
) -> Iterator[None]:
    """Context in which every multiplication by a gate is shown before it happens.

    Parameters
    ----------
    model : nn.Module
        The model in which the blocks were found.
    blocks : sequence of FoundBlock
    seen : callable
        Called with the block, its feature map, shape (batch, channels, height, width),
        and its gate, shape (batch, channels). Both are the network's own memory.

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

    def product_seen(product: Product) -> None:
        block = by_place.get((product.path, product.occurrence))
        if block is not None:
            seen(block, *_channels_first(product, block))

    with watch_modules(below | paths) as stack, watch_products(stack, product_seen):
        yield


def _channels_first(product: Product, block: FoundBlock) -> tuple[Tensor, Tensor]:
    """Views of feature map (batch, channels, height, width) and gate."""
    feature_map = product.factors[1 - block.factor]
    gate = product.factors[block.factor]
    if gate.shape[1] != block.channels:
        feature_map, gate = feature_map.movedim(3, 1), gate.movedim(3, 1)
    # One place stands for all, also where the gate was expanded to the map.
    return feature_map, gate[:, :, 0, 0]
