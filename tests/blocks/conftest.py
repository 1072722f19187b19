"""What the tests of finding gates share."""

import pytest
import torch


@pytest.fixture
def batch():
    noise = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    return noise + torch.tensor([-1.0, 1.0, 3.0])[:, None, None, None]
