"""What a network costs: parameters, batch-norm statistics, multiply-adds."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from se_probe.running import evaluating

__all__ = ["count_macs", "count_parameters", "count_running_statistics"]


def count_parameters(model: nn.Module) -> int:
    """Learnable numbers of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_running_statistics(model: nn.Module) -> int:
    """Running means and variances of a network's batch norms.

    The paper's tables count them as parameters: its SE-ResNet-50 of 28.1 M has
    28.07 M learnable numbers (without biases in the SE blocks) and 0.05 M of these.

    Returns
    -------
    int
    """
    return sum(b.numel() for b in model.buffers() if b.is_floating_point())


def count_macs(model: nn.Module, input_size: Sequence[int]) -> int:
    """Multiply-adds of one image, those of convolutions and matrix products.

    The SE paper calls them FLOPs. Poolings, normalisations and the product with the
    gate are not counted. The network is run once on zeros, on its own device; on
    torch's `meta` device this takes no memory and next to no time.

    Parameters
    ----------
    model : nn.Module
    input_size : sequence of int
        Channels, height, width.

    Returns
    -------
    int

    Examples
    --------
    >>> count_macs(nn.Conv2d(3, 8, 5), (3, 12, 12))  # 8 x 8 positions, 5 x 5 x 3 x 8
    38400
    """
    parameter = next(model.parameters())
    image = parameter.new_zeros((1, *input_size))
    counter = FlopCounterMode(display=False)
    with evaluating(model), torch.no_grad(), counter:
        model(image)
    return counter.get_total_flops() // 2
