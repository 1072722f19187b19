"""Small networks that several tests share."""

import copy
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import scipy.special
import scipy.stats
import torch
from torch import Tensor, nn
from torch.nn import functional

from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import Network, build_network
from se_probe.images import Preprocessing
from se_probe.models import SEBlock, create_model


class Unit(nn.Module):
    """Convolution, batch norm, dropout and an SE block."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1)
        self.bn, self.drop = nn.BatchNorm2d(n_out), nn.Dropout(0.5)
        self.se = SEBlock(n_out, reduction=2)

    def forward(self, x):
        return self.se(self.drop(self.bn(self.conv(x))).relu())


class TinyNet(nn.Module):
    """Two blocks, SE_2_1 and SE_3_1, of 4 and 6 channels."""

    def __init__(self, n_classes: int = 4):
        super().__init__()
        self.layer1 = nn.Sequential(Unit(3, 4))
        self.layer2 = nn.Sequential(Unit(4, 6))
        self.head = nn.Linear(6, n_classes)

    def forward(self, x):
        return self.head(self.layer2(self.layer1(x)).mean((2, 3)))


class IdleNet(TinyNet):
    """The same with a block that it holds and never calls."""

    def __init__(self, n_classes: int = 4):
        super().__init__(n_classes)
        self.idle = SEBlock(6, reduction=2)


class Scale(nn.Module):
    """Multiplication of each channel by a constant."""

    def __init__(self, constant):
        super().__init__()
        self.constant = constant

    def forward(self, x):
        return x * self.constant.to(x)[:, None, None]


def with_scale(network, layer, constant):
    """Copy of the tiny network with one SE block replaced by a constant scale."""
    model = copy.deepcopy(network.model)
    getattr(model, layer)[0].se = Scale(constant)
    return model.eval()


def all_logits(model, images):
    """Logits of all images, float64, shape (n_images, classes)."""
    with torch.no_grad():
        batches = [model(images.batch(k)) for k in range(images.n_batches)]
    return torch.cat(batches)[: len(images)].double().numpy()


def mean_kl(original, changed):
    """Second opinion on KL(original || changed)."""
    p, q = scipy.special.softmax(original, 1), scipy.special.softmax(changed, 1)
    return scipy.stats.entropy(p, q, axis=1).mean()


def give_head(network, images, seed):
    """Random head about the mean image, so that answers differ between images."""
    head = network.model.eval().head
    with torch.no_grad():
        head.weight.normal_(0, 30, generator=torch.Generator().manual_seed(seed))
        head.bias.zero_()
        head.bias.sub_(torch.from_numpy(all_logits(network.model, images).mean(0)))


def halves(images):
    """Every second image, and the others."""
    positions = range(len(images))
    return [
        replace(images, pictures=images.pictures.chosen(positions[start::2]))
        for start in (0, 1)
    ]


class Sequence1D(nn.Module):
    """Maps of one axis, and a gate that no module holds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 8, 3, padding=1)
        self.first, self.second = nn.Linear(8, 4), nn.Linear(4, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.conv(x).relu()
        gate = torch.sigmoid(4 * self.second(self.first(x.mean(2)).relu()))
        return self.head((x * gate[:, :, None]).mean(2))


# --- networks that are pruned --------------------------------------------------------

SIDE = 64


@torch.no_grad()
def lively(model: nn.Module, size: tuple[int, ...]) -> nn.Module:
    """Evaluation mode, with batch norms that do something and gates that vary."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the mean over all batches
            if module.affine:
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.3, generator=generator)
    for name, parameter in model.named_parameters():
        if re.search(r"(fc[12]|conv_(reduce|expand))\.weight$", name):
            parameter.mul_(3)
        if re.search(r"(fc1|conv_reduce)\.bias$", name):
            parameter.fill_(1)  # keeps the few hidden units of a block awake
    model.train()(torch.randn(8, *size, generator=generator))
    return model.eval()


def built(arch: str, side: int = SIDE, **settings) -> Network:
    network = build_network(arch, num_classes=10, **settings)
    preprocessing = network.preprocessing
    if preprocessing.input_size[0] == 3:
        preprocessing = replace(preprocessing, input_size=(3, side, side))
    lively(network.model, preprocessing.input_size)
    return replace(network, preprocessing=preprocessing)


def pictures(network: Network, n: int = 3, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, *network.preprocessing.input_size, generator=generator)
    return images.to(next(network.model.parameters()).dtype)


def blocks_of(network: Network) -> list[FoundBlock]:
    return find_se_blocks(network.model, pictures(network))


def random_gates(blocks: list[FoundBlock], low: float = 0.05) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {b.path: rng.uniform(low, 1, b.channels) for b in blocks}


@torch.no_grad()
def logits(network: Network, images: Tensor) -> Tensor:
    return network.model(images)


@torch.no_grad()
def frozen_logits(
    network: Network, gates: Mapping[str, np.ndarray], images: Tensor
) -> Tensor:
    """Logits of the unfolded network, whose gates are replaced on their way."""
    with ExitStack() as hooks:
        for block in blocks_of(network):
            if block.path not in gates:
                continue
            constant = torch.from_numpy(gates[block.path]).to(images)
            gate = network.model.get_submodule(block.gate_path)
            hook = gate.register_forward_hook(
                lambda module, args, output, constant=constant: constant.expand(
                    len(output), -1
                ).reshape(output.shape)
            )
            hooks.enter_context(hook)
        return network.model(images)


def assert_same_logits(got: Tensor, expected: Tensor, share: float = 1e-4) -> None:
    difference = (got - expected).abs().max() / expected.abs().max()
    assert difference <= share, f"logits differ by {difference:.1e} of the largest"


def places(network: Network) -> dict[str, str]:
    return {b["path"]: b["folded_into"] for b in network.provenance.removed_blocks}


class Flow(nn.Module):
    """A convolution and what a case makes of its output; layers in no useful order."""

    def __init__(self, forward: Callable[["Flow", Tensor], Tensor], **options):
        super().__init__()
        self.grouped = nn.Conv2d(8, 4, 3, padding=1, groups=2)
        self.plain = nn.Conv2d(8, 4, 1)
        self.se = SEBlock(8, reduction=2)
        self.bn = nn.BatchNorm2d(8, **options)
        self.conv = nn.Conv2d(3, 8, 3, bias=False)
        self.linear = nn.Linear(8, 4)
        self.wide = nn.Linear(8 * 3 * 3, 4)
        self.drop = nn.Dropout(0.5)
        self.num_classes = 4
        self.run = forward

    def forward(self, x: Tensor) -> Tensor:
        out = self.run(self, self.conv(x))
        return out.mean((2, 3)) if out.ndim == 4 else out


def flow_network(
    forward: Callable[[Flow, Tensor], Tensor], seed: int = 0, **options
) -> Network:
    torch.manual_seed(seed)
    model = lively(Flow(forward, **options), (3, 12, 12))
    return Network(model, Preprocessing((3, 12, 12)))


def cifar_network() -> Network:
    """SE-ResNet-20 whose blocks sit on the shortcut: three fold, six do not."""
    torch.manual_seed(0)
    model = create_model("se_resnet20_cifar", reduction=4, integration="identity")
    return Network(lively(model, (3, 32, 32)), Preprocessing((3, 32, 32)))


# --- networks of sound, signals and volumes ------------------------------------------


class SignalGate(nn.Module):
    """SE block of a sequence, made of convolutions of width 1 as ECAPA-TDNN has it."""

    def __init__(self, n_channels: int):
        super().__init__()
        self.conv1, self.conv2 = (
            nn.Conv1d(n_channels, 4, 1),
            nn.Conv1d(4, n_channels, 1),
        )

    def forward(self, x):
        squeezed = x.mean(2, keepdim=True)
        return x * self.conv2(self.conv1(squeezed).relu()).sigmoid()


class SignalBlock(nn.Module):
    """Res2 convolutions, each on what the one before gave, then the SE block."""

    def __init__(self, n_channels: int, stride: int):
        super().__init__()
        half = n_channels // 2
        self.first = nn.Conv1d(n_channels, n_channels, 1)
        self.convs = nn.ModuleList(
            nn.Conv1d(half, half, 3, padding=1) for _ in range(2)
        )
        self.last = nn.Conv1d(n_channels, n_channels, 3, stride=stride, padding=1)
        self.bn, self.se = nn.BatchNorm1d(n_channels), SignalGate(n_channels)

    def forward(self, x):
        parts, carried = [], 0
        for conv, part in zip(self.convs, self.first(x).chunk(2, 1), strict=True):
            carried = conv(part + carried).relu()
            parts.append(carried)
        return self.se(self.bn(self.last(torch.cat(parts, 1)))).relu()


class SignalNet(nn.Module):
    """As ECAPA-TDNN: sequences (batch, 5, length), pooled by attention over time."""

    def __init__(self, num_classes: int = 3):
        super().__init__()
        self.conv = nn.Conv1d(5, 8, 5, padding=2)
        self.layer1, self.layer2 = SignalBlock(8, 1), SignalBlock(8, 2)
        self.attention = nn.Conv1d(8, 8, 1)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, x):
        x = self.layer2(self.layer1(self.conv(x).relu()))
        weights = self.attention(x).tanh().softmax(dim=2)
        return self.fc((x * weights).sum(2))


class VolumeGate(nn.Module):
    """SE block of a volume, its channels second or last."""

    def __init__(self, n_channels: int, *, channels_last: bool = False):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(n_channels, 4), nn.Linear(4, n_channels)
        self.channels_last = channels_last

    def forward(self, x):
        positions = (1, 2, 3) if self.channels_last else (2, 3, 4)
        gate = self.fc2(self.fc1(x.mean(positions)).relu()).sigmoid()
        if self.channels_last:
            return x * gate[:, None, None, None, :]
        return x * gate[:, :, None, None, None]


class VolumeNet(nn.Module):
    """Volumes (batch, 2, depth, height, width); the second gate has channels last."""

    def __init__(self, num_classes: int = 3):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(2, 6, 3, 2, 1), nn.BatchNorm3d(6)
        self.se1, self.conv2 = VolumeGate(6), nn.Conv3d(6, 8, 3, 2, 1)
        self.se2 = VolumeGate(8, channels_last=True)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, x):
        x = self.conv2(self.se1(self.bn1(self.conv1(x))).relu()).relu()
        return self.fc(self.se2(x.movedim(1, -1)).mean((1, 2, 3)))


SHAPES = {"signal": (5, 40), "volume": (2, 8, 8, 8)}


def signal_net() -> SignalNet:
    return lively(SignalNet(), SHAPES["signal"])


def volume_net() -> VolumeNet:
    return lively(VolumeNet(), SHAPES["volume"])


class Measurements(torch.utils.data.Dataset):
    """Noise around a level of each of three classes, prepared as a network takes it."""

    classes = ("low", "middle", "high")

    def __init__(self, shape: tuple[int, ...], n: int = 60):
        generator = torch.Generator().manual_seed(3)
        self.targets = [number % 3 for number in range(n)]
        self.samples = [
            torch.randn(shape, generator=generator) + 3 * target
            for target in self.targets
        ]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, number):
        return self.samples[number], self.targets[number]


def signals() -> Measurements:
    return Measurements(SHAPES["signal"])


def volumes() -> Measurements:
    return Measurements(SHAPES["volume"])


def taught(model: nn.Module, data: Measurements) -> nn.Module:
    """The model with a head that tells the classes apart."""
    x, y = torch.stack(data.samples), torch.tensor(data.targets)
    optimizer = torch.optim.Adam(model.fc.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.requires_grad_(requires_grad=True).eval()


def ranked(kind: str) -> tuple[Network, Measurements]:
    """Network of signals or volumes, and what it was taught on."""
    torch.manual_seed(0)
    model, data = {
        "signal": (signal_net, signals),
        "volume": (volume_net, volumes),
    }[kind]
    made = taught(model(), data())
    return Network(made, Preprocessing(SHAPES[kind]), data().classes), data()
