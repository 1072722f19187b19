"""SE-ResNet and SE-ResNeXt: torchvision's networks with an SE block in each unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from torch import nn

from se_probe.errors import UsageError
from se_probe.models.residual_units import (
    Integration,
    check_choice,
    put_se_in_resnet,
)
from se_probe.models.se_block import Gate, SEBlock, Squeeze

__all__ = ["SHAPES", "ResNetShape", "StrideOn", "se_resnet"]

StrideOn = Literal["3x3", "1x1"]


@dataclass(frozen=True)
class ResNetShape:
    """What distinguishes one ResNet from another.

    Parameters
    ----------
    layers : tuple of int
        Residual units in each stage.
    is_bottleneck : bool
        Units of 1x1, 3x3, 1x1 convolutions, else of two 3x3.
    groups, width : int
        Groups of the 3x3 convolution and channels of a group, "32x4d" (ResNeXt).
    first_channels : int
        Channels after the stem: 64, or 16 in the CIFAR form of He et al. with its
        three stages of 16, 32 and 64 channels.
    has_large_stem : bool
        7x7 convolution with stride 2 and a max pool, for images of side 224; else one
        3x3 convolution, for images of side 32.
    """

    layers: tuple[int, ...]
    is_bottleneck: bool
    groups: int = 1
    width: int = 64
    first_channels: int = 64
    has_large_stem: bool = True


_50, _101, _152 = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)

SHAPES: dict[str, ResNetShape] = {
    "se_resnet18": ResNetShape((2, 2, 2, 2), is_bottleneck=False),
    "se_resnet34": ResNetShape(_50, is_bottleneck=False),
    "se_resnet50": ResNetShape(_50, is_bottleneck=True),
    "se_resnet101": ResNetShape(_101, is_bottleneck=True),
    "se_resnet152": ResNetShape(_152, is_bottleneck=True),
    "se_resnext50_32x4d": ResNetShape(_50, is_bottleneck=True, groups=32, width=4),
    "se_resnext101_32x4d": ResNetShape(_101, is_bottleneck=True, groups=32, width=4),
    "se_resnext152_32x4d": ResNetShape(_152, is_bottleneck=True, groups=32, width=4),
    "se_resnext152_64x4d": ResNetShape(_152, is_bottleneck=True, groups=64, width=4),
    "se_resnet18_cifar": ResNetShape(
        (2, 2, 2, 2), is_bottleneck=False, has_large_stem=False
    ),
    "se_resnet50_cifar": ResNetShape(_50, is_bottleneck=True, has_large_stem=False),
} | {
    f"se_resnet{6 * n + 2}_cifar": ResNetShape(
        (n, n, n), is_bottleneck=False, first_channels=16, has_large_stem=False
    )
    for n in (3, 5, 9, 18)
}
"""Shape of each SE-ResNet by its name."""


def se_resnet(
    shape: ResNetShape,
    num_classes: int,
    *,
    reduction: int = 16,
    bias: bool = True,
    squeeze: Squeeze = "avg",
    gate: Gate = "sigmoid",
    integration: Integration = "standard",
    stages: Sequence[int] | None = None,
    stride_on: StrideOn = "3x3",
) -> nn.Module:
    """SE-ResNet with random weights, built on torchvision's `ResNet`.

    Parameters and buffers are named as in torchvision, those of the SE blocks
    `layer{stage - 1}.{unit}.se.*`; SE_4_6 of the paper is at `layer3.5.se`. No
    residual branch starts at zero, so gates differ between images from the start.

    Parameters
    ----------
    shape : ResNetShape
        One of :data:`SHAPES`.
    num_classes : int
    reduction, bias, squeeze, gate
        As in :class:`~se_probe.models.SEBlock`.
    integration : {"standard", "pre", "post", "identity", "3x3"}
        Place of the SE block in a residual unit (section 6.5): on the residual branch,
        before it, after sum and ReLU, on the shortcut (after its projection), or
        after the 3x3 convolution (with its batch norm and ReLU; the first of two).
    stages : sequence of int, optional
        Stages with SE blocks, of 2 to 5 (2 to 4 in the CIFAR form with three stages);
        all by default, and none for `()`, which is the plain ResNet.
    stride_on : {"3x3", "1x1"}
        Which convolution of a bottleneck halves the resolution: the 3x3 as in
        torchvision, or the first 1x1 as in the paper's Caffe networks.

    Returns
    -------
    nn.Module

    Notes
    -----
    A block's hidden layer has `channels / reduction` units, 1 where 16 channels are
    reduced by 16. Where the ReLU closes all of them for every image, the gates are
    constant; before training that happens in the narrow first blocks of the CIFAR
    forms and of SE-ResNet-18, and `reduction=4` avoids it.

    Raises
    ------
    UsageError
        If an option has none of the values above, or `stride_on="1x1"` is asked of
        a network without bottlenecks.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, sections 3.4, 6.4 and 6.5.
    https://arxiv.org/abs/1709.01507
    He, Zhang, Ren, Sun. CVPR 2016, sections 3.3 and 4.2 (CIFAR form; here with
    projections for shortcuts). https://arxiv.org/abs/1512.03385
    """
    model: nn.Module = _plain_resnet(shape, num_classes)
    if stride_on != "3x3":
        check_choice("stride_on", stride_on, get_args(StrideOn))
        _move_strides(model, shape)
    make_se = partial(
        SEBlock, reduction=reduction, bias=bias, squeeze=squeeze, gate=gate
    )
    put_se_in_resnet(model, make_se, integration=integration, stages=stages)
    return model


def _plain_resnet(shape: ResNetShape, num_classes: int) -> Any:
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

    unit = Bottleneck if shape.is_bottleneck else BasicBlock
    layers = list(shape.layers)
    if len(layers) == 3:
        model = _three_stages(ResNet(unit, [1, 1, 1, 1], num_classes), unit, shape)
    else:
        model = ResNet(
            unit,
            layers,
            num_classes,
            groups=shape.groups,
            width_per_group=shape.width,
        )
    if not shape.has_large_stem:
        model.conv1 = nn.Conv2d(3, shape.first_channels, 3, padding=1, bias=False)
        model.maxpool = nn.Identity()
        _initialise(model)
    return model


def _three_stages(model: Any, unit: Any, shape: ResNetShape) -> Any:
    """Give a torchvision ResNet the three narrow stages of the CIFAR form."""
    channels = model.inplanes = shape.first_channels
    model.bn1 = nn.BatchNorm2d(channels)
    for number, n_units in enumerate(shape.layers):
        stride = 1 if number == 0 else 2
        layer = model._make_layer(unit, channels << number, n_units, stride)
        setattr(model, f"layer{number + 1}", layer)
    model.layer4 = nn.Identity()
    model.fc = nn.Linear(model.inplanes, model.fc.out_features)
    return model


def _initialise(model: nn.Module) -> None:
    """Draw the weights of all convolutions as torchvision's `ResNet` does."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _move_strides(model: nn.Module, shape: ResNetShape) -> None:
    if not shape.is_bottleneck:
        raise UsageError(
            'stride_on="1x1" is for networks with bottlenecks; this one has units of '
            "two 3x3 convolutions"
        )
    unit: Any
    for unit in model.modules():
        if hasattr(unit, "conv3"):
            first, second = unit.conv1, unit.conv2
            first.stride, second.stride = second.stride, first.stride
