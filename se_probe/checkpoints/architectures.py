"""From the name of an architecture to the network and its preprocessing.

A name is one of ours (`se_lenet`), one of timm's, with its weights' tag or without
(`seresnet50`, `seresnet50.a1_in1k`), one of torchvision's classifiers
(`torchvision:mobilenet_v3_small`, or without the prefix where timm has no such name),
or a function of the reader's own (`package.module:factory`).
"""

import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import timm
import torch
import torchvision
from timm.data.config import resolve_data_config
from timm.layers.space_to_depth import SpaceToDepth
from torch import Tensor, nn

from se_probe.errors import ArchitectureError, SEProbeError, UsageError
from se_probe.images import Preprocessing, default_preprocessing
from se_probe.models import create_model, list_architectures
from se_probe.running import importable_from_here

__all__ = [
    "TORCHVISION_PREFIX",
    "base_name",
    "build_model",
    "can_be_headless",
    "canonical_name",
    "count_channels",
    "count_classes",
    "is_factory",
    "known_names",
    "name_of_factory",
    "preprocessing_of",
]

TORCHVISION_PREFIX = "torchvision:"
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
# Names of classifiers, in those networks that do not declare theirs.
_HEAD = re.compile(
    r"(fc\d*|_fc|last_linear|linear|classifier|head|heads)(\.\w+)*\.weight"
)


def canonical_name(arch: str) -> str:
    """The one spelling of an architecture's name.

    Returns
    -------
    str

    Raises
    ------
    ArchitectureError
        If nothing here can build it; the message names the nearest.

    Examples
    --------
    >>> canonical_name("mobilenet_v3_small"), canonical_name("timm:seresnet18")
    ('torchvision:mobilenet_v3_small', 'seresnet18')
    """
    name = arch.removeprefix("timm:")
    if name in list_architectures() or _is_timm(name):
        return name
    bare = arch.removeprefix(TORCHVISION_PREFIX)
    if bare in _torchvision_names():
        return TORCHVISION_PREFIX + bare
    if is_factory(arch):
        return arch
    raise ArchitectureError(f"there is no architecture {arch!r}. {_near(bare)}")


def is_factory(arch: str) -> bool:
    """Whether a name is a function of the reader's own, `package.module:factory`."""
    is_library = arch.startswith((TORCHVISION_PREFIX, "timm:"))
    return not is_library and _FACTORY.fullmatch(arch) is not None


def base_name(arch: str) -> str:
    """Name without the tag that says which published weights are meant."""
    name = canonical_name(arch)
    return name if is_factory(name) else name.partition(".")[0]


def _is_timm(name: str) -> bool:
    if not timm.is_model(name):
        return False
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # a tag that this network does not have
        tags = ", ".join(timm.list_pretrained(f"{name.partition('.')[0]}.*"))
        raise ArchitectureError(
            f"timm has no {name!r}. Published weights: {tags or 'none'}"
        ) from error
    return True


@cache
def _torchvision_names() -> frozenset[str]:
    return frozenset(torchvision.models.list_models(module=torchvision.models))


@cache
def known_names() -> tuple[str, ...]:
    """Every name that can be built without a function of the reader's own."""
    names = {*list_architectures(), *timm.list_models(), *_torchvision_names()}
    return tuple(sorted(names))


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, known_names(), n=3, cutoff=0.6)
    found = f"Did you mean {' or '.join(near)}? " if near else ""
    return (
        f"{found}It may be one of ours ({list_architectures()[0]} ...), a timm name, "
        "torchvision:NAME, or package.module:factory"
    )


def build_model(
    arch: str, num_classes: int | None = None, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """Network of an architecture, with random weights.

    Parameters
    ----------
    arch : str
        A canonical name.
    num_classes : int, optional
        By default what the architecture is made for.
    options : mapping, optional
        Further arguments of the architecture.

    Returns
    -------
    nn.Module

    Raises
    ------
    ArchitectureError
        If the architecture does not take these options, or the function is not there.
    UsageError
        If one of our own does not.
    """
    given = dict(options or {})
    if arch in list_architectures():
        return create_model(arch, num_classes, **given)
    if num_classes is not None:
        given["num_classes"] = num_classes
    if is_factory(arch):
        return _call_factory(arch, given)
    try:
        if arch.startswith(TORCHVISION_PREFIX):
            name = arch.removeprefix(TORCHVISION_PREFIX)
            model: nn.Module = torchvision.models.get_model(name, weights=None, **given)
        else:
            model = timm.create_model(arch, pretrained=False, **given)
    except TypeError as error:
        raise ArchitectureError(
            f"{arch} cannot be built with {given}: {error}"
        ) from error
    return model


def _call_factory(arch: str, settings: dict[str, Any]) -> nn.Module:
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
    return model


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


def count_classes(arch: str, tensors: Mapping[str, Tensor]) -> int | None:
    """Rows of the classifier's weight among a network's weights; None if not found."""
    declared = _declared_layer(arch, "classifier")
    if declared in tensors:
        return len(tensors[declared])
    heads = [
        name
        for name, tensor in tensors.items()
        if _HEAD.fullmatch(name) and tensor.ndim in {2, 4}
    ]
    return len(tensors[max(heads, key=_numbers)]) if heads else None


def can_be_headless(arch: str) -> bool:
    """Whether a network can be built without its classifier: timm's with one can."""
    return _declared_layer(arch, "classifier") not in {"", ".weight"}


def count_channels(arch: str, tensors: Mapping[str, Tensor]) -> int | None:
    """Channels of a timm network's images, from its first layer; None if not found."""
    declared = _declared_layer(arch, "first_conv")
    if declared not in tensors:
        return None
    channels = tensors[declared].shape[1]
    if channels in {1, 3}:
        return channels
    with torch.device("meta"):  # shapes only
        usual = timm.create_model(arch, pretrained=False)
    return 3 if usual.state_dict()[declared].shape[1] == channels else channels


def _declared_layer(arch: str, kind: str) -> str:
    """Weight of what timm calls `classifier` or `first_conv`; "" for no timm name."""
    if not timm.is_model(arch):
        return ""
    layer = getattr(timm.get_pretrained_cfg(arch), kind)
    first = layer if isinstance(layer, str) or not layer else layer[0]
    return f"{first}.weight"


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def preprocessing_of(
    arch: str, model: nn.Module, settings: Mapping[str, Any] | None = None
) -> Preprocessing:
    """Preprocessing that an architecture's weights are made for.

    Parameters
    ----------
    arch : str
        A canonical name.
    model : nn.Module
    settings : mapping, optional
        Arguments of timm's training script, where the checkpoint holds them.

    Returns
    -------
    Preprocessing
        timm's data configuration; of torchvision's networks that of their default
        weights; of others ImageNet's at the network's `input_size` (side 224 where it
        has none), MNIST's at 28 x 28 in grey, CIFAR-10's at 32 x 32.
    """
    if isinstance(getattr(model, "pretrained_cfg", None), dict):
        config = resolve_data_config(  # type: ignore[no-untyped-call]
            dict(settings or {}), model=model
        )
        return Preprocessing.from_dict(_for_channels(config, _channels_in(model)))
    if arch.startswith(TORCHVISION_PREFIX):
        weights = torchvision.models.get_model_weights(
            arch.removeprefix(TORCHVISION_PREFIX)
        )
        return Preprocessing.from_torchvision(weights.DEFAULT.transforms())
    channels, *sides = _input_size(model)
    if (channels, *sides) == (1, 28, 28):
        return default_preprocessing("mnist")
    if (channels, *sides) == (3, 32, 32):
        return default_preprocessing("cifar10")
    config = {"input_size": (3, *sides), "interpolation": "bilinear"}
    return Preprocessing.from_dict(_for_channels(config, channels))


def _input_size(model: nn.Module) -> tuple[int, ...]:
    declared = getattr(model, "input_size", None)
    if isinstance(declared, tuple) and len(declared) == 3:
        return declared
    return _channels_in(model), 224, 224


def _channels_in(model: nn.Module) -> int:
    convolutions = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    first = next(convolutions, None)
    if first is None:
        return 3
    # timm's TResNets put the pixels of a tile into the channels first.
    tiles = (m.bs for m in model.modules() if isinstance(m, SpaceToDepth))
    return first.in_channels // next(tiles, 1) ** 2


def _for_channels(config: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """Configuration for another number of channels: mean and sd of all three."""
    plain = Preprocessing.from_dict(config)
    if channels == len(plain.mean):
        return dict(config)
    return dict(config) | {
        "input_size": (channels, *plain.input_size[1:]),
        "mean": (fmean(plain.mean),) * channels,
        "std": (fmean(plain.std),) * channels,
    }
