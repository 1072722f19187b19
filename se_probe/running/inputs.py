"""What a network is given: one tensor, or several side by side."""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias, overload

from torch import Tensor, nn

from se_probe.errors import UsageError

__all__ = [
    "Inputs",
    "call_network",
    "input_tensors",
    "main_tensor",
    "map_inputs",
    "n_samples",
    "only_tensor",
    "to_device_of",
]

# Networks with several inputs are given a tuple, in the order of their arguments, or a
# dict of them by name.
Inputs: TypeAlias = Tensor | tuple[Tensor, ...] | dict[str, Tensor]


def map_inputs(function: Callable[[Tensor], Tensor], inputs: Inputs) -> Inputs:
    """Inputs of which each tensor went through a function.

    Returns
    -------
    Tensor, tuple of Tensor or dict of Tensor
        As `inputs` was.
    """
    if isinstance(inputs, Tensor):
        return function(inputs)
    if isinstance(inputs, dict):
        return {name: function(each) for name, each in inputs.items()}
    return tuple(function(each) for each in inputs)


def input_tensors(inputs: Inputs) -> tuple[Tensor, ...]:
    """All tensors of the inputs, in their order.

    Returns
    -------
    tuple of Tensor
    """
    if isinstance(inputs, Tensor):
        return (inputs,)
    return tuple(inputs.values() if isinstance(inputs, dict) else inputs)


def main_tensor(inputs: Inputs) -> Tensor:
    """The input that feature maps are made of: the first one with the most axes.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import torch
    >>> main_tensor((torch.zeros(2, 12), torch.zeros(2, 3, 8, 8))).shape
    torch.Size([2, 3, 8, 8])
    """
    return max(input_tensors(inputs), key=lambda tensor: tensor.ndim)


def only_tensor(inputs: Inputs, what: str) -> Tensor:
    """The tensor that a network with one input is given.

    Parameters
    ----------
    inputs : Tensor, tuple of Tensor or dict of Tensor
    what : str
        Who needs it, for the message: "pruning".

    Returns
    -------
    Tensor

    Raises
    ------
    UsageError
        If there are several inputs.
    """
    if isinstance(inputs, Tensor):
        return inputs
    raise UsageError(
        f"{what} works for networks with one input, and each sample holds "
        f"{len(inputs)}: record, rank and evaluate take several"
    )


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
    return len(input_tensors(inputs)[0])


@overload
def to_device_of(model: nn.Module, inputs: Tensor) -> Tensor: ...
@overload
def to_device_of(model: nn.Module, inputs: Inputs) -> Inputs: ...
def to_device_of(model: nn.Module, inputs: Inputs) -> Inputs:
    """Inputs on the network's device, in its number type; whole numbers stay whole.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor, tuple of Tensor or dict of Tensor

    Returns
    -------
    Tensor, tuple of Tensor or dict of Tensor
        As `inputs` was.
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
    inputs : Tensor, or tuple or dict of Tensor, each with the batch as first axis
        A dict is given by name; what the network has no argument for is left out.

    Returns
    -------
    Any

    Raises
    ------
    UsageError
        If the network does not take so many inputs, or has no argument of such a name.
    TypeError
        Of the network's own.

    Examples
    --------
    >>> import torch
    >>> call_network(nn.Bilinear(2, 3, 4), (torch.ones(5, 2), torch.ones(5, 3))).shape
    torch.Size([5, 4])
    """
    positional: tuple[Tensor, ...] = ()
    named: dict[str, Tensor] = {}
    if not isinstance(inputs, dict):
        positional = input_tensors(inputs)
    else:
        named = _with_arguments(_arguments(model), inputs)
        alone = [name for name in inputs if name.lower() in _PICTURE_NAMES]
        if not named and len(alone) == 1:  # beside a mask, a table row and the like
            return model(inputs[alone[0]])
    try:
        return model(*positional, **named)
    except TypeError:
        # Looking at the arguments takes time, so only where a call went wrong.
        _check_binds(_arguments(model), inputs, positional, named)
        raise


# What data sets call the picture, whatever the network calls its argument.
_PICTURE_NAMES = frozenset({"image", "img", "pixel_values", "picture"})
_ANY = inspect.signature(lambda *args, **kwargs: None)


def _arguments(model: Callable[..., Any]) -> inspect.Signature:
    """What a network takes; anything where that cannot be told."""
    forward = getattr(getattr(model, "_orig_mod", model), "forward", model)
    try:
        return inspect.signature(forward)
    except (TypeError, ValueError):  # written in C, or of TorchScript
        return _ANY


def _with_arguments(
    arguments: inspect.Signature, inputs: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Those of the inputs that a network has an argument for."""
    kinds = {each.kind for each in arguments.parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return inputs
    return {name: inputs[name] for name in inputs if name in arguments.parameters}


def _check_binds(
    arguments: inspect.Signature,
    inputs: Inputs,
    positional: tuple[Tensor, ...],
    named: dict[str, Tensor],
) -> None:
    try:
        arguments.bind(*positional, **named)
    except TypeError as error:
        if isinstance(inputs, dict):
            came = f"the inputs {', '.join(inputs)}"
        else:
            came = f"{len(positional)} input{'s' * (len(positional) != 1)}"
        raise UsageError(
            f"the network takes ({', '.join(arguments.parameters)}), and each sample "
            f"holds {came} ({error}). Give a torch Dataset of ((tensor, ...), label) "
            "with the tensors in that order, or of dicts with these names (on the "
            "command line --data package.module:factory)"
        ) from error
