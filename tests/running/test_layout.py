"""Memory formats: channels innermost where a network can, else the usual order."""

import pytest
import torch
from torch import nn

from se_probe.checkpoints import Network, load_network, save_network
from se_probe.images import Preprocessing, open_images
from se_probe.record import record_gates
from se_probe.reproduce import reopen_network, verify_record
from se_probe.running import memory_format, use_channels_last

SIZE = (3, 16, 16)


class Viewing(nn.Module):
    """An SE network that flattens a map with `view`, as many networks do."""

    def __init__(self, num_classes=4):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.squeeze, self.excite = nn.Linear(8, 2), nn.Linear(2, 8)
        self.head = nn.Linear(8 * 4 * 4, num_classes)
        self.input_size = SIZE

    def forward(self, x):
        x = self.conv(x)
        gate = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid()
        x = x * gate[:, :, None, None]
        return self.head(x.view(x.size(0), -1))


class Volume(nn.Module):
    """A network with a three-dimensional convolution in it."""

    def __init__(self):
        super().__init__()
        self.conv, self.deep = nn.Conv2d(3, 8, 3), nn.Conv3d(8, 4, 1)

    def forward(self, x):
        return self.deep(self.conv(x)[:, :, None])


class FixedSide(nn.Module):
    """A network that takes images of another side than it was tried with."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8 * 30 * 30, 4)

    def forward(self, x):
        x = self.conv(x)
        return self.head(x.view(len(x), -1))


def test_channels_are_innermost_where_the_network_runs_so(tiny_network):
    model = use_channels_last(tiny_network.model, SIZE)

    assert memory_format(model) == "channels_last"


@pytest.mark.parametrize("make", [Viewing, Volume, FixedSide])
def test_a_network_that_cannot_keeps_the_usual_order(make):
    model = make()
    side = 32 if make is FixedSide else 16

    use_channels_last(model, SIZE)

    assert memory_format(model) == "contiguous"
    model(torch.zeros(2, 3, side, side))


def test_trying_leaves_modes_and_random_numbers_alone():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout())
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)

    use_channels_last(model, SIZE)

    assert model.training
    assert model[1].training
    assert torch.equal(torch.rand(1), expected)


@pytest.fixture
def viewing(tmp_path, monkeypatch):
    path = tmp_path / "viewing_networks.py"
    path.write_text("from test_layout_networks import Viewing as build\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "test_layout_networks.py"
    source.write_text(
        "import torch\nfrom torch import nn\nSIZE = (3, 16, 16)\n" + _source(Viewing)
    )
    torch.manual_seed(0)
    preprocessing = Preprocessing(SIZE, mean=(0.5,) * 3, std=(0.5,) * 3)
    network = Network(
        Viewing(), preprocessing, ["a", "b", "c", "d"], "viewing_networks:build"
    )
    save_network(network, tmp_path / "net.pt")
    return tmp_path / "net.pt"


def _source(thing):
    import inspect

    return inspect.getsource(thing)


def test_such_a_network_is_recorded_resumed_and_verified_bit_for_bit(
    viewing, photos, tmp_path
):
    network = load_network(viewing, "viewing_networks:build")
    images = open_images(photos, network.preprocessing, batch_size=4)
    whole = record_gates(network, images)
    out = tmp_path / "run.zarr"

    def stop(done, total):
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_gates(network, images, out=out, progress=stop)
    attrs = {"checkpoint_path": str(viewing)}
    gates = record_gates(network, images, out=out, attrs=attrs)
    again = reopen_network(gates.attrs, viewing, "viewing_networks:build")

    assert gates.attrs["memory_format"] == "contiguous"
    assert (gates.values == whole.values).all()
    assert verify_record(gates, again, images, batches=None).is_bit_identical
