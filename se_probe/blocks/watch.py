"""Watch a forward pass: which module runs, and which multiplications it does."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from se_probe.blocks.multiplications import read_multiplication
from se_probe.errors import BlockError

__all__ = [
    "Exchange",
    "Frame",
    "Product",
    "as_written",
    "takes_hooks",
    "unwrap",
    "watch_modules",
    "watch_products",
]


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
    The factors have the same number of axes.
    """

    path: str
    occurrence: int
    factors: tuple[Tensor, Tensor]


# A factor to take instead: 0 or 1, and the new one in the old one's axes.
Exchange: TypeAlias = tuple[int, Tensor]


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


def takes_hooks(module: nn.Module) -> bool:
    """Whether a module is Python's own code: a TorchScript program takes no hooks."""
    return not isinstance(module, torch.jit.ScriptModule)


def as_written(model: nn.Module | None = None) -> AbstractContextManager[Any]:
    """Context in which compiled functions and modules run as they are written.

    What ``torch.compile`` made of a part of a network shows neither its modules nor its
    multiplications.

    Parameters
    ----------
    model : nn.Module, optional
        Only if modules of this network are compiled; by default whatever is compiled.

    Returns
    -------
    context manager
    """
    # Importing the compiler takes seconds; where it is not loaded, nothing is compiled.
    is_loaded = "torch._dynamo" in sys.modules
    if not is_loaded or (
        model is not None and not any(map(_is_compiled, model.modules()))
    ):
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def _is_compiled(module: nn.Module) -> bool:
    in_place = getattr(module, "_compiled_call_impl", None) is not None
    return in_place or isinstance(getattr(module, "_orig_mod", None), nn.Module)


@contextmanager
def watch_modules(
    modules: Mapping[str, nn.Module],
    ended: Callable[[str, nn.Module, Any], None] | None = None,
) -> Iterator[list[Frame]]:
    """Stack of the running modules, innermost last, while the context is open.

    Parameters
    ----------
    modules : mapping of path to module
        Of those that take no hooks nothing is seen.
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
            if not takes_hooks(module):
                continue
            hooks.enter_context(module.register_forward_pre_hook(enter(path)))
            # always_call: the stack stays right when a caller catches an exception.
            hooks.enter_context(
                module.register_forward_hook(leave(path), always_call=True)
            )
        yield stack


class _ProductMode(TorchFunctionMode):
    def __init__(
        self, stack: Sequence[Frame], seen: Callable[[Product], Exchange | None]
    ):
        super().__init__()
        self.stack, self.seen = stack, seen

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        call = read_multiplication(func, args, kwargs) if self.stack else None
        if call is not None:
            frame = self.stack[-1]
            frame.n_products += 1
            # Before the multiplication, because it may be in place.
            product = Product(frame.path, frame.n_products - 1, call.factors)
            exchange = self.seen(product)
            if exchange is not None:
                args, kwargs = call.with_factor(*exchange, args, kwargs)
        if isinstance(out := kwargs.get("out"), Tensor) and torch.is_grad_enabled():
            return _written(func, args, kwargs, out)
        return func(*args, **kwargs)


def _written(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor
) -> Tensor:
    """Result of a call with `out=`, which torch refuses where gradients are kept."""
    rest = {name: value for name, value in kwargs.items() if name != "out"}
    result: Tensor = func(*args, **rest)
    if out.shape != result.shape:
        out.resize_(result.shape)
    return out.copy_(result)


def watch_products(
    stack: Sequence[Frame], seen: Callable[[Product], Exchange | None]
) -> TorchFunctionMode:
    """Context in which `seen` is called with every product of two tensors.

    Works above autograd, so that the factors still know what they were computed from,
    and needs no module: functional gates are seen too. The counting of occurrences
    needs the stack of :func:`watch_modules`. What `seen` returns is multiplied by
    instead; None leaves the product as it is.

    Returns
    -------
    TorchFunctionMode
    """
    return _ProductMode(stack, seen)
