"""Weights of other projects."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from model_probes import on_meta, shake
from se_probe.models import (
    create_model,
    recognise,
)

# Replicas of the units of github.com/moskomule/senet.pytorch and
# github.com/miraclewkf/SENet-PyTorch: same names, same arithmetic, own words.


class SELayer(nn.Module):
    def __init__(self, channels, bias):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // 16, bias=bias),
            nn.ReLU(),
            nn.Linear(channels // 16, channels, bias=bias),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class MoskomuleBottleneck(Bottleneck):
    def __init__(self, inplanes, planes, *args, **kwargs):
        super().__init__(inplanes, planes, *args, **kwargs)
        self.se = SELayer(planes * 4, bias=True)  # as in the files of 2017-18

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.se(self.bn3(self.conv3(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class MoskomuleBasicBlock(BasicBlock):
    def __init__(self, inplanes, planes, *args, **kwargs):
        super().__init__(inplanes, planes, *args, **kwargs)
        self.se = SELayer(planes, bias=False)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.se(self.bn2(self.conv2(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class MoskomuleCifar(nn.Module):
    def __init__(self, n, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.units(n, 16, 16, 1)
        self.layer2 = self.units(n, 16, 32, 2)
        self.layer3 = self.units(n, 32, 64, 2)
        self.fc = nn.Linear(64, num_classes)

    def units(self, n, before, after, stride):
        shortcut = None
        if before != after:
            shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )
        first = MoskomuleBasicBlock(before, after, stride, shortcut)
        return nn.Sequential(
            first, *(MoskomuleBasicBlock(after, after) for _ in range(n - 1))
        )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(y))).mean((2, 3)))


class InlinedSE:
    """SE layers that are children of the residual unit itself."""

    def make_se(self, channels):
        self.fc1 = nn.Linear(channels, round(channels / 16))
        self.fc2 = nn.Linear(round(channels / 16), channels)
        self.sigmoid = nn.Sigmoid()

    def scale(self, y):
        g = self.sigmoid(self.fc2(self.relu(self.fc1(y.mean((2, 3))))))
        return g[:, :, None, None] * y


class MiraclewkfBasicBlock(InlinedSE, BasicBlock):
    def __init__(self, inplanes, planes, *args, **kwargs):
        super().__init__(inplanes, planes, *args, **kwargs)
        self.make_se(planes)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(self.scale(y) + (self.downsample(x) if self.downsample else x))


class MiraclewkfBottleneck(InlinedSE, Bottleneck):
    def __init__(self, inplanes, planes, *args, **kwargs):
        super().__init__(inplanes, planes, *args, **kwargs)
        self.make_se(planes * 4)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(self.scale(y) + (self.downsample(x) if self.downsample else x))


def resnet(unit, layers, **options):
    return ResNet(unit, layers, num_classes=6, **options)


FOREIGN = {
    "moskomule 50 with bias": (
        lambda: resnet(MoskomuleBottleneck, [3, 4, 6, 3]),
        "se_resnet50",
        True,
    ),
    "moskomule 18": (
        lambda: resnet(MoskomuleBasicBlock, [2, 2, 2, 2]),
        "se_resnet18",
        False,
    ),
    "moskomule CIFAR": (lambda: MoskomuleCifar(3, 6), "se_resnet20_cifar", False),
    "miraclewkf 18": (
        lambda: resnet(MiraclewkfBasicBlock, [2, 2, 2, 2]),
        "se_resnet18",
        True,
    ),
    "miraclewkf ResNeXt": (
        lambda: resnet(
            MiraclewkfBottleneck, [3, 4, 6, 3], groups=32, width_per_group=4
        ),
        "se_resnext50_32x4d",
        True,
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_converted_weights_give_the_logits_of_the_foreign_network(name):
    build, arch, bias = FOREIGN[name]
    theirs = shake(build())
    images = torch.randn(2, 3, 64, 64)

    layout = recognise(theirs.state_dict())
    ours = create_model(layout.architecture, layout.num_classes, **layout.options)
    ours.load_state_dict(layout.convert(theirs.state_dict()), strict=True)

    assert layout.project.startswith(name.split()[0])
    assert (layout.architecture, layout.num_classes) == (arch, 6)
    assert layout.options == {"reduction": 16, "bias": bias}
    torch.testing.assert_close(ours.eval()(images), theirs(images))


def test_conversion_leaves_the_foreign_weights_as_they_are():
    theirs = MoskomuleCifar(3, 6).state_dict()
    before = {key: tensor.shape for key, tensor in theirs.items()}

    recognise(theirs).convert(theirs)

    assert {key: tensor.shape for key, tensor in theirs.items()} == before


def test_our_own_weights_are_no_foreign_layout():
    assert recognise(on_meta("se_resnet50").state_dict()) is None


def test_convolutions_under_the_same_names_are_no_foreign_layout():
    # kuangliu/pytorch-cifar has 1x1 convolutions where miraclewkf has linear layers.
    weights = resnet(MiraclewkfBasicBlock, [2, 2, 2, 2]).state_dict()

    widened = {
        key: w[:, :, None, None] if ".fc" in key and w.ndim == 2 else w
        for key, w in weights.items()
    }

    assert recognise(widened) is None


def test_a_depth_that_nobody_published_is_no_foreign_layout():
    assert recognise(resnet(MiraclewkfBasicBlock, [1, 2, 2, 1]).state_dict()) is None


def test_weights_without_a_head_are_no_foreign_layout():
    weights = MoskomuleCifar(3, 6).state_dict()
    del weights["fc.weight"]

    assert recognise(weights) is None
