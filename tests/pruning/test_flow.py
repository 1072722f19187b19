"""Where a constant factor can go, found by the flow of data."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from networks import (
    Flow,
    assert_same_logits,
    flow_network,
    frozen_logits,
    logits,
    pictures,
    places,
)
from se_probe.checkpoints import Network
from se_probe.errors import BlockError
from se_probe.pruning import drop_se_blocks


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


def check_flow(network: Network, gates: np.ndarray) -> Network:
    folded = drop_se_blocks(network, ["se"], "frozen", constants={"se": gates})

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
