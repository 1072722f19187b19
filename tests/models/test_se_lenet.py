"""The network of the SE-LeNet homework."""

import torch
from torch.nn import functional as F

from se_probe.models import (
    count_macs,
    count_parameters,
    create_model,
)


def test_se_lenet_is_the_homework_to_the_letter():
    model = create_model("se_lenet")

    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert count_parameters(model) == 44_554
    assert count_parameters(model.se) == 128
    assert count_macs(model, model.input_size) == 281_768


def test_se_lenet_computes_what_its_layers_compute_one_by_one():
    model = create_model("se_lenet").eval()
    x = torch.randn(3, 1, 28, 28)

    maps = F.relu(model.conv2(F.max_pool2d(F.relu(model.conv1(x)), 2)))
    assert maps.shape == (3, 16, 8, 8)
    z = F.max_pool2d(model.se(maps), 2).reshape(3, 256)
    expected = model.fc3(F.relu(model.fc2(F.relu(model.fc1(z)))))

    torch.testing.assert_close(model(x), expected)
