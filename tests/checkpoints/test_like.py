"""Weights that were trained on elsewhere, with our checkpoint as their plan."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from se_probe.checkpoints import (
    ChannelScale,
    Network,
    Provenance,
    build_network,
    load_network,
    save_network,
)
from se_probe.errors import CheckpointError

REMOVED = (
    {"name": "SE_2_1", "path": "layer1.0.se", "how": "identity"},
    {
        "name": "SE_2_2",
        "path": "layer1.1.se",
        "how": "frozen",
        "folded_into": "scale",
        "shape": [16, 1, 1],
    },
)


@pytest.fixture
def pruned(tmp_path) -> Network:
    """A network of which two blocks are gone, saved as plan.pt."""
    network = build_network("se_resnet20_cifar", class_names=["a", "b", "c"])
    network.model.set_submodule("layer1.0.se", nn.Identity())
    network.model.set_submodule("layer1.1.se", ChannelScale(torch.rand(16, 1, 1)))
    provenance = Provenance(metrics={"accuracy": 0.5}, removed_blocks=REMOVED)
    network = replace(network, provenance=provenance)
    save_network(network, tmp_path / "plan.pt")
    return network


def test_weights_of_another_network_do_not_fit_the_plan(pruned, tmp_path):
    del pruned
    whole = build_network("se_resnet20_cifar", class_names=["a", "b", "c"])
    torch.save(whole.model.state_dict(), tmp_path / "whole.pt")

    with pytest.raises(
        CheckpointError, match=r"whole.pt does not fit .* as it is in plan.pt"
    ):
        load_network(tmp_path / "whole.pt", like=tmp_path / "plan.pt")
