"""What a network costs."""

import copy

import pytest
import timm
import torch
from torch import nn

from se_probe.models import (
    count_macs,
    create_model,
)


@pytest.mark.parametrize(
    ("arch", "macs"),
    [("seresnet50", 4_091_699_200), ("legacy_seresnet50", 3_860_488_192)],
)
def test_multiply_adds_of_timm_networks_are_those_of_their_layers(arch, macs):
    with torch.device("meta"):
        model = timm.create_model(arch)

    assert count_macs(model, (3, 224, 224)) == macs


def test_multiply_adds_of_grouped_and_strided_layers_by_hand():
    model = nn.Sequential(
        nn.Conv2d(8, 16, 3, stride=2, groups=4),  # 4 x 4 positions, 16 x 2 x 9 each
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    )

    assert count_macs(model, (8, 9, 9)) == 4 * 4 * 16 * 2 * 9 + 16 * 5


def test_counting_leaves_modes_and_statistics_as_they_were():
    model = create_model("se_resnet20_cifar").train()
    model.layer2.eval()
    modes = [module.training for module in model.modules()]
    before = copy.deepcopy(model.state_dict())

    count_macs(model, (3, 32, 32))

    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_counting_restores_the_mode_when_the_network_fails():
    model = create_model("se_lenet").train()

    with pytest.raises(RuntimeError):
        count_macs(model, (3, 28, 28))

    assert all(module.training for module in model.modules())
