"""Our own architectures by name."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from se_probe.errors import ArchitectureError, UsageError
from se_probe.models.backbones import insert_se
from se_probe.models.se_block import Gate, SEBlock, Squeeze
from se_probe.models.se_lenet import SELeNet
from se_probe.models.se_resnet import SHAPES, se_resnet

__all__ = ["Architecture", "architecture", "create_model", "list_architectures"]


@dataclass(frozen=True)
class Architecture:
    """How to build a network, and what it is made for.

    Parameters
    ----------
    build : callable
        Takes the number of classes and the options by keyword.
    num_classes : int
        Default number of classes.
    input_size : tuple of int
        Channels, height and width of its images.
    """

    build: Callable[..., nn.Module]
    num_classes: int = 1000
    input_size: tuple[int, int, int] = (3, 224, 224)


def create_model(
    arch: str, num_classes: int | None = None, **options: Any
) -> nn.Module:
    """One of our own networks with random weights.

    Parameters
    ----------
    arch : str
        One of :func:`list_architectures`.
    num_classes : int, optional
        By default what the architecture is made for: 1000 at 224, 10 for CIFAR and
        SE-LeNet.
    **options
        `reduction`, `bias`, `squeeze`, `gate` of :class:`~se_probe.models.SEBlock`;
        for SE-ResNets also `integration`, `stages`, `stride_on` of
        :func:`~se_probe.models.se_resnet.se_resnet`.

    Returns
    -------
    nn.Module
        It carries `architecture`, `num_classes`, `options` (plain JSON types, defaults
        included) and `input_size`, so that
        ``create_model(m.architecture, m.num_classes, **m.options)`` builds it again.

    Raises
    ------
    ArchitectureError
        If there is no such architecture; the message names the nearest.
    UsageError
        If an option is not one of the architecture's, or has no such value.

    Examples
    --------
    >>> model = create_model("se_lenet", gate="hardsigmoid")
    >>> model.options
    {'reduction': 4, 'bias': False, 'squeeze': 'avg', 'gate': 'hardsigmoid'}
    """
    chosen = architecture(arch)
    classes = chosen.num_classes if num_classes is None else num_classes
    if classes < 1:
        raise UsageError(f"a network needs at least 1 class, got {classes}")
    known = _default_options(chosen)
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise UsageError(
            f"{arch} has the options {', '.join(known)}, got {', '.join(unknown)}"
        )
    model = chosen.build(num_classes=classes, **options)
    facts = {
        "architecture": arch,
        "num_classes": classes,
        "options": {k: _plain(v) for k, v in (known | options).items()},
        "input_size": chosen.input_size,
    }
    for name, fact in facts.items():
        setattr(model, name, fact)
    return model


def list_architectures() -> list[str]:
    """Names that :func:`create_model` builds."""
    return list(_ARCHITECTURES)


def architecture(arch: str) -> Architecture:
    """How to build the network of a name.

    Returns
    -------
    Architecture

    Raises
    ------
    ArchitectureError
        If there is no such architecture; the message names the nearest.
    """
    if arch in _ARCHITECTURES:
        return _ARCHITECTURES[arch]
    near = difflib.get_close_matches(arch, _ARCHITECTURES, n=3, cutoff=0.5)
    hint = f"There are {', '.join(_ARCHITECTURES)}"
    if near:
        hint = f"Did you mean {' or '.join(near)}?"
    raise ArchitectureError(f"se_probe has no architecture {arch!r}. {hint}")


def _default_options(chosen: Architecture) -> dict[str, Any]:
    parameters = inspect.signature(chosen.build).parameters.values()
    return {
        p.name: p.default
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name != "num_classes"
    }


def _plain(value: Any) -> Any:
    """Option in plain JSON types."""
    return list(value) if isinstance(value, (list, tuple, range)) else value


def _torchvision_with_se(
    name: str,
    num_classes: int,
    *,
    reduction: int = 16,
    bias: bool = True,
    squeeze: Squeeze = "avg",
    gate: Gate = "sigmoid",
) -> nn.Module:
    """One of torchvision's networks with SE blocks, as `add_se` puts them."""
    import torchvision

    settings: dict[str, Any] = {"weights": None, "num_classes": num_classes}
    if name in {"googlenet", "inception_v3"}:
        settings |= {"aux_logits": False, "init_weights": True}
    model: nn.Module = getattr(torchvision.models, name)(**settings)
    make_se = partial(
        SEBlock, reduction=reduction, bias=bias, squeeze=squeeze, gate=gate
    )
    insert_se(model, make_se)
    return model


def _se_resnet(name: str) -> Architecture:
    build = partial(se_resnet, SHAPES[name])
    if SHAPES[name].has_large_stem:
        return Architecture(build)
    return Architecture(build, num_classes=10, input_size=(3, 32, 32))


def _with_se(name: str, side: int = 224) -> Architecture:
    build = partial(_torchvision_with_se, name)
    return Architecture(build, input_size=(3, side, side))


_ARCHITECTURES: dict[str, Architecture] = {
    "se_lenet": Architecture(SELeNet, num_classes=10, input_size=(1, 28, 28)),
    **{name: _se_resnet(name) for name in SHAPES},
    "se_vgg16_bn": _with_se("vgg16_bn"),
    "se_googlenet": _with_se("googlenet"),
    "se_inception_v3": _with_se("inception_v3", side=299),
    "se_mobilenet_v2": _with_se("mobilenet_v2"),
    "se_shufflenet_v2_x1_0": _with_se("shufflenet_v2_x1_0"),
}
