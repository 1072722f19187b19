"""SE blocks for torchvision's other networks."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import nn

from se_probe.errors import ArchitectureError
from se_probe.models.residual_units import put_se_in_resnet
from se_probe.models.se_block import Gate, SEBlock, Squeeze
from se_probe.running import evaluating

__all__ = ["add_se", "insert_se"]

MakeSE = Callable[[int], nn.Module]


def add_se(
    model: nn.Module,
    reduction: int = 16,
    *,
    bias: bool = True,
    squeeze: Squeeze = "avg",
    gate: Gate = "sigmoid",
) -> nn.Module:
    """Copy of a torchvision network with SE blocks in it.

    The network keeps its weights; those of the SE blocks are random. Where they go:

    ==================  =================================================
    network             SE block
    ==================  =================================================
    vgg*                after each convolution's activation
    googlenet           on the output of each inception module
    inception_v3        on the output of each inception module
    mobilenet_v2        on the output of each unit, before the sum
    shufflenet_v2_*     on the computed branch, before the concatenation
    resnet*, resnext*   on the residual branch, before the sum
    ==================  =================================================

    Parameters
    ----------
    model : nn.Module
        One of torchvision's networks above, left as it is.
    reduction, bias, squeeze, gate
        As in :class:`~se_probe.models.SEBlock`.

    Returns
    -------
    nn.Module
        On the device, with the number type and in the mode of `model`.

    Raises
    ------
    ArchitectureError
        If `model` is none of these networks, or has SE blocks already.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, sections 3.3 and 4.1. https://arxiv.org/abs/1709.01507

    Examples
    --------
    >>> from torchvision.models import shufflenet_v2_x0_5
    >>> model = add_se(shufflenet_v2_x0_5(weights=None), reduction=8)
    >>> model.stage2[0].branch2.se.fc1
    Conv2d(24, 3, kernel_size=(1, 1), stride=(1, 1))
    """
    if any(isinstance(module, SEBlock) for module in model.modules()):
        raise ArchitectureError("the network has SE blocks already")
    parameter = next(model.parameters())

    def make_se(channels: int) -> nn.Module:
        block = SEBlock(channels, reduction, squeeze, gate, bias)
        return block.to(parameter.device, parameter.dtype).train(model.training)

    changed = copy.deepcopy(model)
    insert_se(changed, make_se)
    return changed


def insert_se(model: nn.Module, make_se: MakeSE) -> None:
    """Put SE blocks into a torchvision network, in place; see :func:`add_se`.

    Raises
    ------
    ArchitectureError
        If it is none of the networks that :func:`add_se` knows.
    """
    from torchvision import models

    for family, insert in (
        (models.VGG, _in_vgg),
        (models.GoogLeNet, _in_inception),
        (models.Inception3, _in_inception),
        (models.MobileNetV2, _in_mobilenet),
        (models.ShuffleNetV2, _in_shufflenet),
        (models.ResNet, put_se_in_resnet),
    ):
        if isinstance(model, family):
            insert(model, make_se)
            return
    raise ArchitectureError(
        "add_se knows torchvision's VGG, GoogLeNet, Inception3, MobileNetV2, "
        f"ShuffleNetV2 and ResNet, got a {type(model).__name__}. Put SEBlock modules "
        "into it where you want them instead"
    )


def _in_vgg(model: Any, make_se: MakeSE) -> None:
    channels = 0
    for number, layer in enumerate(model.features):
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
        elif isinstance(layer, nn.ReLU):
            model.features[number] = _then(layer, make_se(channels))


def _in_inception(model: nn.Module, make_se: MakeSE) -> None:
    for name, channels in _output_channels(model, _inception_modules(model)).items():
        model.set_submodule(name, _then(model.get_submodule(name), make_se(channels)))


def _in_mobilenet(model: nn.Module, make_se: MakeSE) -> None:
    from torchvision.models.mobilenetv2 import InvertedResidual

    for unit in model.modules():
        if isinstance(unit, InvertedResidual):
            unit.conv.add_module("se", make_se(unit.out_channels))


def _in_shufflenet(model: nn.Module, make_se: MakeSE) -> None:
    from torchvision.models.shufflenetv2 import InvertedResidual

    for unit in model.modules():
        if isinstance(unit, InvertedResidual):
            convs = [m for m in unit.branch2 if isinstance(m, nn.Conv2d)]
            unit.branch2.add_module("se", make_se(convs[-1].out_channels))


def _inception_modules(model: nn.Module) -> list[str]:
    """Names of the modules that concatenate branches."""
    from torchvision.models import inception
    from torchvision.models.googlenet import Inception

    kinds = (
        Inception,
        inception.InceptionA,
        inception.InceptionB,
        inception.InceptionC,
        inception.InceptionD,
        inception.InceptionE,
    )
    return [name for name, m in model.named_children() if isinstance(m, kinds)]


def _output_channels(model: nn.Module, names: Iterable[str]) -> dict[str, int]:
    """Channels that modules give out, seen in one forward of a black image."""
    channels: dict[str, int] = {}

    def note(_: nn.Module, __: Any, output: torch.Tensor, name: str) -> None:
        channels[name] = output.shape[1]

    # Side 96: the smallest input of inception_v3 is 75.
    image = next(model.parameters()).new_zeros((1, 3, 96, 96))
    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        stack.enter_context(torch.no_grad())
        for name in names:
            hook = partial(note, name=name)
            handle = model.get_submodule(name).register_forward_hook(hook)
            stack.enter_context(handle)
        model(image)
    return channels


def _then(module: nn.Module, se: nn.Module) -> nn.Sequential:
    both = nn.Sequential(OrderedDict(layer=module, se=se))
    both.training = module.training
    return both
