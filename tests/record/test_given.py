"""A bare module and a bare Dataset are recorded as the wrapped ones are."""

import pytest
import torch
import xarray as xr
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from networks import TinyNet
from se_probe.checkpoints import Network
from se_probe.errors import ImagesError, UsageError
from se_probe.images import Preprocessing, open_images
from se_probe.record import record_gates

PREPARED = Preprocessing((3, 16, 16), crop_pct=1.0)
PIXELS = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Pictures(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return Image.new("RGB", (20, 20), (60 * index, 9, 30)), index


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyNet()


def test_tensors_need_no_preprocessing(model):
    dataset = TensorDataset(PIXELS, torch.arange(6) % 4)

    gates = record_gates(model, dataset)

    network = Network(model, PREPARED)
    expected = record_gates(network, open_images(dataset, PREPARED))
    xr.testing.assert_equal(gates, expected)
    assert gates["class_index"].values.tolist() == [0, 1, 2, 3, 0, 1]
    assert gates.attrs["preprocessing"]["input_size"] == [3, 16, 16]


@pytest.mark.parametrize("n_colours", [1, 4])
def test_tensors_of_any_number_of_colours_need_no_preprocessing(n_colours):
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Conv2d(n_colours, 3, 3, 1, 1), TinyNet())
    pixels = 5 * torch.randn(6, n_colours, 16, 16)

    gates = record_gates(model, TensorDataset(pixels, torch.arange(6) % 4))

    assert gates.sizes["image"] == 6
    assert gates.attrs["preprocessing"]["input_size"] == [n_colours, 16, 16]


def test_pictures_need_one_and_an_argument_gives_it(model):
    with pytest.raises(ImagesError, match="give its preprocessing") as caught:
        record_gates(model, Pictures())
    assert "--" not in str(caught.value)

    gates = record_gates(model, Pictures(), preprocessing=PREPARED)

    expected = record_gates(Network(model, PREPARED), Pictures())
    xr.testing.assert_equal(gates, expected)


def test_a_folder_of_a_bare_module_needs_one_too(model, photos):
    with pytest.raises(UsageError, match="give its preprocessing"):
        record_gates(model, photos)

    gates = record_gates(model, photos, preprocessing=PREPARED)

    assert gates.sizes["image"] == 20
