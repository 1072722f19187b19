"""Networks for signals of one axis are pruned like those for pictures."""

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from networks import assert_same_logits
from se_probe.checkpoints import Network
from se_probe.images import Preprocessing, open_images
from se_probe.pruning import drop_se_blocks, export_network, plan_budget, remove_blocks

CLASSES = ["slow", "fast"]


class SignalSE(nn.Module):
    """An SE block on maps of one axis."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(n_channels, n_channels // 2)
        self.fc2 = nn.Linear(n_channels // 2, n_channels)

    def forward(self, x):
        return x * self.fc2(self.fc1(x.mean(2)).relu()).sigmoid()[:, :, None]


class SignalNet(nn.Module):
    """Power of a fast and of a slow wave, and an SE block."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 5, padding=2)
        self.se = SignalSE(8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.se(self.conv(x).relu()).mean(2))


class Waves(Dataset):
    classes = CLASSES

    def __len__(self) -> int:
        return 200

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        places = torch.linspace(0, 6.28, 64) * (1 + 7 * (index % 2))
        noise = 0.3 * torch.randn(1, 64, generator=generator)
        return places.sin()[None] + noise, index % 2


@pytest.fixture(scope="module")
def waves():
    return open_images(Waves(), batch_size=50)


@pytest.fixture(scope="module")
def network(waves) -> Network:
    """A network that learned to tell the waves."""
    torch.manual_seed(0)
    model = SignalNet()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    labels = torch.arange(50) % 2
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(waves.batch(0)), labels).backward()
        optimizer.step()
    # What a checkpoint says that does not know of signals.
    return Network(
        model.eval(), Preprocessing((3, 224, 224)), CLASSES, "tests:SignalNet"
    )


def test_a_budget_takes_the_shape_of_the_signals(network, waves, tmp_path):
    plan = plan_budget(network, waves, 0.05)
    pruned = remove_blocks(network, plan)
    exported = export_network(pruned, tmp_path / "net.pt2")

    assert [b["path"] for b in pruned.provenance.removed_blocks] == ["se"]
    assert pruned.preprocessing.input_size == (1, 64)
    assert exported.sizes == "any batch and size"


def test_frozen_gates_compute_the_same(network, waves):
    gates = {"se": torch.linspace(0.1, 1, 8).numpy()}
    network = Network(network.model, waves.preprocessing, CLASSES)

    pruned = drop_se_blocks(network, ["se"], "frozen", constants=gates)

    with torch.no_grad():
        model, x = network.model, waves.batch(0)
        maps = model.conv(x).relu() * torch.linspace(0.1, 1, 8)[:, None]
        assert_same_logits(pruned.model(x), model.head(maps.mean(2)))
