"""Calling networks with one input or several, and whose error it is when that fails."""

import pytest
import torch
from torch import nn

from se_probe.errors import UsageError
from se_probe.running import call_network


class Wrong(nn.Module):
    """Takes one input, and calls something wrongly inside."""

    def forward(self, x):
        return torch.add(x, object())


def test_type_error_of_the_network_itself_is_left_as_it_is():
    with pytest.raises(TypeError, match=r"add\(\)"):
        call_network(Wrong(), torch.ones(2))


@pytest.mark.parametrize("inputs", [torch.ones(2), (torch.ones(2),) * 3])
def test_wrong_number_of_inputs_names_what_the_network_takes(inputs):
    with pytest.raises(UsageError, match=r"takes \(input1, input2\)"):
        call_network(nn.Bilinear(1, 1, 1), inputs)
