"""Networks that a function of the reader's own builds, `package.module:factory`."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from se_probe.errors import ArchitectureError, SEProbeError, UsageError
from se_probe.running import importable_from_here

__all__ = ["call_factory", "name_of_factory"]


def name_of_factory(factory: Callable[..., Any]) -> str:
    """Name `module:factory` of a class or a function.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        If it cannot be found again by its name, as what is made inside a function.

    Examples
    --------
    >>> name_of_factory(nn.Identity)
    'torch.nn.modules.linear:Identity'
    """
    module = getattr(factory, "__module__", "")
    path = getattr(factory, "__qualname__", type(factory).__name__)
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is not factory:
        raise UsageError(
            f"{path} cannot be found again by its name: define it at the top of a "
            "module or of a notebook"
        )
    return f"{module}:{path}"


def call_factory(arch: str, settings: dict[str, Any]) -> nn.Module:
    """Network that a function of the reader's own returns.

    Parameters
    ----------
    arch : str
        `package.module:factory`; it is imported and called.
    settings : dict
        Arguments; `num_classes` only where it takes that.

    Returns
    -------
    nn.Module

    Raises
    ------
    ArchitectureError
        If it is not there, needs other arguments, fails, or returns something else.
    SEProbeError
        Of its own.
    """
    factory = _import_factory(arch)
    accepted = inspect.signature(factory).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    if "num_classes" not in accepted and not takes_any:
        settings = {k: v for k, v in settings.items() if k != "num_classes"}
    _refuse_needed(arch, accepted.values(), settings)
    try:
        with importable_from_here():
            model = factory(**settings)
    except SEProbeError:
        raise
    except Exception as error:  # it is the reader's own code
        raise ArchitectureError(
            f"{arch} failed: {type(error).__name__}: {_first_line(error)}"
        ) from error
    if not isinstance(model, nn.Module):
        raise ArchitectureError(
            f"{arch} returned a {type(model).__name__}, expected a torch.nn.Module"
        )
    return _as_written(model)


def _as_written(model: nn.Module) -> nn.Module:
    """The network without what ``torch.compile`` put around it or its parts.

    Compiled parts have other names of weights, and are not those that are run when one
    is exchanged.

    Returns
    -------
    nn.Module
    """
    plain: nn.Module = getattr(model, "_orig_mod", model)
    for module in list(plain.modules()):
        for name, child in list(module.named_children()):
            inner = getattr(child, "_orig_mod", child)
            if inner is not child:
                setattr(module, name, inner)
    return plain


def _refuse_needed(
    arch: str, accepted: Iterable[inspect.Parameter], given: Mapping[str, Any]
) -> None:
    needed = [
        p.name
        for p in accepted
        if p.default is p.empty
        and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}
        and p.name not in given
    ]
    if needed:
        raise ArchitectureError(
            f"{arch} needs the arguments {', '.join(needed)}: write a function without "
            "any that calls it with them, and give that"
        )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _import_module(name: str) -> Any:
    with importable_from_here():
        try:
            return importlib.import_module(name)
        except ImportError as error:
            folder = Path.cwd()
            if "relative import" not in str(error) or not folder.name.isidentifier():
                raise
    # It is part of a package, which this folder is.
    with importable_from_here(folder.parent):
        return importlib.import_module(f"{folder.name}.{name}")


def _import_factory(arch: str) -> Callable[..., Any]:
    module_name, _, path = arch.partition(":")
    try:
        factory: Any = _import_module(module_name)
    except ModuleNotFoundError as error:
        raise ArchitectureError(
            f"{arch} cannot be imported ({error}): run this in the folder that holds "
            "the module, or install its package"
        ) from error
    except Exception as error:  # it is the reader's own code
        raise ArchitectureError(
            f"{arch} cannot be imported ({type(error).__name__}: {_first_line(error)})"
        ) from error
    for part in path.split("."):
        factory = getattr(factory, part, None)
    if not callable(factory):
        raise ArchitectureError(f"{module_name} has no function {path}")
    called: Callable[..., Any] = factory
    return called
