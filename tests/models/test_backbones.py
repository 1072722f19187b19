"""SE blocks in torchvision's other networks."""

import copy
from functools import cache

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from model_probes import watch_se_blocks
from se_probe.errors import ArchitectureError, UsageError
from se_probe.models import (
    SEBlock,
    add_se,
    create_model,
)

BACKBONES = {
    "vgg16_bn": (13, {}),
    "googlenet": (9, {"init_weights": False, "aux_logits": False}),
    "inception_v3": (11, {"init_weights": False, "aux_logits": False}),
    "mobilenet_v2": (17, {}),
    "shufflenet_v2_x1_0": (16, {}),
    "resnext50_32x4d": (16, {}),
    "resnet18": (8, {}),
}


@cache
def backbone(name):
    """Network without SE blocks, one for all tests: `add_se` leaves it as it is."""
    if name == "vgg16_bn":
        # Its classifier alone has 124 M weights; the features are what counts.
        features = torchvision.models.vgg.make_layers(
            torchvision.models.vgg.cfgs["D"], batch_norm=True
        )
        model = torchvision.models.VGG(features, num_classes=5, init_weights=False)
        model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, 5)
        return model.eval()
    options = BACKBONES[name][1] | {"weights": None, "num_classes": 5}
    return getattr(torchvision.models, name)(**options).eval()


@pytest.mark.parametrize("name", BACKBONES)
def test_every_gate_of_a_changed_backbone_is_seen_and_is_the_factor(name):
    model = add_se(backbone(name))

    seen = watch_se_blocks(model, torch.randn(2, 3, 80, 80))

    assert len(seen) == BACKBONES[name][0]
    for path, block in seen.items():
        assert path.endswith("se")
        assert torch.equal(block["output"], block["input"] * block["gate"])


@pytest.mark.parametrize("name", BACKBONES)
def test_backbone_computes_what_it_did_when_all_gates_are_one(name):
    plain = backbone(name)
    images = torch.randn(2, 3, 80, 80)
    before = copy.deepcopy(plain.state_dict())

    changed = add_se(plain)
    for module in changed.modules():
        if isinstance(module, SEBlock):
            nn.init.zeros_(module.fc2.weight)
            nn.init.constant_(module.fc2.bias, 100)

    torch.testing.assert_close(changed(images), plain(images))
    assert not any(module.training for module in changed.modules())
    assert not any(isinstance(module, SEBlock) for module in plain.modules())
    assert plain.state_dict().keys() == before.keys()
    assert all(torch.equal(before[k], v) for k, v in plain.state_dict().items())


def test_se_follows_the_activation_in_vgg():
    model = add_se(backbone("vgg16_bn"))

    seen = watch_se_blocks(model, torch.randn(2, 3, 64, 64))

    assert all(block["input"].min() == 0 for block in seen.values())
    assert list(seen)[:3] == ["features.2.se", "features.5.se", "features.9.se"]


def test_changed_backbone_has_the_options_and_the_number_type_of_the_original():
    plain = copy.deepcopy(backbone("shufflenet_v2_x1_0")).double()

    changed = add_se(plain, reduction=4, gate="hardsigmoid", bias=False)

    assert {p.dtype for p in changed.parameters()} == {torch.float64}
    block = changed.stage2[0].branch2.se
    assert block.fc1.weight.shape == (14, 58, 1, 1)
    assert block.fc1.bias is None
    assert isinstance(block.gate, nn.Hardsigmoid)


def test_unknown_backbone_is_refused():
    with pytest.raises(ArchitectureError, match="ResNet, got a DenseNet"):
        add_se(torchvision.models.densenet121(weights=None))


def test_backbone_with_se_blocks_is_refused():
    with pytest.raises(ArchitectureError, match="has SE blocks already"):
        add_se(create_model("se_resnet20_cifar"))


def test_resnet_with_units_of_its_own_is_refused():
    class OwnUnit(BasicBlock):
        pass

    with pytest.raises(UsageError, match="got a OwnUnit"):
        add_se(ResNet(OwnUnit, [1, 1, 1, 1]))
