"""Evaluation mode and autocast."""

import pytest
import torch
from torch import nn

from se_probe.running import autocast, evaluating


def _modes(model):
    return [module.training for module in model.modules()]


def test_each_module_gets_its_own_mode_back_even_when_the_body_fails():
    one = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    one[1].eval()
    other = nn.Linear(2, 2).eval()
    before = _modes(one), _modes(other)

    def body():
        with evaluating(one, other):
            assert not any(_modes(one) + _modes(other))
            raise RuntimeError("body")

    with pytest.raises(RuntimeError, match="body"):
        body()

    assert (_modes(one), _modes(other)) == before == ([True, True, False], [False])


def test_a_shared_module_gets_its_mode_back():
    shared = nn.Dropout().train()
    one, other = nn.Sequential(shared), nn.Sequential(shared)

    with evaluating(one, other):
        pass

    assert shared.training


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_matrix_products_have_the_precision_that_was_asked_for(precision, dtype):
    layer, x = nn.Linear(4, 4), torch.zeros(1, 4)

    with autocast(torch.device("cpu"), precision):
        assert layer(x).dtype == dtype
    assert layer(x).dtype == torch.float32
