"""Shared fixtures: a network that shows a forgotten eval(), pictures, the commands."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from commands import run_command
from networks import TinyNet, give_head
from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import Network
from se_probe.images import Preprocessing, open_images

# The tests run side by side, one process per core.
torch.set_num_threads(1)
# They have no window: xdist gives its processes one, which would narrow tables.
os.environ.pop("COLUMNS", None)


PREPROCESSING = Preprocessing(
    (3, 16, 16), "bilinear", 1.0, mean=(0.5,) * 3, std=(0.5,) * 3
)
FOUR = ["n01443537", "n02110958", "n02690373", "n09246464"]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory) -> None:
    """No test finds what another one, or the user, has measured."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SE_PROBE_CACHE", str(folder))


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Fresh networks are the same in every run of a test."""
    torch.manual_seed(0)


@pytest.fixture
def tiny_network() -> Network:
    torch.manual_seed(0)
    model = TinyNet()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "se.fc" in name:
                parameter.mul_(4)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
    return Network(model, PREPROCESSING, FOUR, "networks:TinyNet")


@pytest.fixture
def photos(tmp_path) -> Path:
    """Image folder of 4 classes by wnid, 5 pictures each."""
    rng = np.random.default_rng(0)
    for position, wnid in enumerate(FOUR):
        folder = tmp_path / "photos" / wnid
        folder.mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            pixels[..., position % 3] //= 2 + position
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def tiny_images(photos):
    return open_images(photos, PREPROCESSING, batch_size=3)


@pytest.fixture
def network(tiny_network, tiny_images) -> Network:
    """The tiny network in training mode, answering otherwise to each image."""
    give_head(tiny_network, tiny_images, seed=0)
    tiny_network.model.train()
    return tiny_network


@pytest.fixture
def evaluated(network) -> nn.Module:
    """The model of `network` in evaluation mode."""
    return copy.deepcopy(network.model).eval()


@pytest.fixture
def other(network, tiny_images) -> Network:
    """`network` with another head."""
    changed = copy.deepcopy(network)
    give_head(changed, tiny_images, seed=1)
    return changed


@pytest.fixture
def blocks(network, tiny_images):
    return find_se_blocks(network.model, tiny_images.batch(0))


@pytest.fixture
def real_data() -> Path:
    """Folder of real photos and weights; see CONTRIBUTING.md."""
    folder = os.environ.get("SE_PROBE_TEST_DATA")
    if not folder:
        pytest.skip("SE_PROBE_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture
def command():
    """Function that runs `se-probe ...` and returns exit status, stdout and stderr."""
    return run_command
