"""Finding gates: hand-written blocks, refusals, and what is named."""

import json
import warnings
from functools import partial

import pytest
import timm
import torch
from torch import nn

from gating_blocks import (
    CHANNELS,
    ChannelsLastSE,
    Foreign,
    FunctionalSE,
    HardSigmoid,
    InlinedSE,
    LinearSE,
    NamedSE,
    NotAGate,
    network,
)
from se_probe.blocks import capture_gates, find_se_blocks, network_facts
from se_probe.errors import BlockError


def by_ratio(model, path, images):
    """Second opinion: output over input of the block, shape (images, channels)."""
    seen = {}

    def keep(module, args, output):
        seen["x"], seen["y"] = before[0], output.detach().clone()

    before = []
    module = model.get_submodule(path)
    with (
        module.register_forward_pre_hook(lambda m, a: before.append(a[0].clone())),
        module.register_forward_hook(keep),
        torch.no_grad(),
    ):
        model(images)
    return (seen["x"] * seen["y"]).sum((2, 3)) / seen["x"].square().sum((2, 3))


@pytest.mark.parametrize(
    ("make_block", "gate_path", "gate"),
    [
        (LinearSE, "fc.3", "sigmoid"),
        (partial(LinearSE, gate=nn.Hardsigmoid), "fc.3", "hardsigmoid"),
        (partial(LinearSE, gate=HardSigmoid), "fc.3", "hardsigmoid"),
        (partial(LinearSE, gate=nn.Tanh), "fc.3", "tanh"),
        (FunctionalSE, None, "sigmoid"),
        (partial(NamedSE, "sigmoid"), "sigmoid", "sigmoid"),
        (partial(NamedSE, "excitation"), "excitation.3", "sigmoid"),
        (ChannelsLastSE, None, "sigmoid"),
    ],
)
def test_hand_written_block_is_found_and_its_gate_captured(
    make_block, gate_path, gate, batch
):
    model = network(make_block).eval()

    [found] = find_se_blocks(model, batch)
    with capture_gates(model, [found]) as capture, torch.no_grad():
        model(batch)
        gates = capture.take(3)

    assert found.path == "0.1"
    assert found.gate_path == (gate_path and f"0.1.{gate_path}")
    assert (found.kind, found.gate, found.hidden) == ("se", gate, 4)
    assert found.parameters == sum(p.numel() for p in model[0][1].parameters())
    torch.testing.assert_close(gates, by_ratio(model, "0.1", batch))


def test_gate_inlined_in_a_bottleneck_is_found_with_its_own_layers_only(batch):
    model = network(InlinedSE, InlinedSE).eval()
    gates = {}
    handle = model[0][2].sigmoid.register_forward_hook(
        lambda module, args, output: gates.update(seen=output)
    )

    found = find_se_blocks(model, batch)
    with capture_gates(model, found) as capture:
        model(batch)
        captured = capture.take(3)
    handle.remove()

    assert [block.gate_path for block in found] == ["0.1.sigmoid", "0.2.sigmoid"]
    assert found[1].parameters == 2 * CHANNELS * 4 + 4 + CHANNELS
    assert found[1].macs == 2 * CHANNELS * 4
    assert torch.equal(captured[:, CHANNELS:], gates["seen"])


def test_one_activation_that_all_blocks_share_is_captured_block_by_block(batch):
    shared, blocks = nn.Sigmoid(), [LinearSE(), LinearSE()]
    for block in blocks:
        block.fc[3] = shared
    model = network(*blocks).eval()

    found = find_se_blocks(model, batch)
    with capture_gates(model, found) as capture:
        model(batch)
        gates = capture.take(3)

    assert [block.gate_path for block in found] == [None, None]
    torch.testing.assert_close(gates[:, :CHANNELS], by_ratio(model, "0.1", batch))
    torch.testing.assert_close(gates[:, CHANNELS:], by_ratio(model, "0.2", batch))


@pytest.mark.parametrize(
    "block",
    [
        *map(
            NotAGate,
            [
                "spatial",
                "swish",
                "layer scale",
                "instance norm",
                "layer norm",
                "response norm",
            ],
        ),
        nn.SiLU(),
        nn.GroupNorm(2, CHANNELS),
    ],
    ids=lambda block: getattr(block, "kind", type(block).__name__),
)
def test_other_products_are_not_taken_for_gates(block, batch):
    model = network(block, LinearSE)

    found = find_se_blocks(model, batch)

    assert [b.path for b in found] == ["0.2"]


def test_network_without_se_blocks_is_said_to_have_none(batch):
    with pytest.raises(BlockError, match="Sequential has no SE blocks"):
        find_se_blocks(network(nn.ReLU()), batch)


def test_gate_from_elsewhere_is_not_a_gate(batch):
    with pytest.raises(BlockError, match="has no SE blocks"):
        find_se_blocks(nn.Sequential(Foreign()), batch)


@pytest.mark.parametrize("name", ["SELayer", "LinearSE"])
def test_block_that_is_registered_but_never_called_is_named(name, batch):
    class WithIdleBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = LinearSE()
            self.idle = (
                type(name, (LinearSE,), {})() if name == "SELayer" else LinearSE()
            )

        def forward(self, x):
            return self.used(x)

    sentence = rf"'0\.1\.idle' \({name}\) .* never called"
    with pytest.warns(UserWarning, match=sentence):
        found = find_se_blocks(network(WithIdleBlock()), batch)
    assert [block.path for block in found] == ["0.1.used"]
    with pytest.raises(BlockError, match=sentence):
        find_se_blocks(network(WithIdleBlock()), batch, strict=True)


def test_known_block_whose_product_is_not_seen_is_named(batch):
    class Ignoring(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = LinearSE()
            self.se = timm.layers.SEModule(CHANNELS)

        def forward(self, x):
            self.se(torch.ones(len(x), CHANNELS, 1, 1))
            return self.used(x)

    with pytest.warns(
        UserWarning, match=r"'0\.1\.se' \(SEModule\) .* ran, but was not"
    ):
        found = find_se_blocks(network(Ignoring()), batch)
    assert [block.path for block in found] == ["0.1.used"]


def test_block_that_runs_twice_is_refused(batch):
    block = LinearSE()

    with pytest.raises(BlockError, match="ran more than once in one forward pass"):
        find_se_blocks(network(block, block), batch)


def test_constant_gates_are_named_in_a_warning(batch):
    block = LinearSE()
    nn.init.zeros_(block.fc[2].weight)

    with pytest.warns(UserWarning, match=r"1 of 1 SE blocks are the same .*0\.1"):
        find_se_blocks(network(block), batch)


@pytest.mark.parametrize("n_images", [1, 3])
def test_batch_of_equal_images_still_gives_a_probe_of_two(n_images, batch):
    same = batch[:1].expand(n_images, -1, -1, -1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_se_blocks(network(LinearSE), same)

    assert len(found) == 1


def test_maps_of_one_pixel_are_probed_at_a_larger_side(batch):
    model = network(nn.AvgPool2d(12, ceil_mode=True), FunctionalSE).eval()

    [found] = find_se_blocks(model, batch)
    with capture_gates(model, [found]) as capture, torch.no_grad():
        out = model[0](batch)
        gates = capture.take(3)

    plain = model[0][1](model[0][0](batch))
    torch.testing.assert_close(gates, (out / plain)[:, :, 0, 0])


def test_seresnet50_has_the_numbers_of_the_paper():
    model = timm.create_model("seresnet50", zero_init_last=False)
    batch = torch.randn(2, 3, 224, 224)

    blocks = find_se_blocks(model, batch)
    facts = network_facts(model, blocks, batch, "seresnet50")

    assert [block.name for block in blocks[::5]] == [
        "SE_2_1",
        "SE_3_3",
        "SE_4_4",
        "SE_5_3",
    ]
    assert facts["parameters"] == 28_088_024
    assert facts["macs"] == 4_091_699_200
    assert [s["parameters"] for s in facts["stages"]] == [
        25392,
        133248,
        792960,
        1579392,
    ]
    assert sum(s["channels"] for s in facts["stages"]) == 15_104
    assert sum(s["macs"] for s in facts["stages"]) == 2_514_944
    assert {block.reduction for block in blocks} == {16.0}


def test_legacy_seresnet50_has_the_work_of_the_paper():
    model = timm.create_model("legacy_seresnet50")
    batch = torch.randn(2, 3, 224, 224)

    facts = network_facts(model, find_se_blocks(model, batch), batch)

    assert facts["macs"] == 3_860_488_192


def test_facts_are_plain_json_with_the_promised_keys(batch):
    model = network(LinearSE, FunctionalSE)

    facts = json.loads(
        json.dumps(network_facts(model, find_se_blocks(model, batch), batch))
    )

    assert list(facts) == [
        "architecture",
        "parameters",
        "macs",
        "image_size",
        "blocks",
        "stages",
    ]
    assert list(facts["blocks"][0]) == [
        "name",
        "path",
        "gate_path",
        "kind",
        "stage",
        "number",
        "channels",
        "hidden",
        "reduction",
        "gate",
        "parameters",
        "macs",
        "bounds",
    ]
    assert facts["blocks"][0]["bounds"] == [0, 1]
    assert facts["blocks"][1]["gate_path"] is None
