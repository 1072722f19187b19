"""From the name of an architecture to the network.

A name is one of ours (`se_lenet`), one of timm's, with its weights' tag or without
(`seresnet50`, `seresnet50.a1_in1k`), one of torchvision's classifiers
(`torchvision:mobilenet_v3_small`, or without the prefix where timm has no such name),
or a function of the reader's own (`package.module:factory`).
"""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import timm
import torchvision
from torch import nn

from se_probe.checkpoints.factories import call_factory
from se_probe.errors import ArchitectureError
from se_probe.models import create_model, list_architectures

__all__ = [
    "TORCHVISION_PREFIX",
    "base_name",
    "build_model",
    "canonical_name",
    "is_factory",
    "known_names",
]

TORCHVISION_PREFIX = "torchvision:"
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


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
        return call_factory(arch, given)
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
