"""Which network a state dict is of, as far as its names tell.

Names tell where a project put things and how deep the network is. They do not tell the
stride's place, the padding or the gate function: with its weights renamed, a Cadene
SE-ResNet-50 loads into timm's `seresnet50` without complaint and gives other numbers.
So what is not known by its names is asked for, never guessed from shapes that fit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from se_probe.models import ForeignLayout, recognise

__all__ = ["Evidence", "evidence_in_names", "family_of_names"]

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Evidence:
    """What the names of the weights say about the network.

    Parameters
    ----------
    architecture : str
    source : str
        Whose names they are.
    options : dict
    foreign : ForeignLayout or None
        Renames the weights, where that is needed.
    """

    architecture: str
    source: str
    options: dict[str, Any] = field(default_factory=dict)
    foreign: ForeignLayout | None = None


@dataclass(frozen=True)
class _Shape:
    """Units of each stage, whether they are bottlenecks, and the 3x3's "32x4d".

    `groups` is output channels / input channels of a group, which is the number of
    groups where the convolution keeps the number of channels.
    """

    units: tuple[int, ...]
    is_bottleneck: bool
    groups: int = 1
    width: int = 64


_18, _50, _101, _152 = (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)

_TIMM = {
    _Shape(_18, is_bottleneck=False): "seresnet18",
    _Shape(_50, is_bottleneck=False): "seresnet34",
    _Shape(_50, is_bottleneck=True): "seresnet50",
    _Shape(_101, is_bottleneck=True): "seresnet101",
    _Shape(_152, is_bottleneck=True): "seresnet152",
    _Shape(_50, is_bottleneck=True, groups=32, width=4): "seresnext50_32x4d",
    _Shape(_101, is_bottleneck=True, groups=32, width=4): "seresnext101_32x4d",
    _Shape(_101, is_bottleneck=True, groups=32, width=8): "seresnext101_32x8d",
    _Shape(_101, is_bottleneck=True, groups=64, width=4): "seresnext101_64x4d",
}
_LEGACY = {
    _Shape(_18, is_bottleneck=False): "legacy_seresnet18",
    _Shape(_50, is_bottleneck=False): "legacy_seresnet34",
    _Shape(_50, is_bottleneck=True): "legacy_seresnet50",
    _Shape(_101, is_bottleneck=True): "legacy_seresnet101",
    _Shape(_152, is_bottleneck=True): "legacy_seresnet152",
    _Shape(_18, is_bottleneck=True, groups=32, width=4): "legacy_seresnext26_32x4d",
    _Shape(_50, is_bottleneck=True, groups=32, width=4): "legacy_seresnext50_32x4d",
    _Shape(_101, is_bottleneck=True, groups=32, width=4): "legacy_seresnext101_32x4d",
    # Its 3x3 convolution doubles the channels (in 64 groups), hence twice as many.
    _Shape(_152, is_bottleneck=True, groups=128, width=2): "legacy_senet154",
}

_UNIT = re.compile(r"layer([1-4])\.(\d+)\.")


def evidence_in_names(tensors: Tensors) -> Evidence | None:
    """Architecture that only one project's names stand for.

    Known are the SE-ResNets and SE-ResNeXts of Cadene's `pretrainedmodels` (timm's
    `legacy_*`), of timm, of moskomule/senet.pytorch and of miraclewkf/SENet-PyTorch.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Without wrappers' prefixes.

    Returns
    -------
    Evidence or None
    """
    foreign = recognise(tensors)
    if foreign:
        source = f"of {foreign.project}"
        return Evidence(foreign.architecture, source, foreign.options, foreign)
    if not _has(tensors, "layer1.0.conv2.weight"):
        return None
    if _has(tensors, "layer0.conv1.weight", "layer1.0.se_module.fc1.weight"):
        return _legacy(tensors)
    if _has(tensors, "conv1.weight", "layer1.0.se.fc1.weight", "fc.weight"):
        return _timm(tensors)
    return None


def _has(tensors: Tensors, *names: str) -> bool:
    return all(name in tensors for name in names)


def _legacy(tensors: Tensors) -> Evidence | None:
    name = _LEGACY.get(_shape(tensors))
    return Evidence(name, "of Cadene's pretrainedmodels") if name else None


def _timm(tensors: Tensors) -> Evidence | None:
    name = _TIMM.get(_shape(tensors))
    hidden, channels = tensors["layer1.0.se.fc1.weight"].shape[:2]
    is_plain = (
        tensors["conv1.weight"].shape[-1] == 7
        and "layer1.0.se.fc1.bias" in tensors
        and hidden == max(channels // 16, 8)
        # timm's "d" networks have a pooling layer first
        and "layer2.0.downsample.0.weight" in tensors
    )
    return Evidence(name, "of timm") if name and is_plain else None


def _shape(tensors: Tensors) -> _Shape:
    units = {match.groups() for name in tensors if (match := _UNIT.match(name))}
    inner = tensors["layer1.0.conv2.weight"].shape
    groups = inner[0] // inner[1]
    return _Shape(
        tuple(sum(stage == number for stage, _ in units) for number in "1234"),
        is_bottleneck="layer1.0.conv3.weight" in tensors,
        groups=groups,
        width=64 if groups == 1 else inner[1],
    )


# First hit wins. What the names look like, and what to give for --arch.
_FAMILIES = (
    ("_conv_stem.weight", "lukemelas/EfficientNet-PyTorch", "factory"),
    ("conv_stem.weight", "timm's EfficientNet and MobileNet families", "name"),
    ("features.0.0.weight", "torchvision's EfficientNet and MobileNet", "torchvision"),
    (
        "trunk_output.block1.block1-0.f.a.0.weight",
        "torchvision's RegNet",
        "torchvision",
    ),
    ("stem.conv.weight", "timm's RegNet and ByobNet families", "name"),
    ("s1.b1.se.fc1.weight", "timm's RegNet family", "name"),
    ("layer0.conv1.weight", "Cadene's pretrainedmodels", "name"),
    ("conv1.0.weight", "timm's ResNets with a deep stem", "name"),
    ("pre.0.weight", "weiaicunzai/pytorch-cifar100", "factory"),
    ("layer1.0.fc1.weight", "kuangliu/pytorch-cifar", "factory"),
    ("layer1.0.conv1.weight", "a ResNet", "name"),
)


def family_of_names(tensors: Tensors) -> tuple[str, str] | None:
    """What names look like that fit more than one network, or none known here.

    Returns
    -------
    tuple of str or None
        The family in words; and what is wanted for `--arch`: "name", "torchvision" or
        "factory".
    """
    for name, family, wanted in _FAMILIES:
        if name in tensors:
            return family, wanted
    return None
