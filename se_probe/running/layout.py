"""How feature maps lie in memory."""

from collections.abc import Sequence

import torch
from torch import nn

from se_probe.running.modes import evaluating

__all__ = ["memory_format", "use_channels_last"]


def use_channels_last(model: nn.Module, input_size: Sequence[int]) -> nn.Module:
    """The model with its channels innermost, if it is seen to run that way.

    On a CPU, SE-ResNet-50 then takes about 60 % of the time and EfficientNetV2-B0 about
    a third. Some networks cannot: ``x.view(len(x), -1)`` needs the usual order, and
    three-dimensional convolutions have no such format. They keep the usual one.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    input_size : sequence of int
        Shape of one sample; a batch of one is tried.

    Returns
    -------
    nn.Module
        The same.

    Examples
    --------
    >>> conv = nn.Conv2d(3, 8, 3)
    >>> memory_format(use_channels_last(conv, (3, 16, 16)))
    'channels_last'
    >>> memory_format(
    ...     use_channels_last(
    ...         nn.Sequential(conv, nn.Unflatten(2, (2, 7)), nn.Conv3d(8, 8, 1)),
    ...         (3, 16, 16),
    ...     )
    ... )
    'contiguous'
    """
    ranks = {parameter.ndim for parameter in model.parameters()}
    if 4 not in ranks:
        return model
    if 5 in ranks:
        return model.to(memory_format=torch.contiguous_format)
    model.to(memory_format=torch.channels_last)
    if not _runs(model, input_size):
        model.to(memory_format=torch.contiguous_format)
    return model


def memory_format(model: nn.Module) -> str:
    """`channels_last` if all of a model's convolution weights are laid out so.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    {"channels_last", "contiguous"}
    """
    weights = [p for p in model.parameters() if p.ndim == 4 and p.shape[1:].numel() > 1]
    is_last = weights and all(
        weight.is_contiguous(memory_format=torch.channels_last) for weight in weights
    )
    return "channels_last" if is_last else "contiguous"


def _runs(model: nn.Module, input_size: Sequence[int]) -> bool:
    parameter = next(p for p in model.parameters() if p.ndim == 4)
    devices = [parameter.device] if parameter.device.type == "cuda" else []
    with evaluating(model), torch.inference_mode(), torch.random.fork_rng(devices):
        try:
            model(parameter.new_zeros((1, *input_size)))
        except Exception:  # whatever the code of the network raises
            return False
    return True
