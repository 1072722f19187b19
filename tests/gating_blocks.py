"""Blocks that gate, and blocks that only look so, as people write them by hand."""

import torch
from torch import nn
from torch.nn import functional

__all__ = [
    "CHANNELS",
    "ChannelsLastSE",
    "Foreign",
    "FunctionalSE",
    "HardSigmoid",
    "InlinedSE",
    "LinearSE",
    "NamedSE",
    "NotAGate",
    "network",
]

CHANNELS = 8


class HardSigmoid(nn.Module):
    """As written in many repositories: no operation of torch is called sigmoid."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x):
        return self.relu(x + 3) / 6


class LinearSE(nn.Module):
    """Gate (B, C) from a Sequential that ends in Sigmoid, as in moskomule's SELayer."""

    def __init__(self, gate=nn.Sigmoid):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(CHANNELS, 4, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(4, CHANNELS, bias=False),
            gate(),
        )

    def forward(self, x):
        gate = self.fc(x.mean(dim=(2, 3)))
        return x * gate.view(len(x), CHANNELS, 1, 1).expand_as(x)


class FunctionalSE(nn.Module):
    """No module holds the gate."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(CHANNELS, 4, 1), nn.Conv2d(4, CHANNELS, 1)

    def forward(self, x):
        squeezed = functional.adaptive_avg_pool2d(x, 1)
        gate = torch.sigmoid(self.up(functional.relu(self.down(squeezed))))
        return gate * x


class NamedSE(nn.Module):
    """The layouts `se.sigmoid` and `se.excitation.3`."""

    def __init__(self, layout):
        super().__init__()
        layers = [
            nn.Conv2d(CHANNELS, 4, 1),
            nn.ReLU(),
            nn.Conv2d(4, CHANNELS, 1),
            nn.Sigmoid(),
        ]
        if layout == "excitation":
            self.excitation = nn.Sequential(*layers)
        else:
            self.fc1, self.relu, self.fc2, self.sigmoid = layers
        self.layout = layout

    def forward(self, x):
        squeezed = x.mean((2, 3), keepdim=True)
        if self.layout == "excitation":
            x *= self.excitation(squeezed)
            return x
        return x.mul(self.sigmoid(self.fc2(self.relu(self.fc1(squeezed)))))


class InlinedSE(nn.Module):
    """Excitation among the layers of a bottleneck, as in miraclewkf's networks."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)
        self.relu, self.sigmoid = nn.ReLU(), nn.Sigmoid()

    def forward(self, x):
        out = self.relu(self.conv(x))
        gate = self.sigmoid(self.fc2(self.relu(self.fc1(out.mean((2, 3))))))
        return x + out * gate[:, :, None, None]


class ChannelsLastSE(nn.Module):
    """Maps and gates with the channels behind: (B, H, W, C) and (B, 1, 1, C)."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        gate = self.fc2(self.fc1(x.mean((1, 2), keepdim=True)).relu()).sigmoid()
        return (x * gate).permute(0, 3, 1, 2)


class NotAGate(nn.Module):
    """Products that are no channel gates."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.conv = nn.Conv2d(CHANNELS, 1 if kind == "spatial" else CHANNELS, 1)
        self.scale = nn.Parameter(torch.rand(1, CHANNELS, 1, 1))

    def forward(self, x):
        if self.kind == "layer scale":
            return x * self.scale
        if self.kind == "instance norm":
            return x * (x.var((2, 3), keepdim=True) + 1e-5).rsqrt()
        if self.kind == "response norm":  # of ConvNeXt V2
            norm = x.norm(dim=(2, 3), keepdim=True)
            return x * (norm / norm.mean(dim=1, keepdim=True))
        if self.kind == "layer norm":
            return x * (x.var((1, 2, 3), keepdim=True) + 1e-5).rsqrt()
        return x * torch.sigmoid(self.conv(x))  # spatial gate, swish


class Foreign(nn.Module):
    """A gate computed from something else than the map it multiplies."""

    def __init__(self):
        super().__init__()
        self.fc, self.conv = nn.Linear(3, CHANNELS), nn.Conv2d(3, CHANNELS, 1)

    def forward(self, x):
        return self.conv(x) * self.fc(x.mean((2, 3))).sigmoid()[:, :, None, None]


def network(*blocks):
    """Convolution, blocks (modules, or what makes them), pooling and a head."""
    torch.manual_seed(0)
    made = [block if isinstance(block, nn.Module) else block() for block in blocks]
    layers = nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1), *made)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 5))
    return nn.Sequential(layers, head)
