"""Gates held at constants: the same numbers as multiplying by hand."""

import pytest
import torch
from timm.layers import EcaModule
from torch import nn
from torch.nn import functional

from se_probe.blocks import capture_gates, find_se_blocks, held_gates, watch_gates
from se_probe.errors import BlockError
from se_probe.models import SEBlock

CHANNELS = 8


class FunctionalSE(nn.Module):
    """No module holds the gate."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(CHANNELS, 4, 1), nn.Conv2d(4, CHANNELS, 1)

    def forward(self, x):
        squeezed = functional.adaptive_avg_pool2d(x, 1)
        return torch.sigmoid(self.up(functional.relu(self.down(squeezed)))) * x


class ExpandedSE(FunctionalSE):
    """The gate is expanded to the map, and the product is in place."""

    def forward(self, x):
        x = x.clone()
        gate = torch.sigmoid(self.up(self.down(x.mean((2, 3), keepdim=True))))
        x *= gate.expand_as(x)
        return x


class ChannelsLastSE(nn.Module):
    """Maps (B, H, W, C), gates (B, 1, 1, C)."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        gate = self.fc2(self.fc1(x.mean((1, 2), keepdim=True)).relu()).sigmoid()
        return (x * gate).permute(0, 3, 1, 2)


class InlinedSE(nn.Module):
    """Excitation among the layers of a bottleneck."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        out = self.conv(x).relu()
        gate = self.sigmoid(self.fc2(self.fc1(out.mean((2, 3))).relu()))
        return x + out * gate[:, :, None, None]

    def by_hand(self, x, constant):
        return x + self.conv(x).relu() * constant


class SharedSigmoid(nn.Module):
    """Two blocks that share one activation module, so that neither holds its gate."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.first, self.second = self.block(), self.block()

    def block(self):
        return nn.Sequential(nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS), ACTIVATION)

    def forward(self, x):
        x = self.conv(x)
        x = x * self.first(x.mean((2, 3)))[:, :, None, None]
        return x * self.second(x.mean((2, 3)))[:, :, None, None]


ACTIVATION = nn.Sigmoid()
OWN_MODULES = {
    "ours": lambda: SEBlock(CHANNELS, reduction=2),
    "functional": FunctionalSE,
    "expanded": ExpandedSE,
    "channels last": ChannelsLastSE,
    "inlined": InlinedSE,
    "ECA": lambda: EcaModule(CHANNELS),
}


@pytest.fixture
def images():
    return torch.randn(3, 3, 10, 10, generator=torch.Generator().manual_seed(1))


def network_with(make_block):
    torch.manual_seed(0)
    before = nn.Sequential(nn.Conv2d(3, CHANNELS, 3), nn.BatchNorm2d(CHANNELS))
    return nn.Sequential(before, make_block(), nn.Conv2d(CHANNELS, 5, 3)).eval()


def by_hand(model, images, constant):
    """The network's output with `x * constant` in place of `x * gate`."""
    before, block, after = model
    x = before(images)
    if hasattr(block, "by_hand"):
        return after(block.by_hand(x, constant))
    return after(x * constant)


@pytest.mark.parametrize("layout", OWN_MODULES)
def test_frozen_network_equals_one_that_multiplies_by_the_constant(layout, images):
    model = network_with(OWN_MODULES[layout])
    blocks = find_se_blocks(model, images)
    constant = torch.linspace(0.1, 0.9, CHANNELS)

    with torch.no_grad(), held_gates(model, blocks, {blocks[0].name: constant}):
        frozen = model(images)

    with torch.no_grad():
        expected = by_hand(model, images, constant[:, None, None])
    assert torch.equal(frozen, expected)


@pytest.mark.parametrize("layout", OWN_MODULES)
def test_without_constants_blocks_are_the_identity(layout, images):
    model = network_with(OWN_MODULES[layout])
    blocks = find_se_blocks(model, images)

    with torch.inference_mode(), held_gates(model, blocks):
        frozen = model(images)

    with torch.no_grad():
        assert torch.equal(frozen, by_hand(model, images, 1.0))


def test_one_of_two_blocks_with_a_shared_activation_is_frozen_alone(images):
    torch.manual_seed(0)
    model = SharedSigmoid().eval()
    blocks = find_se_blocks(model, images)
    constant = torch.linspace(0.1, 0.9, CHANNELS)

    with torch.no_grad(), held_gates(model, blocks[1:], {blocks[1].name: constant}):
        frozen = model(images)

    with torch.no_grad():
        x = model.conv(images)
        x = x * model.first(x.mean((2, 3)))[:, :, None, None]
        assert torch.equal(frozen, x * constant[:, None, None])


@pytest.mark.parametrize("layout", ["ours", "functional"])
def test_network_is_as_before_afterwards_even_when_it_failed(layout, images):
    model = network_with(OWN_MODULES[layout])
    blocks = find_se_blocks(model, images)
    with torch.no_grad():
        expected = model(images)

    with torch.no_grad(), pytest.raises(RuntimeError), held_gates(model, blocks):
        model(images[:, :1])

    with torch.no_grad():
        assert torch.equal(model(images), expected)
    modules = list(model.modules())
    assert not any(module._forward_hooks for module in modules)
    assert not any(module._forward_pre_hooks for module in modules)


def test_later_gates_are_those_of_the_frozen_network(tiny_network, tiny_images):
    model, pixels = tiny_network.model.eval(), tiny_images.batch(0)
    first, second = find_se_blocks(model, pixels)
    constant = torch.tensor([0.2, 0.4, 0.6, 0.8])

    with (
        torch.no_grad(),
        held_gates(model, [first], {first.name: constant}),
        capture_gates(model, [second]) as capture,
    ):
        model(pixels)
        gates = capture.take(len(pixels))

    with torch.no_grad():
        unit = model.layer1[0]
        x = unit.bn(unit.conv(pixels)).relu() * constant[:, None, None]
        unit = model.layer2[0]
        x = unit.bn(unit.conv(x)).relu().mean((2, 3), keepdim=True)
        expected = unit.se.fc2(unit.se.fc1(x).relu()).sigmoid().flatten(1)
    torch.testing.assert_close(gates, expected)


@pytest.mark.parametrize("layout", OWN_MODULES)
def test_watched_map_times_gate_is_the_block_s_product(layout, images):
    model = network_with(OWN_MODULES[layout])
    blocks = find_se_blocks(model, images)
    products = []

    def seen(block, feature_map, gate):
        products.append(feature_map * gate[:, :, None, None])

    with torch.no_grad(), watch_gates(model, blocks, seen):
        model(images)

    with torch.no_grad():
        x = model[0](images)
        inside = model[1](x)
    expected = inside - x if layout == "inlined" else inside
    assert len(products) == 1
    torch.testing.assert_close(products[0], expected)


@pytest.mark.parametrize(
    ("constants", "got"),
    [({}, "got none"), ({"SE_0_1": torch.ones(3)}, r"got shape \(3,\)")],
)
def test_constants_that_do_not_fit_are_refused(constants, got, images):
    model = network_with(FunctionalSE)
    blocks = find_se_blocks(model, images)

    with (
        pytest.raises(BlockError, match=f"one for each of its 8 channels, {got}"),
        held_gates(model, blocks, constants),
    ):
        pass
