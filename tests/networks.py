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
