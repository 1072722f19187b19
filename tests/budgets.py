"""A network of three SE blocks and pictures of noise, to choose blocks on."""

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset

from se_probe.images import Preprocessing
from se_probe.models import SEBlock

CLASSES = ["n01443537", "n02110958", "n02690373", "n09246464"]
PREPROCESSING = Preprocessing(
    (3, 16, 16), "bilinear", 1.0, mean=(0.5,) * 3, std=(0.5,) * 3
)
N_IMAGES = 100


class ThreeBlocks(nn.Module):
    """The first needs its input; others stay near 0.3 and near 1."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), SEBlock(8, 2))
        self.layer2 = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), SEBlock(8, 2))
        self.layer3 = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), SEBlock(8, 2))
        self.head = nn.Linear(8, len(CLASSES))

    def forward(self, x):
        maps = self.layer3(self.layer2(self.layer1(x).relu()).relu())
        return self.head(maps.relu().mean((2, 3)))


class Noise(Dataset):
    """Pictures of noise; their labels come from outside."""

    classes = CLASSES

    def __init__(self, labels) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return N_IMAGES

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        mean = rng.uniform(60, 190, 3)
        pixels = rng.normal(mean, 60, (16, 16, 3)).clip(0, 255)
        return Image.fromarray(pixels.astype(np.uint8)), int(self.labels[index])


@torch.no_grad()
def three_blocks() -> nn.Module:
    torch.manual_seed(3)
    model = ThreeBlocks().eval()
    for stage, slope, bias in (
        (model.layer1, 20, 0.0),
        (model.layer2, 0.1, -0.85),
        (model.layer3, 0.1, 3.5),
    ):
        stage[0].weight.mul_(3)
        stage[1].fc1.bias.fill_(1)  # keeps the few hidden units awake
        stage[1].fc2.weight.mul_(slope)
        stage[1].fc2.bias.fill_(bias)
    return model
