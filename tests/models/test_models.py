import copy
import json
import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from se_probe.errors import ArchitectureError, UsageError
from se_probe.models import (
    SEBlock,
    add_se,
    count_macs,
    count_parameters,
    create_model,
    list_architectures,
    recognise,
)
from se_probe.models.paper_table import PAPER_ROWS, paper_cost
from se_probe.models.se_resnet import SHAPES, SEBasicBlock, SEBottleneck

DOCS = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Many small networks: threads would wait for each other more than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def on_meta(arch, **options):
    """Network with shapes and no numbers: cheap, whatever its size."""
    with torch.device("meta"):
        return create_model(arch, **options)


def shake(model):
    """Random statistics and biases, so that no layer is an identity."""
    for tensor in model.state_dict().values():
        if tensor.ndim == 1:
            tensor.uniform_(0.1, 0.9)
    return model.eval()


@torch.no_grad()
def watch_se_blocks(model, images):
    """Input, gate and output of each SE block in one forward, by module path."""
    seen = {}

    def note(path, part):
        def hook(_, inputs, output):
            seen.setdefault(path, {})[part] = output.clone()
            if part == "output":
                seen[path]["input"] = inputs[0].clone()

        return hook

    handles = []
    for path, module in model.named_modules():
        if isinstance(module, SEBlock):
            handles.append(module.register_forward_hook(note(path, "output")))
            handles.append(module.gate.register_forward_hook(note(path, "gate")))
    model.eval()(images)
    for handle in handles:
        handle.remove()
    return seen


# --- SE block -------------------------------------------------------------------------


def test_se_block_computes_the_equations_of_the_paper():
    block = SEBlock(8, reduction=4)
    u = torch.randn(2, 8, 5, 3)
    w1, b1, w2, b2 = (p.detach().double().numpy() for p in block.parameters())

    result = block(u).detach().numpy()

    u = u.double().numpy()
    z = u.sum(axis=(2, 3)) / (5 * 3)
    hidden = np.maximum(z @ w1[:, :, 0, 0].T + b1, 0)
    s = 1 / (1 + np.exp(-(hidden @ w2[:, :, 0, 0].T + b2)))
    np.testing.assert_allclose(result, u * s[:, :, None, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gate", ["sigmoid", "tanh", "relu", "hardsigmoid"])
@pytest.mark.parametrize("squeeze", ["avg", "max"])
def test_child_gate_gives_the_factor_of_each_channel(squeeze, gate):
    block = SEBlock(16, squeeze=squeeze, gate=gate)
    function = getattr(F, gate) if gate != "tanh" else torch.tanh
    x = torch.randn(3, 16, 4, 6)

    (seen,) = watch_se_blocks(block, x).values()

    squeezed = x.mean((2, 3)) if squeeze == "avg" else x.amax((2, 3))
    excitation = block.fc2(F.relu(block.fc1(squeezed[:, :, None, None])))
    assert seen["gate"].shape == (3, 16, 1, 1)
    torch.testing.assert_close(seen["gate"], function(excitation).detach())
    assert torch.equal(seen["output"], seen["input"] * seen["gate"])


def test_without_squeeze_every_position_has_its_own_gate():
    block = SEBlock(16, squeeze="none")
    x = torch.randn(2, 16, 4, 6)

    (seen,) = watch_se_blocks(block, x).values()

    corner = SEBlock(16)
    corner.load_state_dict(block.state_dict())
    assert seen["gate"].shape == x.shape
    torch.testing.assert_close(
        seen["output"][:, :, :1, :1], corner(x[:, :, :1, :1]).detach()
    )


@pytest.mark.parametrize(
    ("channels", "reduction", "bias", "expected"),
    [
        (256, 16, False, 8_192),
        (256, 16, True, 8_464),
        (2048, 16, True, 526_464),
        (16, 32, False, 32),
    ],
)
def test_se_block_has_the_parameters_of_equation_5(channels, reduction, bias, expected):
    block = SEBlock(channels, reduction, bias=bias)

    assert count_parameters(block) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"squeeze": "mean"}, "squeeze is one of avg, max, none, got 'mean'"),
        ({"gate": "softmax"}, "gate is one of sigmoid, .* got 'softmax'"),
        ({"reduction": 0}, "at least 1, got channels=8 and reduction=0"),
    ],
)
def test_se_block_refuses_options_it_does_not_have(options, message):
    with pytest.raises(UsageError, match=message):
        SEBlock(8, **options)


# --- SE-LeNet -------------------------------------------------------------------------


def test_se_lenet_is_the_homework_to_the_letter():
    model = create_model("se_lenet")

    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert count_parameters(model) == 44_554
    assert count_parameters(model.se) == 128
    assert count_macs(model, model.input_size) == 281_768


def test_se_lenet_computes_what_its_layers_compute_one_by_one():
    model = create_model("se_lenet").eval()
    x = torch.randn(3, 1, 28, 28)

    maps = F.relu(model.conv2(F.max_pool2d(F.relu(model.conv1(x)), 2)))
    assert maps.shape == (3, 16, 8, 8)
    z = F.max_pool2d(model.se(maps), 2).reshape(3, 256)
    expected = model.fc3(F.relu(model.fc2(F.relu(model.fc1(z)))))

    torch.testing.assert_close(model(x), expected)


# --- SE-ResNet ------------------------------------------------------------------------


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


# --- by name --------------------------------------------------------------------------


def test_unknown_architecture_names_the_nearest():
    with pytest.raises(ArchitectureError, match=r"'se_resnet51'.* mean se_resnet50 or"):
        create_model("se_resnet51")


def test_architecture_unlike_any_lists_them():
    with pytest.raises(ArchitectureError, match=r"There are se_lenet, se_resnet18"):
        create_model("xyz")


def test_unknown_option_names_those_there_are():
    with pytest.raises(UsageError, match=r"squeeze, gate, got integration, ratio"):
        create_model("se_lenet", ratio=4, integration="pre")


def test_no_classes_is_refused():
    with pytest.raises(UsageError, match="at least 1 class, got 0"):
        create_model("se_lenet", 0)


def test_model_says_how_to_build_it_again():
    model = create_model(
        "se_resnet20_cifar", 5, reduction=8, bias=False, stages=(2, 4), gate="tanh"
    )

    facts = json.loads(json.dumps([model.architecture, model.num_classes]))
    options = json.loads(json.dumps(model.options))
    again = create_model(*facts, **options)

    again.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(2, *model.input_size)
    assert again.options == model.options == options
    assert options["integration"] == "standard"  # defaults are written down too
    assert torch.equal(again.eval()(images), model.eval()(images))


# --- SE for other backbones -----------------------------------------------------------

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


# --- weights of other projects --------------------------------------------------------
# Replicas of the units of github.com/moskomule/senet.pytorch and
# github.com/miraclewkf/SENet-PyTorch: same names, same arithmetic, own words.


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


FOREIGN = {
    "moskomule 50 with bias": (
        lambda: resnet(MoskomuleBottleneck, [3, 4, 6, 3]),
        "se_resnet50",
        True,
    ),
    "moskomule 18": (
        lambda: resnet(MoskomuleBasicBlock, [2, 2, 2, 2]),
        "se_resnet18",
        False,
    ),
    "moskomule CIFAR": (lambda: MoskomuleCifar(3, 6), "se_resnet20_cifar", False),
    "miraclewkf 18": (
        lambda: resnet(MiraclewkfBasicBlock, [2, 2, 2, 2]),
        "se_resnet18",
        True,
    ),
    "miraclewkf ResNeXt": (
        lambda: resnet(
            MiraclewkfBottleneck, [3, 4, 6, 3], groups=32, width_per_group=4
        ),
        "se_resnext50_32x4d",
        True,
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_converted_weights_give_the_logits_of_the_foreign_network(name):
    build, arch, bias = FOREIGN[name]
    theirs = shake(build())
    images = torch.randn(2, 3, 64, 64)

    layout = recognise(theirs.state_dict())
    ours = create_model(layout.architecture, layout.num_classes, **layout.options)
    ours.load_state_dict(layout.convert(theirs.state_dict()), strict=True)

    assert layout.project.startswith(name.split()[0])
    assert (layout.architecture, layout.num_classes) == (arch, 6)
    assert layout.options == {"reduction": 16, "bias": bias}
    torch.testing.assert_close(ours.eval()(images), theirs(images))


def test_conversion_leaves_the_foreign_weights_as_they_are():
    theirs = MoskomuleCifar(3, 6).state_dict()
    before = {key: tensor.shape for key, tensor in theirs.items()}

    recognise(theirs).convert(theirs)

    assert {key: tensor.shape for key, tensor in theirs.items()} == before


def test_our_own_weights_are_no_foreign_layout():
    assert recognise(on_meta("se_resnet50").state_dict()) is None


def test_convolutions_under_the_same_names_are_no_foreign_layout():
    # kuangliu/pytorch-cifar has 1x1 convolutions where miraclewkf has linear layers.
    weights = resnet(MiraclewkfBasicBlock, [2, 2, 2, 2]).state_dict()

    widened = {
        key: w[:, :, None, None] if ".fc" in key and w.ndim == 2 else w
        for key, w in weights.items()
    }

    assert recognise(widened) is None


def test_a_depth_that_nobody_published_is_no_foreign_layout():
    assert recognise(resnet(MiraclewkfBasicBlock, [1, 2, 2, 1]).state_dict()) is None


def test_weights_without_a_head_are_no_foreign_layout():
    weights = MoskomuleCifar(3, 6).state_dict()
    del weights["fc.weight"]

    assert recognise(weights) is None


# --- counting -------------------------------------------------------------------------


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


# --- against the paper ----------------------------------------------------------------


@pytest.mark.parametrize("row", PAPER_ROWS, ids=lambda row: f"{row.table} {row.name}")
def test_parameters_are_within_a_tenth_of_a_million_of_the_paper(row):
    assert paper_cost(row).paper_parameters / 1e6 == pytest.approx(
        row.parameters, abs=0.1
    )


def test_all_but_one_number_of_parameters_round_to_the_figure_of_the_paper():
    missed = {
        row.name
        for row in PAPER_ROWS
        if round(paper_cost(row).paper_parameters / 1e6, 1) != row.parameters
    }

    assert missed == {"r = 8"}


def test_multiply_adds_round_to_the_paper_once_squeeze_and_scale_are_counted():
    rows = [row for row in PAPER_ROWS if row.gmacs is not None]

    without = {r.name for r in rows if round(paper_cost(r).macs / 1e9, 2) != r.gmacs}
    missed = {
        r.name for r in rows if round(paper_cost(r).paper_macs / 1e9, 2) != r.gmacs
    }

    assert without == {"SE", "SE_All"}
    assert missed == set()


def test_no_squeeze_and_plain_network_cost_what_is_known_of_them():
    costs = {row.name: paper_cost(row) for row in PAPER_ROWS}

    assert costs["NoSqueeze"].macs == 3_857_973_248 + 411_041_792
    assert costs["ResNet-50"].macs == 3_857_973_248
    assert costs["ResNet-50"].parameters == 25_557_032
    assert costs["ResNet-50"].running_statistics == 53_120
    assert costs["SE_All"].parameters == 28_071_976
    assert costs["SE_All"].se_parameters == 2_514_944
    assert costs["SE_All"].squeeze_and_scale == 2 * 5_519_360
    assert costs["SE_3x3"].se_parameters == 157_184


def test_docs_hold_what_the_command_prints(capsys):
    runpy.run_module("se_probe.models", run_name="__main__")

    architectures, paper = capsys.readouterr().out.split("\n\n")
    text = DOCS.read_text(encoding="utf-8")

    assert architectures.strip() in text
    assert paper.strip() in text
    assert all(f"| `{name}` |" in architectures for name in list_architectures())
