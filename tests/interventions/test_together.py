"""Layers that interventions share are run once, and nothing else changes."""

import numpy as np
import pytest
import torch
from torch import nn

from networks import built, cifar_network, pictures
from se_probe.blocks import find_se_blocks
from se_probe.interventions import Intervention
from se_probe.interventions.together import Together
from se_probe.models import SEBlock


class Inline(nn.Module):
    """Gates that no module holds, and a layer that works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.first, self.second = nn.Linear(8, 4), nn.Linear(4, 8)
        self.se = SEBlock(8, reduction=2)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        stem = self.stem(x)
        out = self.act(stem)
        gate = torch.sigmoid(self.second(self.first(out.mean((2, 3))).relu()))
        out = out * gate[:, :, None, None] + stem  # which the activation has changed
        return self.head(self.se(out).mean((2, 3)))


class Counting(nn.Identity):
    """A module that answers otherwise each time it runs."""

    def forward(self, x):
        self.n = getattr(self, "n", 0) + 1
        return x + self.n


def interventions(blocks, batch_size):
    constants = {block.name: torch.rand(block.channels) for block in blocks}
    rows = {b.name: torch.rand(batch_size, b.channels) for b in blocks}
    sets = [[block] for block in blocks]
    sets += [blocks[start:] for start in range(len(blocks))]
    sets += [blocks[: stop + 1] for stop in range(len(blocks))]
    return [
        Intervention(members, values)
        for values in (None, constants, rows)
        for members in sets
    ]


@torch.inference_mode()
def answers(model, chosen, pixels, *, share):
    together = Together(model, chosen, share=share)
    found = dict(together(0, pixels, range(len(together))))
    return together, [found[number] for number in range(len(together))]


def inline():
    torch.manual_seed(0)
    model = Inline().eval()
    return model, torch.rand(3, 3, 12, 12)


def real(network):
    return network.model, pictures(network)


@pytest.mark.parametrize(
    "made",
    [
        inline,
        lambda: real(cifar_network()),
        lambda: real(built("mobilenetv3_small_050")),
    ],
)
def test_shared_layers_change_no_answer(made):
    model, pixels = made()
    blocks = find_se_blocks(model, pixels)
    chosen = interventions(blocks, len(pixels))
    before = dict(model.__dict__), [dict(m.__dict__) for m in model.modules()]

    together, shared = answers(model, chosen, pixels, share=True)

    _, plain = answers(model, chosen, pixels, share=False)
    assert together.share
    for one, other in zip(shared, plain, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6, atol=1e-6)
    assert all("forward" not in module.__dict__ for module in model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert before[0].keys() == model.__dict__.keys()


def test_network_that_answers_otherwise_when_resumed_runs_whole():
    model, pixels = inline()
    model.head = nn.Sequential(Counting(), model.head)
    blocks = find_se_blocks(model, pixels)

    together, _ = answers(model, interventions(blocks, 3), pixels, share=True)

    assert not together.share
    assert "forward" not in model.stem.__dict__


def test_what_is_done_late_in_the_network_does_not_run_its_first_layers_again():
    network = cifar_network()
    pixels = pictures(network)
    blocks = find_se_blocks(network.model, pixels)
    together = Together(network.model, [Intervention([b]) for b in blocks[-3:]])
    stem = next(m for m in network.model.modules() if isinstance(m, nn.Conv2d))
    with torch.inference_mode():
        together._try(0, pixels)
        real_forward, n_runs = stem.forward, 0

        def counted(x):
            nonlocal n_runs
            n_runs += 1
            return real_forward(x)

        stem.forward = counted
        list(together(0, pixels, range(4)))

    assert n_runs == 2  # the unaltered network, and up to the first of the blocks
