"""SE-ResNets and where their blocks are."""

import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck

from model_probes import on_meta, shake, watch_se_blocks
from se_probe.errors import UsageError
from se_probe.models import (
    SEBlock,
    count_parameters,
    create_model,
)
from se_probe.models.residual_units import SEBasicBlock, SEBottleneck
from se_probe.models.se_resnet import SHAPES


@pytest.mark.parametrize(
    ("arch", "parameters"),
    [
        ("se_resnet18", 11_778_592),
        ("se_resnet34", 21_958_868),
        ("se_resnet50", 28_088_024),
        ("se_resnet101", 49_326_872),
        ("se_resnet152", 66_821_848),
        ("se_resnext50_32x4d", 27_559_896),
        ("se_resnext101_32x4d", 48_955_416),
    ],
)
def test_parameters_are_those_of_the_released_networks(arch, parameters):
    # Counted from the authors' network definitions, and from timm's legacy_ networks.
    assert count_parameters(on_meta(arch)) == parameters


def test_timm_weights_fit_and_give_the_same_logits():
    reference = shake(timm.create_model("seresnet50", num_classes=7))
    model = create_model("se_resnet50", 7).eval()
    images = torch.randn(2, 3, 64, 64)

    model.load_state_dict(reference.state_dict(), strict=True)

    torch.testing.assert_close(model(images), reference(images))


def test_stride_on_the_first_convolution_is_the_form_of_the_released_networks():
    reference = shake(timm.create_model("legacy_seresnet50", num_classes=7))
    model = create_model("se_resnet50", 7, stride_on="1x1").eval()
    images = torch.randn(2, 3, 64, 64)
    renamed = {
        key.removeprefix("layer0.")
        .replace("se_module", "se")
        .replace("last_linear", "fc"): tensor
        for key, tensor in reference.state_dict().items()
    }

    model.load_state_dict(renamed, strict=True)
    # Caffe rounds the size of a pooled map up and does not pad.
    model.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)

    torch.testing.assert_close(model(images), reference(images))


def test_paths_and_keys_are_those_of_torchvision_with_se_added():
    model = on_meta("se_resnet50")
    plain = torchvision.models.resnet50(weights=None)

    added = model.state_dict().keys() - plain.state_dict().keys()

    assert isinstance(model.get_submodule("layer3.5.se"), SEBlock)
    assert plain.state_dict().keys() < model.state_dict().keys()
    assert {key.split(".", 2)[2] for key in added} == {
        f"se.{layer}.{kind}" for layer in ("fc1", "fc2") for kind in ("weight", "bias")
    }
    assert len(added) == 16 * 4


def expected_unit_output(unit, place, x):
    """A residual unit, written out for each place of figure 5."""
    shortcut = unit.downsample(x) if unit.downsample is not None else x
    branch = unit.se(x) if place == "pre" else x
    branch = F.relu(unit.bn1(unit.conv1(branch)))
    if isinstance(unit, SEBottleneck):
        branch = F.relu(unit.bn2(unit.conv2(branch)))
        branch = unit.se(branch) if place == "3x3" else branch
        branch = unit.bn3(unit.conv3(branch))
    else:
        branch = unit.se(branch) if place == "3x3" else branch
        branch = unit.bn2(unit.conv2(branch))
    if place == "standard":
        return F.relu(unit.se(branch) + shortcut)
    if place == "identity":
        return F.relu(branch + unit.se(shortcut))
    out = F.relu(branch + shortcut)
    return unit.se(out) if place == "post" else out


@pytest.mark.parametrize("place", ["standard", "pre", "post", "identity", "3x3"])
@pytest.mark.parametrize("has_projection", [False, True])
@pytest.mark.parametrize("kind", [SEBasicBlock, SEBottleneck])
def test_each_integration_strategy_is_the_one_of_figure_5(kind, has_projection, place):
    plain = Bottleneck if kind is SEBottleneck else BasicBlock
    channels = 32 * plain.expansion
    before = 48 if has_projection else channels
    stride = 2 if has_projection else 1
    projection = nn.Conv2d(before, channels, 1, stride) if has_projection else None
    unit = kind(plain(before, 32, stride, projection), SEBlock, place)
    shake(unit)
    x = torch.randn(2, before, 8, 8)

    result = unit(x)

    torch.testing.assert_close(result, expected_unit_output(unit, place, x))
    se_channels = {"pre": before, "3x3": 32}.get(place, channels)
    assert unit.se.fc1.in_channels == se_channels


def test_stages_choose_where_se_blocks_are():
    model = on_meta("se_resnet50", stages=(3, 5))

    stages = {
        name.split(".")[0]
        for name, m in model.named_modules()
        if isinstance(m, SEBlock)
    }

    assert stages == {"layer2", "layer4"}
    assert type(model.layer1[0]) is Bottleneck
    assert on_meta("se_resnet50", stages=[]).state_dict().keys() == (
        on_meta("se_resnet50", stages=()).state_dict().keys()
    )


def test_unit_output_of_a_stage_without_se_blocks_is_that_of_torchvision():
    model = create_model("se_resnet18", stages=()).eval()
    plain = torchvision.models.resnet18(weights=None).eval()
    images = torch.randn(2, 3, 64, 64)

    plain.load_state_dict(model.state_dict())

    assert torch.equal(model(images), plain(images))


@pytest.mark.parametrize(
    ("arch", "options"),
    [
        ("se_resnet50", {}),
        ("se_resnet18", {"reduction": 4, "squeeze": "max"}),
        ("se_resnet18", {"reduction": 4, "squeeze": "none"}),
        ("se_resnet18", {"reduction": 4, "integration": "pre"}),
        ("se_resnet18", {"reduction": 4, "integration": "post"}),
        ("se_resnet18", {"reduction": 4, "integration": "identity"}),
        ("se_resnet18", {"reduction": 4, "integration": "3x3"}),
        ("se_resnet20_cifar", {"reduction": 4, "gate": "hardsigmoid"}),
    ],
)
def test_gates_of_an_untrained_network_differ_between_images(arch, options):
    model = create_model(arch, **options)
    images = torch.randn(2, 3, 64, 64) * torch.tensor([1.0, 0.5])[:, None, None, None]

    seen = watch_se_blocks(model, images)

    assert len(seen) == sum(SHAPES[arch].layers)
    for block in seen.values():
        assert torch.equal(block["output"], block["input"] * block["gate"])
        assert (block["gate"][0] - block["gate"][1]).abs().max() > 1e-4


@pytest.mark.parametrize("depth", [20, 32, 56, 110])
def test_cifar_form_has_its_depth_and_three_stages(depth):
    model = on_meta(f"se_resnet{depth}_cifar")

    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    n_3x3 = sum(conv.kernel_size == (3, 3) for conv in convs)

    assert n_3x3 + 1 == depth  # the other one is the head


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        ("se_resnet20_cifar", [(16, 32)] * 3 + [(32, 16)] * 3 + [(64, 8)] * 3),
        (
            "se_resnet18_cifar",
            [(64, 32)] * 2 + [(128, 16)] * 2 + [(256, 8)] * 2 + [(512, 4)] * 2,
        ),
    ],
)
def test_cifar_stem_keeps_the_resolution(arch, expected):
    model = create_model(arch)

    seen = watch_se_blocks(model, torch.randn(1, 3, 32, 32))

    assert [tuple(block["input"].shape[1:3]) for block in seen.values()] == expected
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("arch", "options", "message"),
    [
        (
            "se_resnet50",
            {"integration": "after"},
            "standard, pre, post, .* got 'after'",
        ),
        ("se_resnet50", {"stages": (1, 2)}, "has the stages 2, 3, 4, 5, got 1, 2"),
        ("se_resnet20_cifar", {"stages": (5,)}, "has the stages 2, 3, 4, got 5"),
        ("se_resnet50", {"stride_on": "7x7"}, "stride_on is one of 3x3, 1x1"),
        ("se_resnet18", {"stride_on": "1x1"}, "is for networks with bottlenecks"),
    ],
)
def test_se_resnet_refuses_options_it_does_not_have(arch, options, message):
    with pytest.raises(UsageError, match=message):
        on_meta(arch, **options)
