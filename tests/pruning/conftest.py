"""Networks to prune, in evaluation mode and with gates that vary."""

import numpy as np
import pytest
import torch

from budgets import CLASSES, N_IMAGES, PREPROCESSING, Noise, three_blocks
from networks import built, cifar_network
from se_probe.checkpoints import Network
from se_probe.images import open_images
from se_probe.pruning import drop_se_blocks


@pytest.fixture
def cifar() -> Network:
    return cifar_network()


@pytest.fixture
def lenet() -> Network:
    return built("se_lenet")


@pytest.fixture
def digits(lenet):
    return open_images("digits", lenet.preprocessing, per_class=2, batch_size=8)


@pytest.fixture
def frozen_lenet(lenet) -> Network:
    gates = {"se": np.linspace(0.1, 1, 16)}
    return drop_se_blocks(lenet, ["se"], "frozen", constants=gates)


@pytest.fixture(scope="module")
def noise_network() -> Network:
    return Network(three_blocks(), PREPROCESSING, CLASSES, "tests:ThreeBlocks")


@pytest.fixture(scope="module")
def noise_images(noise_network):
    """Pictures whose label is what the network says: it is always right."""
    network = noise_network
    unlabelled = open_images(Noise([0] * N_IMAGES), PREPROCESSING, batch_size=N_IMAGES)
    with torch.no_grad():
        logits = network.model(unlabelled.batch(0))
        # Every class is said of some pictures.
        network.model.head.weight /= logits.std()
        network.model.head.bias -= logits.mean(dim=0)
        network.model.head.bias /= logits.std()
        labels = network.model(unlabelled.batch(0)).argmax(dim=1)
    assert len(labels.unique()) == len(CLASSES)
    return open_images(Noise(labels.tolist()), PREPROCESSING, batch_size=20)
