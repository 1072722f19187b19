"""Predictions of networks with several outputs, or with no class scores at all."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from se_probe.checkpoints import Network
from se_probe.gates import State
from se_probe.record import record_gates
from se_probe.stats import record_summary


class Wrapped(nn.Module):
    """A network whose answer is made into something else."""

    def __init__(self, model, answer):
        super().__init__()
        self.model, self.answer = model, answer

    def forward(self, x):
        return self.answer(self.model(x))


def wrapped(network, answer):
    model = Wrapped(network.model, answer)
    return Network(model, network.preprocessing, network.class_names)


@pytest.mark.parametrize(
    "answer",
    [
        lambda logits: (torch.zeros(len(logits), 512), logits),
        lambda logits: {"features": torch.zeros(len(logits), 8, 4, 4), "out": logits},
        lambda logits: [[logits, logits.flip(1)], None],
        lambda logits: logits[:, :, None, None],
    ],
)
def test_the_class_scores_are_found_among_several_outputs(
    tiny_network, tiny_images, answer
):
    expected = record_gates(tiny_network, tiny_images)

    gates = record_gates(wrapped(tiny_network, answer), tiny_images)

    assert (gates["predicted"].values == expected["predicted"].values).all()
    np.testing.assert_array_equal(gates.values, expected.values)


@pytest.mark.parametrize(
    "answer",
    [
        lambda logits: torch.zeros(len(logits), 512),
        lambda logits: torch.zeros(len(logits), 4, 8, 8),
        lambda logits: logits[:, 0],
        lambda logits: {"boxes": torch.zeros(len(logits), 100, 4)},
        lambda logits: None,
    ],
)
def test_without_class_scores_there_are_gates_and_one_warning(
    tiny_network, tiny_images, answer
):
    expected = record_gates(tiny_network, tiny_images)

    with pytest.warns(UserWarning, match="scores of its 4 classes") as warned:
        gates = record_gates(wrapped(tiny_network, answer), tiny_images)

    assert len(warned) == 1
    assert (gates["predicted"].values == -1).all()
    assert (gates["state"].values == State.RECORDED).all()
    np.testing.assert_array_equal(gates.values, expected.values)
    assert record_summary(gates)["top1"] is None


def test_a_network_with_class_scores_gives_no_warning(tiny_network, tiny_images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record_gates(tiny_network, tiny_images)
