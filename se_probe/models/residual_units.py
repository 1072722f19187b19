"""Residual units with an SE block in one of the places of the paper."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from torch import Tensor, nn

from se_probe.errors import UsageError

__all__ = [
    "Integration",
    "SEBasicBlock",
    "SEBottleneck",
    "check_choice",
    "put_se_in_resnet",
]

Integration = Literal["standard", "pre", "post", "identity", "3x3"]


class _SEUnit(nn.Module, ABC):
    """Residual unit of torchvision, its layers reused, with an SE block in one place.

    Parameters
    ----------
    unit : torchvision.models.resnet.BasicBlock or Bottleneck
        Its layers are taken over, with their names and weights.
    make_se : callable
        Makes the SE block for a number of channels.
    integration : {"standard", "pre", "post", "identity", "3x3"}
        Where the SE block goes (section 6.5, figure 5):

        standard : on the residual branch, after its last batch norm
        pre : before the residual branch, which alone sees its output
        post : after the sum and the ReLU
        identity : on the shortcut, after its projection where there is one
        3x3 : inside the residual branch, on the output (after batch norm and ReLU) of
            the 3x3 convolution; of the first one in a unit that has two
    """

    # Names of the convolutions that give the "3x3" map and the branch's output.
    inner: str
    last: str

    conv1: nn.Conv2d
    conv2: nn.Conv2d
    bn1: nn.Module
    bn2: nn.Module
    relu: nn.Module
    downsample: nn.Module | None

    def __init__(
        self,
        unit: nn.Module,
        make_se: Callable[[int], nn.Module],
        integration: Integration = "standard",
    ) -> None:
        super().__init__()
        self.register_module("downsample", None)
        for name, child in unit.named_children():
            self.add_module(name, child)
        self.integration = integration
        self.se = make_se(self.channels_at(integration))
        self.training = unit.training

    def forward(self, x: Tensor) -> Tensor:
        """Output of the residual unit, shape (batch, channels, height, width)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        branch = self.branch(self.se_at("pre", x))
        # Not `+=` as in torchvision: it would overwrite the SE block's output, which
        # a hook may hold.
        out = self.se_at("standard", branch) + self.se_at("identity", shortcut)
        return self.se_at("post", self.relu(out))

    @abstractmethod
    def branch(self, x: Tensor) -> Tensor:
        """Output of the residual branch."""

    def se_at(self, place: Integration, x: Tensor) -> Tensor:
        """Feature map at one place: after the SE block if that is where it is."""
        return self.se(x) if place == self.integration else x

    def channels_at(self, place: Integration) -> int:
        """Channels of the feature map at one place."""
        if place == "pre":
            return self.conv1.in_channels
        conv: nn.Conv2d = getattr(self, self.inner if place == "3x3" else self.last)
        return conv.out_channels


class SEBasicBlock(_SEUnit):
    """Two 3x3 convolutions and an SE block."""

    inner, last = "conv1", "conv2"

    def branch(self, x: Tensor) -> Tensor:
        """Output of the residual branch."""
        out: Tensor = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(self.se_at("3x3", out)))
        return out


class SEBottleneck(_SEUnit):
    """Convolutions 1x1, 3x3, 1x1 and an SE block."""

    inner, last = "conv2", "conv3"

    conv3: nn.Conv2d
    bn3: nn.Module

    def branch(self, x: Tensor) -> Tensor:
        """Output of the residual branch."""
        out: Tensor = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(self.se_at("3x3", out)))
        return out


def put_se_in_resnet(
    model: Any,
    make_se: Callable[[int], nn.Module],
    *,
    integration: Integration = "standard",
    stages: Sequence[int] | None = None,
) -> None:
    """Put an SE block into each residual unit of a torchvision ResNet, in place.

    Parameters
    ----------
    model : torchvision.models.ResNet
    make_se : callable
        Makes the SE block for a number of channels.
    integration, stages
        As in :func:`~se_probe.models.se_resnet.se_resnet`.

    Raises
    ------
    UsageError
        If the network has no such stage, or a unit is not one of torchvision's.
    """
    check_choice("integration", integration, get_args(Integration))
    own = {s: getattr(model, f"layer{s - 1}") for s in (2, 3, 4, 5)}
    own = {s: layer for s, layer in own.items() if isinstance(layer, nn.Sequential)}
    wanted = set(own if stages is None else stages)
    if not wanted <= own.keys():
        raise UsageError(
            f"the network has the stages {', '.join(map(str, own))}, "
            f"got {', '.join(sorted(map(str, wanted)))}"
        )
    for stage in wanted:
        for number, unit in enumerate(own[stage]):
            own[stage][number] = _with_se(unit, make_se, integration)


def _with_se(
    unit: nn.Module, make_se: Callable[[int], nn.Module], integration: Integration
) -> nn.Module:
    from torchvision.models.resnet import BasicBlock, Bottleneck

    # Exact types: what a subclass changed in `forward` would be lost.
    if type(unit) is Bottleneck:
        return SEBottleneck(unit, make_se, integration)
    if type(unit) is BasicBlock:
        return SEBasicBlock(unit, make_se, integration)
    raise UsageError(
        "SE blocks go into torchvision's BasicBlock and Bottleneck, got a "
        f"{type(unit).__name__}"
    )


def check_choice(what: str, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a name that is none of the choices.

    Raises
    ------
    UsageError
    """
    if name not in choices:
        raise UsageError(f"{what} is one of {', '.join(choices)}, got {name!r}")
