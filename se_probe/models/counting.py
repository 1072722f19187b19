"""What a network costs: parameters, batch-norm statistics, multiply-adds."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from se_probe.running import (
    Inputs,
    call_network,
    evaluating,
    map_inputs,
    to_device_of,
)

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


def count_macs(model: nn.Module, sample: Sequence[int] | Inputs) -> int:
    """Multiply-adds of one image, those of convolutions and matrix products.

    The SE paper calls them FLOPs. Poolings, normalisations and the product with the
    gate are not counted. The network is run once on zeros, on its own device; on
    torch's `meta` device this takes no memory and next to no time.

    Parameters
    ----------
    model : nn.Module
    sample : sequence of int, or Tensor, or tuple or dict of Tensor
        Shape of an image (channels, height, width), or what a network with other
        inputs is given for one sample, without the axis of the samples.

    Returns
    -------
    int

    Examples
    --------
    >>> count_macs(nn.Conv2d(3, 8, 5), (3, 12, 12))  # 8 x 8 positions, 5 x 5 x 3 x 8
    38400
    """
    parameter = next(model.parameters())
    inputs: Inputs
    if isinstance(sample, Tensor | dict) or isinstance(sample[0], Tensor):
        inputs = to_device_of(model, map_inputs(_alone, cast(Inputs, sample)))
    else:
        inputs = parameter.new_zeros((1, *cast(Sequence[int], sample)))
    counter = FlopCounterMode(display=False)
    with evaluating(model), torch.no_grad(), counter:
        call_network(model, inputs)
    return counter.get_total_flops() // 2


def _alone(sample: Tensor) -> Tensor:
    return torch.zeros_like(sample)[None]
