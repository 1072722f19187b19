"""Memory format of a network while it is trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from se_probe.checkpoints import Network
from se_probe.running import use_channels_last
from se_probe.training.recipes import Recipe

__all__ = ["trained_memory_format"]


@contextmanager
def trained_memory_format(network: Network, recipe: Recipe) -> Iterator[None]:
    """The recipe's memory format; then as `build_network` and `load_network` leave it.

    A network that cannot have its channels innermost never has.

    Parameters
    ----------
    network : Network
    recipe : Recipe

    Yields
    ------
    None
    """
    model, shape = network.model, network.preprocessing.input_size
    use_channels_last(model, shape)
    if not recipe.channels_last:
        model.to(memory_format=torch.contiguous_format)
    try:
        yield
    finally:
        use_channels_last(model.eval(), shape)
