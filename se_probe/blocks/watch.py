"""Watch a forward pass: which module runs, and which multiplications it does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from se_probe.errors import BlockError

__all__ = ["Frame", "Product", "gate_rows", "unwrap", "watch_modules", "watch_products"]

_MULTIPLICATIONS = frozenset(
    ["mul", "mul_", "multiply", "multiply_", "__mul__", "__rmul__", "__imul__"]
)


@dataclass
class Frame:
    """A running module, and how many multiplications it has done itself."""

    path: str
    n_products: int = 0


@dataclass(frozen=True)
class Product:
    """One multiplication of two tensors, before it is carried out.

    `path` is the innermost module that runs, `occurrence` counts the multiplications
    of that call from 0: together they find the same line of code in the next pass.
    """

    path: str
    occurrence: int
    factors: tuple[Tensor, Tensor]


def unwrap(model: nn.Module) -> nn.Module:
    """Module inside ``torch.compile`` and (Distributed)DataParallel wrappers.

    Hooks that are set after a compiled module's first call never fire, and replicas of
    a DataParallel module share theirs, so se_probe always works on the plain module.

    Returns
    -------
    nn.Module

    Raises
    ------
    BlockError
        If the model is a TorchScript or exported program, which takes no hooks.
    """
    if isinstance(model, torch.jit.ScriptModule) or not isinstance(model, nn.Module):
        raise BlockError(
            f"{type(model).__name__} takes no hooks; load its state_dict() into the "
            "eager network it was made from"
        )
    while True:
        if isinstance(inner := getattr(model, "_orig_mod", None), nn.Module) or (
            isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel)
            and isinstance(inner := model.module, nn.Module)
        ):
            model = inner
        else:
            return model


@contextmanager
def watch_modules(
    modules: Mapping[str, nn.Module],
    ended: Callable[[str, nn.Module, Any], None] | None = None,
) -> Iterator[list[Frame]]:
    """Stack of the running modules, innermost last, while the context is open.

    Parameters
    ----------
    modules : mapping of path to module
    ended : callable, optional
        Called with path, module and output whenever a module's forward has ended.

    Yields
    ------
    list of Frame
    """
    stack: list[Frame] = []

    def enter(path: str) -> Callable[..., None]:
        return lambda module, args: stack.append(Frame(path))

    def leave(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if stack:
                stack.pop()
            if ended is not None:
                ended(path, module, output)

        return hook

    with ExitStack() as hooks:
        for path, module in modules.items():
            hooks.enter_context(module.register_forward_pre_hook(enter(path)))
            # always_call: the stack stays right when a caller catches an exception.
            hooks.enter_context(
                module.register_forward_hook(leave(path), always_call=True)
            )
        yield stack


class _ProductMode(TorchFunctionMode):
    def __init__(self, stack: Sequence[Frame], seen: Callable[[Product], None]):
        super().__init__()
        self.stack, self.seen = stack, seen

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in _MULTIPLICATIONS and self.stack and len(args) == 2:
            frame = self.stack[-1]
            frame.n_products += 1
            first, second = args
            if isinstance(first, Tensor) and isinstance(second, Tensor):
                # Before the multiplication, because it may be in place.
                self.seen(Product(frame.path, frame.n_products - 1, (first, second)))
        return func(*args, **(kwargs or {}))


def watch_products(
    stack: Sequence[Frame], seen: Callable[[Product], None]
) -> TorchFunctionMode:
    """Context in which `seen` is called with every product of two tensors.

    Works above autograd, so that the factors still know what they were computed from,
    and needs no module: functional gates are seen too. The counting of occurrences
    needs the stack of :func:`watch_modules`.

    Returns
    -------
    TorchFunctionMode
    """
    return _ProductMode(stack, seen)


def gate_rows(feature_map: Tensor, factor: Tensor) -> Tensor | None:
    """Gates, shape (batch, channels), if `factor` scales whole channels of the map.

    Takes factors of shape (B, C, 1, 1), (B, 1, 1, C) for channels-last code, and
    factors expanded to the map (stride 0 over height and width). Everything else gives
    None: spatial gates, swish, layer scale (no batch axis of its own).

    Parameters
    ----------
    feature_map, factor : Tensor
        The two factors of a product; the map is larger than 1 x 1.

    Returns
    -------
    Tensor or None
    """
    if feature_map.ndim != 4 or factor.ndim != 4 or len(feature_map) != len(factor):
        return None
    for channel_axis, axes in ((1, (2, 3)), (3, (1, 2))):
        n_channels = feature_map.shape[channel_axis]
        if n_channels < 2 or factor.shape[channel_axis] != n_channels:
            continue
        if feature_map.shape[axes[0]] * feature_map.shape[axes[1]] == 1:
            continue
        if all(factor.shape[axis] == 1 or factor.stride(axis) == 0 for axis in axes):
            return factor.select(axes[1], 0).select(axes[0], 0)
    return None
