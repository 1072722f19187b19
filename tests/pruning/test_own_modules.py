"""Blocks that are no modules of their own."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from networks import Flow, assert_same_logits, flow_network, logits, pictures, places
from se_probe.errors import BlockError
from se_probe.pruning import drop_se_blocks


def excitation() -> nn.ModuleDict:
    """Layers of a block that is computed elsewhere."""
    layers = {"fc1": nn.Conv2d(8, 2, 1), "relu": nn.ReLU(), "fc2": nn.Conv2d(2, 8, 1)}
    return nn.ModuleDict(layers | {"gate": nn.Sigmoid()})


def gate_of(net: Flow, x: Tensor) -> Tensor:
    hidden = net.se["relu"](net.se["fc1"](x.mean((2, 3), keepdim=True)))
    return net.se["gate"](net.se["fc2"](hidden))


def test_a_block_inside_another_module_cannot_be_removed():
    network = flow_network(lambda n, x: n.plain(x))
    network.model.se = excitation()
    network.model.run = lambda n, x: n.plain(x * gate_of(n, x))

    with pytest.raises(BlockError, match=r"inside the network, .*\.SEBlock is one"):
        drop_se_blocks(network, ["SE_0_1"], "identity")


def test_a_module_that_is_handed_its_gate_cannot_be_removed():
    class Scale(nn.Module):
        def forward(self, x: Tensor, gate: Tensor) -> Tensor:
            return x * gate

    network = flow_network(lambda n, x: n.plain(x))
    network.model.se, network.model.scale = excitation(), Scale()
    network.model.run = lambda n, x: n.plain(n.scale(x, gate_of(n, x)))

    with pytest.raises(BlockError, match=r"inside 'scale' \(Scale\), which does more"):
        drop_se_blocks(network, ["scale"], "identity")


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

    folded = drop_se_blocks(network, ["se"], "frozen", constants={"se": gates})

    by_hand = flow_network(
        lambda n, x: n.plain(x * torch.from_numpy(gates).to(x)[:, None, None])
    )
    images = pictures(network)
    assert_same_logits(logits(folded, images), logits(by_hand, images))
    assert places(folded) == {"se": "plain"}
