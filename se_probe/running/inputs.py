"""What a network is given: one tensor, or several side by side."""

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor, nn

__all__ = ["Inputs", "call_network", "map_inputs", "n_samples", "to_device_of"]

# Networks with several inputs are given a tuple, in the order of their arguments.
Inputs: TypeAlias = Tensor | tuple[Tensor, ...]


def map_inputs(function: Callable[[Tensor], Tensor], inputs: Inputs) -> Inputs:
    """Inputs of which each tensor went through a function.

    Returns
    -------
    Tensor or tuple of Tensor
        As `inputs` was.
    """
    if isinstance(inputs, Tensor):
        return function(inputs)
    return tuple(function(each) for each in inputs)


def n_samples(inputs: Inputs) -> int:
    """Samples in a batch, which lie along the first axis of each tensor.

    Returns
    -------
    int

    Examples
    --------
    >>> import torch
    >>> n_samples((torch.zeros(5, 3), torch.zeros(5, 1)))
    5
    """
    return len(inputs if isinstance(inputs, Tensor) else inputs[0])


def to_device_of(model: nn.Module, inputs: Inputs) -> Inputs:
    """Inputs on the network's device, in its number type; whole numbers stay whole.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor or tuple of Tensor

    Returns
    -------
    Tensor or tuple of Tensor
    """
    parameter = next((p for p in model.parameters() if p.is_floating_point()), None)

    def moved(tensor: Tensor) -> Tensor:
        if parameter is None:
            return tensor
        dtype = parameter.dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(parameter.device, dtype)

    return map_inputs(moved, inputs)


def call_network(model: Callable[..., Any], inputs: Inputs) -> Any:
    """What a network gives for a batch, whether it takes one tensor or several.

    Parameters
    ----------
    model : nn.Module or what compiling it gave
    inputs : Tensor or tuple of Tensor, each with the batch as first axis

    Returns
    -------
    Any

    Examples
    --------
    >>> import torch
    >>> call_network(nn.Bilinear(2, 3, 4), (torch.ones(5, 2), torch.ones(5, 3))).shape
    torch.Size([5, 4])
    """
    return model(inputs) if isinstance(inputs, Tensor) else model(*inputs)
