"""Replicas of two projects whose SE-ResNets are in use: same names, same arithmetic.

github.com/moskomule/senet.pytorch and github.com/miraclewkf/SENet-PyTorch, own words.
"""

from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

__all__ = [
    "MiraclewkfBasicBlock",
    "MiraclewkfBottleneck",
    "MoskomuleBasicBlock",
    "MoskomuleBottleneck",
    "MoskomuleCifar",
    "resnet",
]


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
