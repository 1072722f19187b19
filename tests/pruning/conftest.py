"""Networks to prune, in evaluation mode and with gates that vary."""

import numpy as np
import pytest

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
