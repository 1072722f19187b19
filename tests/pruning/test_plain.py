"""The plain network that is left when every block was folded away."""

import copy
from dataclasses import replace

import pytest
import timm
import torch
import torchvision
from torch import nn

from networks import (
    assert_same_logits,
    blocks_of,
    built,
    logits,
    pictures,
    random_gates,
)
from se_probe.checkpoints import ChannelScale, Network
from se_probe.errors import ArchitectureError, CheckpointError
from se_probe.pruning import (
    drop_se_blocks,
    plain_architecture,
    plain_state_dict,
    save_plain_weights,
)


@pytest.fixture(scope="module")
def folded50() -> Network:
    network = built("seresnet50", seed=3)
    gates = random_gates(blocks_of(network))
    return drop_se_blocks(network, ["*"], "frozen", constants=gates)


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
    folded = drop_se_blocks(network, ["*"], "frozen", constants=gates)

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
    pruned = drop_se_blocks(network, ["*"], "identity")
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
