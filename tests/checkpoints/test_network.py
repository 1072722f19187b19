"""What is known of a network."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest
import timm
import torch
from torch import nn

from checkpoint_files import TINY
from se_probe.checkpoints import (
    Network,
    load_network,
    save_network,
)
from se_probe.errors import UsageError
from se_probe.evaluation import evaluate
from se_probe.images import Preprocessing
from se_probe.record import record_gates


def test_what_is_known_of_a_network_does_not_change(lenet):
    with pytest.raises(FrozenInstanceError):
        lenet.notes = ("another",)

    other = replace(lenet, notes=["another"])

    assert other.notes == ("another",)
    assert other.model is lenet.model
    assert not lenet.notes


def test_a_readers_own_network_needs_three_things():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))

    network = Network(model, Preprocessing((3, 2, 2)), ["cat", "dog", "crane"])
    numbered = Network(model, Preprocessing((3, 2, 2)))

    assert network.class_names.find("dog").index == 1
    assert [label.name for label in numbered.class_names] == ["0", "1", "2"]
    assert json.loads(json.dumps(network.facts()))["architecture"] == "Sequential"
    assert replace(network, architecture="a:b").class_names is network.class_names


class Headless(nn.Module):
    """A convolution and an SE block, whose last layer is linear, and no classifier."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.squeeze, self.excite = nn.Linear(8, 4), nn.Linear(4, 8)

    def forward(self, x):
        x = self.conv(x)
        gates = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid()
        return x * gates[:, :, None, None]


@pytest.mark.parametrize(
    "model", [Headless(), nn.Conv2d(3, 3, 1), timm.create_model(TINY, num_classes=0)]
)
def test_a_network_without_a_classifier_has_gates_and_no_classes(model, tiny_images):
    network = Network(model, tiny_images.preprocessing)

    assert len(network.class_names) == 0
    assert network.facts()["label_set"] == []
    with pytest.raises(UsageError, match=r"classes are not known.*--class-names"):
        network.class_names.find("dog")
    with pytest.raises(UsageError, match="accuracy needs the network's classes"):
        evaluate(network, tiny_images)


@pytest.mark.filterwarnings("ignore:.*class scores")
def test_gates_of_a_network_without_a_classifier_are_recorded(tiny_images):
    gates = record_gates(Network(Headless(), tiny_images.preprocessing), tiny_images)

    assert set(gates["predicted"].values) == {-1}
    assert set(gates["class_index"].values) == {-1}
    assert "n01443537" in set(gates["class_name"].values)
    assert int(gates["state"].min()) == 1


def test_class_names_say_how_many_outputs_there_are_where_nothing_else_does(tmp_path):
    torch.save(timm.create_model(TINY, num_classes=0).state_dict(), tmp_path / "a.pt")

    network = load_network(tmp_path / "a.pt", TINY)
    save_network(network, tmp_path / "b.pt")

    assert len(network.class_names) == 0
    assert len(load_network(tmp_path / "b.pt").class_names) == 0
    named = load_network(tmp_path / "b.pt", class_names=["cat", "dog"])
    assert [label.name for label in named.class_names] == ["cat", "dog"]
