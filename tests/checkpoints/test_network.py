"""What is known of a network."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest
from torch import nn

from se_probe.checkpoints import (
    Network,
)
from se_probe.errors import UsageError
from se_probe.images import Preprocessing


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
    with pytest.raises(UsageError, match="give class_names"):
        Network(nn.Conv2d(3, 3, 1), Preprocessing((3, 2, 2)))
