"""Small networks of several projects, and one of ours."""

import pytest
import timm
import torch
from torch import nn

from checkpoint_files import (
    TINY,
    seeded,
)
from se_probe.checkpoints import (
    Network,
    Provenance,
)
from se_probe.images import Preprocessing
from se_probe.models import create_model


@pytest.fixture(scope="module")
def se18() -> nn.Module:
    """A timm network whose names leave no doubt, with five classes."""
    return seeded(lambda: timm.create_model("seresnet18", num_classes=5))


@pytest.fixture(scope="module")
def small() -> nn.Module:
    """A tiny one whose names do not tell it."""
    return seeded(lambda: timm.create_model(TINY, num_classes=3))


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def lenet() -> Network:
    model = seeded(lambda: create_model("se_lenet", 3, reduction=8, bias=True))
    source = {"name": "digits", "split": "train", "sizes": [1, 2]}
    return Network(
        model,
        Preprocessing((1, 28, 28), crop_pct=1.0, mean=(0.3,), std=(0.35,)),
        ["one", "two", "three"],
        provenance=Provenance(data=source, seed=7, metrics={"top1": 0.98}),
    )
