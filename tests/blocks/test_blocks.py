"""Finding gates: hand-written blocks, refusals, and that models are left alone."""

import json
import warnings
from functools import partial

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from se_probe.blocks import capture_gates, find_se_blocks, network_facts
from se_probe.errors import BlockError

CHANNELS = 8


class HardSigmoid(nn.Module):
    """As written in many repositories: no operation of torch is called sigmoid."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x):
        return self.relu(x + 3) / 6


class LinearSE(nn.Module):
    """Gate (B, C) from a Sequential that ends in Sigmoid, as in moskomule's SELayer."""

    def __init__(self, gate=nn.Sigmoid):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(CHANNELS, 4, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(4, CHANNELS, bias=False),
            gate(),
        )

    def forward(self, x):
        gate = self.fc(x.mean(dim=(2, 3)))
        return x * gate.view(len(x), CHANNELS, 1, 1).expand_as(x)


class FunctionalSE(nn.Module):
    """No module holds the gate."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(CHANNELS, 4, 1), nn.Conv2d(4, CHANNELS, 1)

    def forward(self, x):
        squeezed = functional.adaptive_avg_pool2d(x, 1)
        gate = torch.sigmoid(self.up(functional.relu(self.down(squeezed))))
        return gate * x


class NamedSE(nn.Module):
    """The layouts `se.sigmoid` and `se.excitation.3`."""

    def __init__(self, layout):
        super().__init__()
        layers = [
            nn.Conv2d(CHANNELS, 4, 1),
            nn.ReLU(),
            nn.Conv2d(4, CHANNELS, 1),
            nn.Sigmoid(),
        ]
        if layout == "excitation":
            self.excitation = nn.Sequential(*layers)
        else:
            self.fc1, self.relu, self.fc2, self.sigmoid = layers
        self.layout = layout

    def forward(self, x):
        squeezed = x.mean((2, 3), keepdim=True)
        if self.layout == "excitation":
            x *= self.excitation(squeezed)
            return x
        return x.mul(self.sigmoid(self.fc2(self.relu(self.fc1(squeezed)))))


class InlinedSE(nn.Module):
    """Excitation among the layers of a bottleneck, as in miraclewkf's networks."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)
        self.relu, self.sigmoid = nn.ReLU(), nn.Sigmoid()

    def forward(self, x):
        out = self.relu(self.conv(x))
        gate = self.sigmoid(self.fc2(self.relu(self.fc1(out.mean((2, 3))))))
        return x + out * gate[:, :, None, None]


class ChannelsLastSE(nn.Module):
    """Maps and gates with the channels behind: (B, H, W, C) and (B, 1, 1, C)."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        gate = self.fc2(self.fc1(x.mean((1, 2), keepdim=True)).relu()).sigmoid()
        return (x * gate).permute(0, 3, 1, 2)


class NotAGate(nn.Module):
    """Products that are no channel gates."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.conv = nn.Conv2d(CHANNELS, 1 if kind == "spatial" else CHANNELS, 1)
        self.scale = nn.Parameter(torch.rand(1, CHANNELS, 1, 1))

    def forward(self, x):
        if self.kind == "layer scale":
            return x * self.scale
        if self.kind == "instance norm":
            return x * (x.var((2, 3), keepdim=True) + 1e-5).rsqrt()
        if self.kind == "response norm":  # of ConvNeXt V2
            norm = x.norm(dim=(2, 3), keepdim=True)
            return x * (norm / norm.mean(dim=1, keepdim=True))
        if self.kind == "layer norm":
            return x * (x.var((1, 2, 3), keepdim=True) + 1e-5).rsqrt()
        return x * torch.sigmoid(self.conv(x))  # spatial gate, swish


class Foreign(nn.Module):
    """A gate computed from something else than the map it multiplies."""

    def __init__(self):
        super().__init__()
        self.fc, self.conv = nn.Linear(3, CHANNELS), nn.Conv2d(3, CHANNELS, 1)

    def forward(self, x):
        return self.conv(x) * self.fc(x.mean((2, 3))).sigmoid()[:, :, None, None]


def network(*blocks):
    """Convolution, blocks (modules, or what makes them), pooling and a head."""
    torch.manual_seed(0)
    made = [block if isinstance(block, nn.Module) else block() for block in blocks]
    layers = nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1), *made)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 5))
    return nn.Sequential(layers, head)


@pytest.fixture
def batch():
    noise = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    return noise + torch.tensor([-1.0, 1.0, 3.0])[:, None, None, None]


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


def test_model_is_left_as_it_was(batch):
    model = network(LinearSE, nn.BatchNorm2d(CHANNELS), nn.Dropout(), FunctionalSE)
    model.train()
    model[0][2].eval()
    model[0][0].weight.requires_grad_(False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    calls = []
    model[1].register_forward_hook(lambda *args: calls.append(1))
    modes = [module.training for module in model.modules()]
    random_state = torch.get_rng_state()

    find_se_blocks(model, batch)

    assert [module.training for module in model.modules()] == modes
    assert not model[0][0].weight.requires_grad
    assert model[0][1].fc[0].weight.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [len(m._forward_hooks) for m in model.modules()].count(1) == 1
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_hooks_are_removed_even_when_the_model_fails(batch):
    model = network(LinearSE, FunctionalSE)
    found = find_se_blocks(model, batch)

    with pytest.raises(RuntimeError), capture_gates(model, found):
        model(batch[:, :2])

    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_capturing_leaves_the_output_bit_identical(batch):
    model = network(LinearSE, FunctionalSE, partial(NamedSE, "excitation")).eval()
    found = find_se_blocks(model, batch)
    expected = model(batch)

    with capture_gates(model, found):
        output = model(batch)

    assert torch.equal(output, expected)


def test_gate_that_was_not_captured_is_an_error_not_an_empty_array(batch):
    model = network(LinearSE)
    found = find_se_blocks(model, batch)

    with (
        capture_gates(model, found) as capture,
        pytest.raises(BlockError, match=r"SE_0_1 \(0\.1\) once .* got nothing"),
    ):
        capture.take(3)


def test_gate_of_an_earlier_pass_is_not_taken_for_this_one(batch):
    model = network(LinearSE)
    found = find_se_blocks(model, batch)

    with capture_gates(model, found) as capture:
        model(batch)
        model(batch)
        with pytest.raises(BlockError, match=r"got \[\(3, 8\), \(3, 8\)\]"):
            capture.take(3)


def test_captured_gates_are_copies():
    model = network(LinearSE).eval()
    block = model[0][1]
    batch = torch.randn(2, 3, 8, 8)
    found = find_se_blocks(model, batch)
    kept = []
    block.fc[3].register_forward_hook(lambda m, a, out: kept.append(out))

    with capture_gates(model, found) as capture, torch.no_grad():
        model(batch)
        kept[0].fill_(7)
        gates = capture.take(2)

    assert gates.max() < 1


def test_compiled_and_parallel_wrappers_are_looked_into(batch):
    model = network(LinearSE)

    wrapped = [torch.compile(model), nn.DataParallel(model)]

    assert [find_se_blocks(m, batch)[0].path for m in wrapped] == ["0.1", "0.1"]


def test_scripted_model_is_refused_with_the_way_out(batch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(network(LinearSE), batch)

    with pytest.raises(BlockError, match=r"takes no hooks; load its state_dict\(\)"):
        find_se_blocks(scripted, batch)


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
