"""Taking SE blocks out: what is left computes what it should, or says why not."""

import copy
import json
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
import torchvision
import typer
from torch import Tensor, nn
from torch.nn import functional
from typer.testing import CliRunner

from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import (
    ChannelScale,
    Network,
    Provenance,
    build_network,
    load_network,
    save_network,
    weights_sha256,
)
from se_probe.cli.prune import prune
from se_probe.errors import (
    ArchitectureError,
    BlockError,
    BlockNameError,
    CheckpointError,
    GateRecordError,
    MissingPackageError,
    UsageError,
)
from se_probe.gates import make_gates
from se_probe.images import Preprocessing, open_images
from se_probe.models import SEBlock, count_macs, count_parameters, create_model
from se_probe.pruning import (
    drop_se_blocks,
    export_onnx,
    plain_architecture,
    plain_state_dict,
    save_plain_weights,
)
from se_probe.record import record_gates

torch.set_num_threads(1)

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


# --- folding, on networks of many families -------------------------------------------


@pytest.mark.parametrize(
    ("arch", "block", "folded_into"),
    [
        ("seresnet18", "layer4.1.se", "layer4.1.bn2"),
        ("seresnext26d_32x4d", "layer2.0.se", "layer2.0.bn3"),
        ("legacy_seresnet18", "layer1.0.se_module", "layer1.0.bn2"),
        ("regnety_002", "s3.b4.se", "s3.b4.conv3.conv"),
        ("efficientnet_b0", "blocks.0.0.se", "blocks.0.0.conv_pw"),
        ("tf_efficientnetv2_b0", "blocks.3.0.se", "blocks.3.0.conv_pwl"),
        ("mobilenetv3_small_100", "blocks.4.2.se", "blocks.4.2.conv_pwl"),
        ("ghostnet_100", "blocks.4.0.se", "blocks.4.0.ghost2.primary_conv.0"),
        ("semnasnet_100", "blocks.2.0.se", "blocks.2.0.conv_pwl"),
        ("rexnet_100", "features.3.se", "features.3.conv_dw.bn"),
        (
            "torchvision:mobilenet_v3_small",
            "features.1.block.1",
            "features.1.block.2.0",
        ),
        ("se_resnet18", "layer3.0.se", "layer3.0.bn2"),
        ("se_lenet", "se", "fc1"),
    ],
)
def test_a_folded_network_computes_what_the_frozen_one_does(arch, block, folded_into):
    network = built(arch)
    images, blocks = pictures(network), blocks_of(network)
    gates = random_gates(blocks)
    before = weights_sha256(network.model)

    folded = drop_se_blocks(network, ["*"], "constant", constants=gates)

    expected = frozen_logits(network, gates, images)
    assert_same_logits(logits(folded, images), expected)
    assert (expected - logits(network, images)).abs().max() > 1e-3, "no gate varies"
    assert places(folded)[block] == folded_into
    assert places(folded).keys() == gates.keys()
    for path, into in places(folded).items():
        left = ChannelScale if into == "scale" else nn.Identity
        assert isinstance(folded.model.get_submodule(path), left)
    saved = sum(block.parameters for block in blocks)
    assert count_parameters(folded.model) == count_parameters(network.model) - saved
    assert weights_sha256(network.model) == before


def test_folding_is_exact_but_for_rounding():
    network = built("se_resnet20_cifar", 32, options={"reduction": 4})
    network.model.double()
    images, gates = pictures(network), random_gates(blocks_of(network))

    folded = drop_se_blocks(network, ["*"], "constant", constants=gates)

    expected = frozen_logits(network, gates, images)
    assert_same_logits(logits(folded, images), expected, 1e-13)


# --- folding, by the flow of data ----------------------------------------------------


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


def standardised(net: Flow, x: Tensor) -> Tensor:
    weight = net.plain.weight / net.plain.weight.std()
    return functional.conv2d(net.se(x), weight)


def norm_seen_twice(net: Flow, x: Tensor) -> Tensor:
    normed = net.bn(x)
    return net.plain(net.se(normed)) + normed.mean()


def product_seen_twice(net: Flow, x: Tensor) -> Tensor:
    product = net.se(x)
    return net.plain(product) + product.mean()


def in_place_after_the_block(net: Flow, x: Tensor) -> Tensor:
    product = net.se(x)
    product += 1
    return net.plain(product)


def norm_changed_behind_the_block(net: Flow, x: Tensor) -> Tensor:
    normed = net.bn(x)
    product = net.se(normed)
    return torch.cat([product, normed.mul_(2)], 1)


FLOWS = {
    "norm before": ("bn", lambda n, x: n.se(n.bn(x)).relu()),
    "norm before, not the layer behind": ("bn", lambda n, x: n.plain(n.se(n.bn(x)))),
    "norm seen twice": ("plain", norm_seen_twice),
    "groups": ("grouped", lambda n, x: n.grouped(n.se(x))),
    "relu and pooling between": (
        "grouped",
        lambda n, x: n.grouped(functional.max_pool2d(n.se(x).relu_(), 2)),
    ),
    "dropout, padding and means between": (
        "plain",
        lambda n, x: n.plain(
            functional.avg_pool2d(functional.pad(n.drop(n.se(x)), (1, 0, 1, 0)), 2)
        ),
    ),
    "global mean": ("linear", lambda n, x: n.linear(n.se(x).mean((2, 3)))),
    "flattened map": (
        "wide",
        lambda n, x: n.wide(functional.max_pool2d(n.se(x), 3).flatten(1)),
    ),
    "flattened mean map": (
        "wide",
        lambda n, x: n.wide(functional.adaptive_avg_pool2d(n.se(x), 3).flatten(1)),
    ),
    "norm and relu before a sum": ("bn", lambda n, x: n.se(n.bn(x).relu()) + 1),
    "sum": ("scale", lambda n, x: n.plain(n.se(x) + x)),
    "concatenation": ("scale", lambda n, x: torch.cat([n.se(x), x], 1)),
    "norm behind": ("scale", lambda n, x: n.bn(n.se(x)).relu()),
    "other activations": ("scale", lambda n, x: n.plain(functional.silu(n.se(x)))),
    "relu6": ("scale", lambda n, x: n.plain(functional.relu6(n.se(x)))),
    "padding with ones": (
        "scale",
        lambda n, x: n.plain(functional.pad(n.se(x), (1, 1, 1, 1), value=1.0)),
    ),
    "mean over channels": ("scale", lambda n, x: n.se(x).mean(1, keepdim=True)),
    "product seen twice": ("scale", product_seen_twice),
    "layer used twice": ("scale", lambda n, x: n.plain(n.se(x)) + n.plain(x)),
    "weights computed": ("scale", standardised),
    "changed in place after the block": ("scale", in_place_after_the_block),
    "norm changed behind the block": ("scale", norm_changed_behind_the_block),
}


def flow_network(
    forward: Callable[[Flow, Tensor], Tensor], seed: int = 0, **options
) -> Network:
    torch.manual_seed(seed)
    model = lively(Flow(forward, **options), (3, 12, 12))
    return Network(model, Preprocessing((3, 12, 12)))


def check_flow(network: Network, gates: np.ndarray) -> Network:
    folded = drop_se_blocks(network, ["se"], "constant", constants={"se": gates})

    images = pictures(network)
    expected = frozen_logits(network, {"se": gates}, images)
    assert_same_logits(logits(folded, images), expected)
    return folded


@pytest.mark.parametrize(("into", "forward"), FLOWS.values(), ids=FLOWS)
def test_where_gates_go_is_found_by_the_flow_of_data(into, forward):
    network = flow_network(forward)

    folded = check_flow(network, np.linspace(0.05, 0.9, 8))

    assert places(folded) == {"se": into}


@pytest.mark.parametrize(
    ("into", "forward"),
    [
        ("bn", lambda n, x: n.se(n.bn(x))),
        ("plain", lambda n, x: n.plain(n.se(x))),
        ("scale", lambda n, x: n.plain(n.se(x).relu())),
        ("scale", lambda n, x: n.se(n.bn(x).relu()) + 1),
        ("scale", lambda n, x: n.plain(functional.max_pool2d(n.se(x), 2))),
    ],
)
def test_negative_gates_do_not_pass_relu_or_max_pooling(into, forward):
    folded = check_flow(flow_network(forward), np.linspace(-1, 1, 8))

    assert places(folded) == {"se": into}


def test_a_norm_without_weights_takes_up_nothing():
    network = flow_network(lambda n, x: n.plain(n.se(n.bn(x))), affine=False)

    assert places(check_flow(network, np.linspace(0.1, 1, 8))) == {"se": "plain"}


def test_weights_that_another_layer_shares_are_left_alone():
    network = flow_network(lambda n, x: n.plain(n.se(x)))
    network.model.other = nn.Conv2d(8, 4, 1)
    network.model.other.weight = network.model.plain.weight

    folded = check_flow(network, np.linspace(0.1, 1, 8))

    assert places(folded) == {"se": "scale"}
    assert "weights are computed or shared" in folded.notes[0]


def test_what_cannot_be_traced_keeps_its_scale():
    def branching(net: Flow, x: Tensor) -> Tensor:
        return net.plain(net.se(x)) if x.sum() > -1e9 else x

    folded = check_flow(flow_network(branching), np.linspace(0.1, 1, 8))

    assert places(folded) == {"se": "scale"}
    assert "torch.export cannot trace the network" in folded.notes[0]


def test_maps_with_channels_last_keep_their_scale():
    class ChannelsLastGate(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(8, 4), nn.Linear(4, 8)
            self.gate = nn.Sigmoid()

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.fc1(x.mean((1, 2), keepdim=True)).relu()
            return x * self.gate(self.fc2(hidden))

    network = flow_network(lambda n, x: n.plain(x))
    network.model.se = ChannelsLastGate()
    network.model.run = lambda n, x: n.se(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    folded = check_flow(network, np.linspace(0.1, 1, 8))

    (entry,) = folded.provenance.removed_blocks
    assert (entry["folded_into"], entry["shape"]) == ("scale", [8])


def test_a_result_that_computes_something_else_is_refused(monkeypatch):
    network = flow_network(lambda n, x: n.plain(n.se(x)))
    monkeypatch.setattr("se_probe.pruning.drop.fold_into", lambda *_: None)

    with pytest.raises(BlockError, match=r"without SE_0_1 Flow does not compute what"):
        check_flow(network, np.linspace(0.1, 1, 8))


# --- what is taken out ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "parameters"),
    [(["SE_5_*"], 26_508_632), (["SE_5_2", "layer4.2.se"], 27_035_096)],
)
def test_parameters_without_stage_5_are_the_papers(blocks, parameters):
    network = build_network("seresnet50")
    small = replace(network, preprocessing=Preprocessing((3, SIDE, SIDE)))

    pruned = drop_se_blocks(small, blocks)

    assert count_parameters(pruned.model) == parameters
    removed = pruned.provenance.removed_blocks
    saved = sum(block["parameters"] for block in removed)
    assert saved == count_parameters(network.model) - parameters
    saved = sum(block["macs"] for block in removed)
    size = (3, SIDE, SIDE)
    assert saved == count_macs(network.model, size) - count_macs(pruned.model, size)


@pytest.fixture
def cifar() -> Network:
    """SE-ResNet-20 whose blocks sit on the shortcut: three fold, six do not."""
    torch.manual_seed(0)
    model = create_model("se_resnet20_cifar", reduction=4, integration="identity")
    return Network(lively(model, (3, 32, 32)), Preprocessing((3, 32, 32)))


@pytest.fixture
def lenet() -> Network:
    return built("se_lenet")


def test_identity_is_the_gate_one(cifar):
    images, blocks = pictures(cifar), blocks_of(cifar)

    pruned = drop_se_blocks(cifar, ["SE_3_*"])

    ones = {b.path: np.ones(b.channels) for b in blocks if b.stage == 3}
    assert_same_logits(logits(pruned, images), frozen_logits(cifar, ones, images))
    assert [b.name for b in blocks_of(pruned)] == [
        b.name for b in blocks if b.stage != 3
    ]
    assert places(pruned) == dict.fromkeys(ones)
    assert not pruned.notes


def test_the_original_is_left_as_it_was(cifar):
    cifar.model.train()
    cifar.model.layer1.eval()
    modes = [module.training for module in cifar.model.modules()]
    before = weights_sha256(cifar.model)

    pruned = drop_se_blocks(
        cifar, ["*"], "constant", constants=random_gates(blocks_of(cifar))
    )

    assert [module.training for module in cifar.model.modules()] == modes
    assert weights_sha256(cifar.model) == before
    assert not any(m._forward_hooks for m in cifar.model.modules())
    assert not any(m._forward_hooks for m in pruned.model.modules())
    assert pruned.model.layer2.training
    assert not pruned.model.layer1[0].se.training
    assert cifar.provenance.removed_blocks == ()


def test_metrics_of_the_original_are_not_those_of_the_pruned_network(cifar):
    data = {"name": "cifar10"}
    cifar.provenance = Provenance("net.pt", "abc", data, 3, {"top1": 0.9})

    pruned = drop_se_blocks(cifar, ["SE_2_1"]).provenance

    assert (pruned.metrics, pruned.data, pruned.seed) == ({}, data, 3)
    assert (pruned.checkpoint, pruned.sha256 != "abc") == ("net.pt", True)


def test_networks_can_be_pruned_twice(cifar):
    first = drop_se_blocks(cifar, ["layer1.0.se"])

    second = drop_se_blocks(first, ["layer3.2.se"])

    assert places(second) == {"layer1.0.se": None, "layer3.2.se": None}


def test_what_is_kept_and_that_nothing_is_left_is_said(cifar):
    gates = random_gates(blocks_of(cifar))

    pruned = drop_se_blocks(cifar, ["*"], "constant", constants=gates)

    into = places(pruned)
    assert into["layer2.0.se"] == "layer2.0.downsample.1"
    kept = [path for path, place in into.items() if place == "scale"]
    assert len(pruned.notes) == len(kept) + 1
    assert pruned.notes[0] == (
        f"SE_2_1 ({kept[0]}) stays as a scale of 16 numbers: its product goes into add"
    )
    assert pruned.notes[-1] == "no SE block is left in the network"


# --- the constants -------------------------------------------------------------------


@pytest.fixture
def digits(lenet):
    return open_images("digits", lenet.preprocessing, per_class=2, batch_size=8)


def test_gates_are_frozen_at_the_mean_of_their_record(lenet, digits, tmp_path):
    gates = record_gates(lenet, digits, out=tmp_path / "run.zarr")
    images = pictures(lenet)

    frozen = drop_se_blocks(lenet, ["SE_2_1"], "constant", gates)

    mean = {"se": gates.values.mean(axis=0, dtype=np.float64)}
    assert_same_logits(logits(frozen, images), frozen_logits(lenet, mean, images))
    assert frozen.provenance.removed_blocks[0]["n_images"] == 20
    by_name = {"SE_2_1": mean["se"]}
    again = drop_se_blocks(lenet, ["SE_2_1"], "constant", constants=by_name)
    assert torch.equal(logits(again, images), logits(frozen, images))


def test_a_record_of_another_checkpoint_is_refused(lenet, digits):
    other = built("se_lenet", seed=1)
    gates = record_gates(other, digits)

    with pytest.raises(GateRecordError, match=r"of other weights \(se_lenet"):
        drop_se_blocks(lenet, ["SE_2_1"], "constant", gates)
    with pytest.raises(GateRecordError, match="of other weights"):
        drop_se_blocks(lenet, ["SE_2_1"], gates=gates)


def test_a_record_that_does_not_say_of_what_is_refused(lenet):
    gates = make_gates({"SE_2_1": np.ones((1, 16))}, ["a"])

    with pytest.raises(GateRecordError, match="does not say of which checkpoint"):
        drop_se_blocks(lenet, ["SE_2_1"], "constant", gates)


def test_a_network_without_a_file_is_known_by_its_weights(lenet, digits):
    own = replace(lenet, provenance=replace(lenet.provenance, sha256=""))
    gates = record_gates(own, digits)

    frozen = drop_se_blocks(own, ["SE_2_1"], "constant", gates)

    assert places(frozen) == {"se": "fc1"}


def test_a_record_with_other_preprocessing_is_warned_of(lenet, digits):
    gates = record_gates(lenet, digits)
    own = replace(lenet, preprocessing=replace(lenet.preprocessing, crop_pct=0.5))

    with pytest.warns(UserWarning, match=r"crop_pct 1.0 \(the network's own: 0.5\)"):
        drop_se_blocks(own, ["SE_2_1"], "constant", gates)


def test_a_record_without_the_block_is_refused(cifar):
    blocks = blocks_of(cifar)
    attrs = {"sha256": weights_sha256(cifar.model)}
    names = [block.name for block in blocks[:2]]
    gates = make_gates(
        {name: np.ones((2, 16)) for name in names}, ["a", "b"], attrs=attrs
    )

    frozen = drop_se_blocks(cifar, names, "constant", gates)
    with pytest.raises(GateRecordError, match=r"no gates of SE_2_3 \(layer1.2.se\)"):
        drop_se_blocks(cifar, ["SE_2_*"], "constant", gates)

    assert len(frozen.provenance.removed_blocks) == 2


def test_a_record_of_no_images_is_refused(lenet):
    attrs = {"sha256": lenet.provenance.sha256}
    gates = make_gates({"SE_2_1": np.full((2, 16), np.nan)}, ["a", "b"], attrs=attrs)

    with pytest.raises(GateRecordError, match="none of the record has been recorded"):
        drop_se_blocks(lenet, ["SE_2_1"], "constant", gates)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"blocks": ["SE_2_9"]}, BlockNameError, "Did you mean SE_2_1"),
        ({"blocks": []}, UsageError, "which blocks"),
        ({"how": "mean"}, UsageError, "identity, constant, got 'mean'"),
        ({"how": "constant"}, UsageError, "got neither"),
        ({"constants": {"se": np.ones(16)}}, UsageError, "leaves blocks out"),
        (
            {"how": "constant", "constants": {"se": np.ones(8)}},
            BlockError,
            r"each of its 16 channels, got shape \(8,\)",
        ),
        ({"how": "constant", "constants": {}}, BlockError, "16 channels, got none"),
        (
            {"how": "constant", "constants": {"se": np.full(16, np.inf)}},
            BlockError,
            "constants of SE_2_1 hold NaN or infinity",
        ),
        (
            {"how": "constant", "constants": {"SE_3_1": np.ones(16)}},
            BlockNameError,
            "no SE block is called 'SE_3_1'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, error, message, lenet):
    with pytest.raises(error, match=message):
        drop_se_blocks(lenet, **({"blocks": ["SE_2_1"]} | arguments))


def test_gates_and_constants_together_are_refused(lenet, digits):
    gates = record_gates(lenet, digits)

    with pytest.raises(UsageError, match="got both"):
        drop_se_blocks(lenet, ["se"], "constant", gates, constants={"se": np.ones(16)})


# --- blocks that are no modules of their own -----------------------------------------


def excitation() -> nn.ModuleDict:
    """Layers of a block that is computed elsewhere."""
    layers = {"fc1": nn.Conv2d(8, 2, 1), "relu": nn.ReLU(), "fc2": nn.Conv2d(2, 8, 1)}
    return nn.ModuleDict(layers | {"gate": nn.Sigmoid()})


def gate_of(net: Flow, x: Tensor) -> Tensor:
    hidden = net.se["relu"](net.se["fc1"](x.mean((2, 3), keepdim=True)))
    return net.se["gate"](net.se["fc2"](hidden))


def test_a_block_inside_another_module_cannot_be_taken_out():
    network = flow_network(lambda n, x: n.plain(x))
    network.model.se = excitation()
    network.model.run = lambda n, x: n.plain(x * gate_of(n, x))

    with pytest.raises(BlockError, match=r"inside the network, .*\.SEBlock is one"):
        drop_se_blocks(network, ["SE_0_1"])


def test_a_module_that_is_handed_its_gate_cannot_be_taken_out():
    class Scale(nn.Module):
        def forward(self, x: Tensor, gate: Tensor) -> Tensor:
            return x * gate

    network = flow_network(lambda n, x: n.plain(x))
    network.model.se, network.model.scale = excitation(), Scale()
    network.model.run = lambda n, x: n.plain(n.scale(x, gate_of(n, x)))

    with pytest.raises(BlockError, match=r"inside 'scale' \(Scale\), which does more"):
        drop_se_blocks(network, ["scale"])


def test_a_functional_gate_in_a_module_of_its_own_is_folded():
    class OwnGate(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            hidden = functional.relu(self.fc1(x.mean((2, 3), keepdim=True)))
            return x.mul_(torch.sigmoid(self.fc2(hidden)))

    network = flow_network(lambda n, x: n.plain(n.se(x + 0)))
    network.model.se = OwnGate()
    gates = np.linspace(0.1, 1, 8)

    folded = drop_se_blocks(network, ["se"], "constant", constants={"se": gates})

    by_hand = flow_network(
        lambda n, x: n.plain(x * torch.from_numpy(gates).to(x)[:, None, None])
    )
    images = pictures(network)
    assert_same_logits(logits(folded, images), logits(by_hand, images))
    assert places(folded) == {"se": "plain"}


# --- saving, recording, exporting ----------------------------------------------------


@pytest.mark.parametrize("how", ["identity", "constant"])
def test_a_pruned_network_is_loaded_bit_for_bit(how, cifar, tmp_path):
    constants = random_gates(blocks_of(cifar)) if how == "constant" else None
    pruned = drop_se_blocks(cifar, ["SE_[34]_*"], how, constants=constants)
    save_network(pruned, tmp_path / "pruned.pt")

    loaded = load_network(tmp_path / "pruned.pt")

    images = pictures(cifar)
    assert loaded.provenance.removed_blocks == pruned.provenance.removed_blocks
    assert weights_sha256(loaded.model) == weights_sha256(pruned.model)
    pruned.model.to(memory_format=torch.channels_last)  # as loaded networks are
    assert torch.equal(logits(loaded, images), logits(pruned, images))


def test_a_pruned_network_can_be_recorded(cifar, photos, tmp_path):
    gates = random_gates(blocks_of(cifar))
    pruned = drop_se_blocks(cifar, ["SE_[34]_*"], "constant", constants=gates)
    images = open_images(photos, pruned.preprocessing, batch_size=4)

    record = record_gates(pruned, images, out=tmp_path / "run.zarr")

    assert {str(name) for name in record["block"].values} == {
        "SE_2_1",
        "SE_2_2",
        "SE_2_3",
    }
    assert record.attrs["removed_blocks"][0]["path"] == "layer2.0.se"
    bare = drop_se_blocks(pruned, ["*"])
    with pytest.raises(BlockError, match="has no SE blocks"):
        blocks_of(bare)


@pytest.fixture(scope="module")
def folded50() -> Network:
    network = built("seresnet50", seed=3)
    gates = random_gates(blocks_of(network))
    return drop_se_blocks(network, ["*"], "constant", constants=gates)


def test_a_folded_seresnet50_is_a_resnet50(folded50):
    weights = plain_state_dict(folded50)

    plain = timm.create_model("resnet50", num_classes=10).eval()
    plain.load_state_dict(weights, strict=True)
    images = pictures(folded50)
    with torch.no_grad():
        assert_same_logits(plain(images), logits(folded50, images))
    assert plain_architecture(folded50) == "resnet50"


def test_ours_become_torchvisions(tmp_path):
    network = built("se_resnet18")
    gates = random_gates(blocks_of(network))
    folded = drop_se_blocks(network, ["*"], "constant", constants=gates)

    save_plain_weights(folded, tmp_path / "plain.pt")

    plain = torchvision.models.resnet18(num_classes=10).eval()
    plain.load_state_dict(torch.load(tmp_path / "plain.pt", weights_only=True))
    images = pictures(network)
    with torch.no_grad():
        assert_same_logits(plain(images), logits(folded, images))
    with pytest.raises(CheckpointError, match="exists already"):
        save_plain_weights(folded, tmp_path / "plain.pt")


def test_legacy_weights_fit_the_plain_network_and_compute_something_else():
    network = built("legacy_seresnet18")
    pruned = drop_se_blocks(network, ["*"])
    renamed = {
        name.replace("layer0.", "").replace("last_linear", "fc"): tensor
        for name, tensor in pruned.model.state_dict().items()
    }
    plain = timm.create_model("resnet18", num_classes=10).eval()
    plain.load_state_dict(renamed, strict=True)

    with torch.no_grad():
        difference = plain(pictures(network)) - logits(pruned, pictures(network))

    assert difference.abs().max() > 0.1
    with pytest.raises(
        ArchitectureError, match=r"is not resnet18.*pool without padding"
    ):
        plain_state_dict(pruned)


def test_plain_weights_are_judged_by_logits_not_by_names(folded50):
    other = replace(folded50, model=copy.deepcopy(folded50.model))
    other.model.maxpool = nn.AvgPool2d(3, 2, 1)

    with pytest.raises(CheckpointError, match="computes something else with them"):
        plain_state_dict(other)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: built("seresnet18"), CheckpointError, "every SE block folded"),
        (lambda: built("efficientnet_b0"), ArchitectureError, "known for efficientnet"),
        (lambda: built("se_resnet20_cifar", 32), ArchitectureError, "no plain arch"),
    ],
)
def test_networks_without_a_plain_form_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        plain_state_dict(make())


def test_a_kept_scale_has_no_place_in_a_plain_network():
    network = built("seresnet18")
    network.model.layer1[0].se = ChannelScale(torch.ones(64, 1, 1))

    with pytest.raises(CheckpointError, match=r"1 frozen blocks.*layer1.0.se"):
        plain_state_dict(network)


@pytest.fixture
def frozen_lenet(lenet) -> Network:
    gates = {"se": np.linspace(0.1, 1, 16)}
    return drop_se_blocks(lenet, ["se"], "constant", constants=gates)


def test_onnx_computes_what_torch_does_for_any_batch(frozen_lenet, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path / "net.onnx"

    difference = export_onnx(frozen_lenet, path, pictures(frozen_lenet, 5))

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 7):
        images = pictures(frozen_lenet, n)
        (got,) = session.run(["logits"], {"images": images.numpy()})
        assert_same_logits(torch.from_numpy(got), logits(frozen_lenet, images))
    assert difference < 1e-5
    with pytest.raises(CheckpointError, match="exists already"):
        export_onnx(frozen_lenet, path)


def test_onnx_that_computes_something_else_is_not_written(
    frozen_lenet, tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    (tmp_path / "net.onnx").write_text("old")
    monkeypatch.setattr(
        "se_probe.pruning.onnx._onnx_logits", lambda path, images: torch.ones(2, 10)
    )

    with pytest.raises(CheckpointError, match=r"was not written: .*other logits"):
        export_onnx(frozen_lenet, tmp_path / "net.onnx", overwrite=True)

    assert (tmp_path / "net.onnx").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_without_its_packages_onnx_names_the_extra(lenet, tmp_path, monkeypatch):
    monkeypatch.setattr("se_probe.pruning.onnx.find_spec", lambda name: None)

    with pytest.raises(MissingPackageError, match=r"se-probe\[export\]"):
        export_onnx(lenet, tmp_path / "net.onnx")


# --- the command ---------------------------------------------------------------------


@pytest.fixture
def recorded(lenet, digits, tmp_path):
    """Folder with `net.pt` and its record `run.zarr`."""
    save_network(lenet, tmp_path / "net.pt")
    record_gates(load_network(tmp_path / "net.pt"), digits, out=tmp_path / "run.zarr")
    return tmp_path


def run_prune(folder, *arguments: str):
    app = typer.Typer()
    app.command()(prune)
    files = [part.replace("FOLDER", str(folder)) for part in arguments]
    return CliRunner().invoke(app, ["--ckpt", f"{folder}/net.pt", *files])


FREEZE = ("--blocks", "SE_2_*", "--how", "constant", "--gates", "FOLDER/run.zarr")


def test_prune_writes_a_smaller_checkpoint(recorded):
    result = run_prune(recorded, *FREEZE, "--out", "FOLDER/small.pt")

    assert result.exit_code == 0, result.output
    assert "frozen at the mean of 20 images" in result.stdout
    assert "frozen, folded into fc1" in result.stdout
    assert "note: no SE block is left" in result.stderr
    smaller = load_network(recorded / "small.pt")
    assert count_parameters(smaller.model) == 44_554 - 128
    assert places(smaller) == {"se": "fc1"}


def test_a_dry_run_says_the_same_and_writes_nothing(recorded):
    before = sorted(recorded.iterdir())

    result = run_prune(recorded, *FREEZE, "--dry-run", "--json")

    facts = json.loads(result.stdout)
    assert facts["before"]["parameters"] - facts["after"]["parameters"] == 128
    assert facts["before"]["macs"] - facts["after"]["macs"] == 128
    assert facts["blocks"][0]["folded_into"] == "fc1"
    assert "written" not in facts
    assert sorted(recorded.iterdir()) == before


def test_prune_exports_onnx_compared_on_recorded_images(recorded):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    outputs = ("--out", "FOLDER/small.pt", "--export", "FOLDER/small.onnx")

    result = run_prune(recorded, *FREEZE, *outputs, "--json")

    facts = json.loads(result.stdout)
    assert facts["onnx"]["compared_on"] == "8 recorded images"
    assert facts["onnx"]["largest_difference"] < 1e-5
    assert facts["written"] == [f"{recorded}/small.pt", f"{recorded}/small.onnx"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--blocks", "se"), UsageError, "where to"),
        (("--blocks", "se", "--out", "FOLDER/net.pt"), CheckpointError, "--force"),
        (("--blocks", "SE_9_*", "--dry-run"), BlockNameError, "Did you mean"),
        (
            ("--blocks", "se", "--out", "FOLDER/a.pt", "--plain", "FOLDER/b.pt"),
            ArchitectureError,
            "no plain architecture is known for se_lenet",
        ),
        (
            ("--blocks", "se", "--gates", "FOLDER/none.zarr", "--dry-run"),
            GateRecordError,
            "there is no gate record",
        ),
    ],
)
def test_prune_refuses_and_writes_nothing(arguments, error, message, recorded):
    before = sorted(recorded.iterdir())

    result = run_prune(recorded, *arguments)

    assert isinstance(result.exception, error)
    assert message in str(result.exception)
    assert sorted(recorded.iterdir()) == before
