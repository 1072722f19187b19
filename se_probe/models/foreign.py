"""Weights of SE-ResNets from other projects, renamed to fit ours.

Two widely copied projects define networks that neither torchvision nor timm has. Both
are torchvision's ResNet with the stride on the 3x3 convolution and SE after the last
batch norm, so our :func:`~se_probe.models.create_model` builds the same function, and
only the names and shapes of the SE layers differ:

==========================  ===============================  ==========================
project                     weights of the SE layers         biases
==========================  ===============================  ==========================
moskomule/senet.pytorch     `layer1.0.se.fc.0.weight` (2-D)  none; the files of 2017-18
                            `layer1.0.se.fc.2.weight`        have them
miraclewkf/SENet-PyTorch    `layer1.0.fc1.weight` (2-D)      always
                            `layer1.0.fc2.weight`
==========================  ===============================  ==========================

A third one, kuangliu/pytorch-cifar, has the names of the second but 4-D weights, and is
another network; it is not taken for one of these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from se_probe.models.se_resnet import SHAPES, ResNetShape

__all__ = ["ForeignLayout", "recognise"]


@dataclass(frozen=True)
class _Project:
    name: str
    first_layer: str  # after `layer1.0.`
    second_layer: str


_PROJECTS = (
    _Project("moskomule/senet.pytorch", "se.fc.0", "se.fc.2"),
    _Project("miraclewkf/SENet-PyTorch", "fc1", "fc2"),
)


@dataclass(frozen=True)
class ForeignLayout:
    """What a foreign state dict is, and how it becomes one of ours.

    Parameters
    ----------
    project : str
        Where this layout comes from.
    architecture : str
        Name for :func:`~se_probe.models.create_model`.
    num_classes : int
        Rows of the head.
    options : dict
        `reduction` and `bias`, for :func:`~se_probe.models.create_model`.
    """

    project: str
    architecture: str
    num_classes: int
    options: dict[str, Any]

    def convert(self, state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """State dict with our names; the weights of SE layers become 1x1 convolutions.

        Parameters
        ----------
        state_dict : mapping of str to Tensor
            As :func:`recognise` saw it.

        Returns
        -------
        dict of str to Tensor
            Fits ``create_model(architecture, num_classes, **options)`` strictly.
        """
        project = next(p for p in _PROJECTS if p.name == self.project)
        layers = {project.first_layer: "se.fc1", project.second_layer: "se.fc2"}
        converted = {}
        for key, tensor in state_dict.items():
            unit, layer, kind = _split(key)
            if layer not in layers:
                converted[key] = tensor
                continue
            weight = tensor[:, :, None, None] if kind == "weight" else tensor
            converted[f"{unit}.{layers[layer]}.{kind}"] = weight
        return converted


def recognise(state_dict: Mapping[str, Tensor]) -> ForeignLayout | None:
    """Which of the foreign layouts a state dict has.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        Without wrappers' prefixes such as `module.`.

    Returns
    -------
    ForeignLayout or None
        None where it is none of them, or a network that we do not have.

    Notes
    -----
    The layout decides on the stride: both projects have it on the 3x3 convolution, our
    default.

    Examples
    --------
    >>> from se_probe.models import create_model
    >>> recognise(create_model("se_resnet20_cifar").state_dict()) is None
    True
    """
    head = state_dict.get("fc.weight")
    project = next((p for p in _PROJECTS if _is_of(p, state_dict)), None)
    architecture = _architecture(state_dict)
    if project is None or architecture is None or head is None:
        return None
    weight = state_dict[f"layer1.0.{project.first_layer}.weight"]
    bias = f"layer1.0.{project.first_layer}.bias" in state_dict
    return ForeignLayout(
        project=project.name,
        architecture=architecture,
        num_classes=len(head),
        options={"reduction": weight.shape[1] // weight.shape[0], "bias": bias},
    )


def _is_of(project: _Project, state_dict: Mapping[str, Tensor]) -> bool:
    weight = state_dict.get(f"layer1.0.{project.first_layer}.weight")
    return weight is not None and weight.ndim == 2


def _architecture(state_dict: Mapping[str, Tensor]) -> str | None:
    shape = _shape(state_dict)
    return next((name for name, known in SHAPES.items() if known == shape), None)


def _shape(state_dict: Mapping[str, Tensor]) -> ResNetShape | None:
    """Shape of a ResNet, from the names and shapes of its weights."""
    stem = state_dict.get("conv1.weight")
    inner = state_dict.get("layer1.0.conv2.weight")
    if stem is None or inner is None:
        return None
    units = {m.groups() for key in state_dict if (m := _UNIT.match(key))}
    stages = sorted({stage for stage, _ in units})
    groups = inner.shape[0] // inner.shape[1]
    return ResNetShape(
        layers=tuple(sum(s == stage for s, _ in units) for stage in stages),
        is_bottleneck="layer1.0.conv3.weight" in state_dict,
        groups=groups,
        width=64 if groups == 1 else inner.shape[1],
        first_channels=stem.shape[0],
        has_large_stem=stem.shape[-1] == 7,
    )


_UNIT = re.compile(r"layer(\d+)\.(\d+)\.")
_PARTS = re.compile(r"(layer\d+\.\d+)\.(.+)\.(weight|bias)")


def _split(key: str) -> tuple[str, str, str]:
    """Unit, layer and kind of a weight: `layer1.0`, `se.fc.0`, `weight`."""
    match = _PARTS.fullmatch(key)
    return (match[1], match[2], match[3]) if match else ("", "", "")
