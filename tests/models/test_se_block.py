"""The SE block."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from model_probes import watch_se_blocks
from se_probe.errors import UsageError
from se_probe.models import (
    SEBlock,
    count_parameters,
)


def test_se_block_computes_the_equations_of_the_paper():
    block = SEBlock(8, reduction=4)
    u = torch.randn(2, 8, 5, 3)
    w1, b1, w2, b2 = (p.detach().double().numpy() for p in block.parameters())

    result = block(u).detach().numpy()

    u = u.double().numpy()
    z = u.sum(axis=(2, 3)) / (5 * 3)
    hidden = np.maximum(z @ w1[:, :, 0, 0].T + b1, 0)
    s = 1 / (1 + np.exp(-(hidden @ w2[:, :, 0, 0].T + b2)))
    np.testing.assert_allclose(result, u * s[:, :, None, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gate", ["sigmoid", "tanh", "relu", "hardsigmoid"])
@pytest.mark.parametrize("squeeze", ["avg", "max"])
def test_child_gate_gives_the_factor_of_each_channel(squeeze, gate):
    block = SEBlock(16, squeeze=squeeze, gate=gate)
    function = getattr(F, gate) if gate != "tanh" else torch.tanh
    x = torch.randn(3, 16, 4, 6)

    (seen,) = watch_se_blocks(block, x).values()

    squeezed = x.mean((2, 3)) if squeeze == "avg" else x.amax((2, 3))
    excitation = block.fc2(F.relu(block.fc1(squeezed[:, :, None, None])))
    assert seen["gate"].shape == (3, 16, 1, 1)
    torch.testing.assert_close(seen["gate"], function(excitation).detach())
    assert torch.equal(seen["output"], seen["input"] * seen["gate"])


def test_without_squeeze_every_position_has_its_own_gate():
    block = SEBlock(16, squeeze="none")
    x = torch.randn(2, 16, 4, 6)

    (seen,) = watch_se_blocks(block, x).values()

    corner = SEBlock(16)
    corner.load_state_dict(block.state_dict())
    assert seen["gate"].shape == x.shape
    torch.testing.assert_close(
        seen["output"][:, :, :1, :1], corner(x[:, :, :1, :1]).detach()
    )


@pytest.mark.parametrize(
    ("channels", "reduction", "bias", "expected"),
    [
        (256, 16, False, 8_192),
        (256, 16, True, 8_464),
        (2048, 16, True, 526_464),
        (16, 32, False, 32),
    ],
)
def test_se_block_has_the_parameters_of_equation_5(channels, reduction, bias, expected):
    block = SEBlock(channels, reduction, bias=bias)

    assert count_parameters(block) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"squeeze": "mean"}, "squeeze is one of avg, max, none, got 'mean'"),
        ({"gate": "softmax"}, "gate is one of sigmoid, .* got 'softmax'"),
        ({"reduction": 0}, "at least 1, got channels=8 and reduction=0"),
    ],
)
def test_se_block_refuses_options_it_does_not_have(options, message):
    with pytest.raises(UsageError, match=message):
        SEBlock(8, **options)
