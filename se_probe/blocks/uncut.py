"""Gradients followed where a network cuts them.

A network may compute without gradients (``torch.no_grad()``, ``inference_mode()``),
hand on tensors cut off from their history (``detach()``), or run its layers in a
checkpoint that computes them again for the gradient. What its gates are computed from
can be told all the same, where the probe follows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Following", "buffers_kept", "unseen"]

_SWITCH = torch._C._set_grad_enabled
_DATA = Tensor.data.__get__  # type: ignore[attr-defined]


class Following(TorchFunctionMode):
    """Context that sees where gradients are cut, and may follow them there.

    Parameters
    ----------
    follows : bool
        Compute with gradients all the same.

    Attributes
    ----------
    was_cut : bool
        Whether anything was computed without gradients, or cut off.
    """

    def __init__(self, *, follows: bool) -> None:
        super().__init__()
        self.follows, self.was_cut = follows, False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is _SWITCH:
            return func(*args, **kwargs)
        cuts = func is Tensor.detach or func == _DATA
        if torch.is_grad_enabled() and not cuts:
            return func(*args, **kwargs)
        self.was_cut = True
        if not self.follows or _writes(func, args):
            return func(*args, **kwargs)
        with torch.inference_mode(False), torch.enable_grad():
            return args[0].view_as(args[0]) if cuts else func(*args, **kwargs)


def unseen(look: Callable[..., None]) -> Callable[..., None]:
    """A function of the probe's own, whose operations are none of the network's.

    Parameters
    ----------
    look : callable

    Returns
    -------
    callable
    """

    @wraps(look)
    def looking(*args: Any) -> None:
        with torch._C.DisableTorchFunction():
            look(*args)

    return looking


def _writes(func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Whether a call writes into a tensor of the network's own, as a buffer is."""
    name = getattr(func, "__name__", "")
    is_in_place = name in {"__set__", "__setitem__"} or (
        name.endswith("_") and not name.endswith("__")
    )
    first = args[0] if args else None
    return is_in_place and not (isinstance(first, Tensor) and first.grad_fn is not None)


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """Context at whose end each buffer of a model is the tensor that it was."""
    before = [(module, dict(module._buffers)) for module in model.modules()]
    try:
        yield
    finally:
        for module, buffers in before:
            if any(module._buffers.get(name) is not b for name, b in buffers.items()):
                module._buffers.update(buffers)
