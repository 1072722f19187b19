"""Finding and capturing leave a network, its output and other hooks alone."""

import warnings
from functools import partial

import pytest
import torch
from torch import nn

from gating_blocks import (
    CHANNELS,
    FunctionalSE,
    LinearSE,
    NamedSE,
    network,
)
from se_probe.blocks import capture_gates, find_se_blocks
from se_probe.errors import BlockError


def test_model_is_left_as_it_was(batch):
    model = network(LinearSE, nn.BatchNorm2d(CHANNELS), nn.Dropout(), FunctionalSE)
    model.train()
    model[0][2].eval()
    model[0][0].weight.requires_grad_(False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    calls = []
    model[1].register_forward_hook(lambda *args: calls.append(1))
    modes = [module.training for module in model.modules()]
    random_state = torch.get_rng_state()

    find_se_blocks(model, batch)

    assert [module.training for module in model.modules()] == modes
    assert not model[0][0].weight.requires_grad
    assert model[0][1].fc[0].weight.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [len(m._forward_hooks) for m in model.modules()].count(1) == 1
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_hooks_are_removed_even_when_the_model_fails(batch):
    model = network(LinearSE, FunctionalSE)
    found = find_se_blocks(model, batch)

    with pytest.raises(RuntimeError), capture_gates(model, found):
        model(batch[:, :2])

    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_capturing_leaves_the_output_bit_identical(batch):
    model = network(LinearSE, FunctionalSE, partial(NamedSE, "excitation")).eval()
    found = find_se_blocks(model, batch)
    expected = model(batch)

    with capture_gates(model, found):
        output = model(batch)

    assert torch.equal(output, expected)


def test_gate_that_was_not_captured_is_an_error_not_an_empty_array(batch):
    model = network(LinearSE)
    found = find_se_blocks(model, batch)

    with (
        capture_gates(model, found) as capture,
        pytest.raises(BlockError, match=r"SE_0_1 \(0\.1\) once .* got nothing"),
    ):
        capture.take(3)


def test_gate_of_an_earlier_pass_is_not_taken_for_this_one(batch):
    model = network(LinearSE)
    found = find_se_blocks(model, batch)

    with capture_gates(model, found) as capture:
        model(batch)
        model(batch)
        with pytest.raises(BlockError, match=r"got \[\(3, 8\), \(3, 8\)\]"):
            capture.take(3)


def test_captured_gates_are_copies():
    model = network(LinearSE).eval()
    block = model[0][1]
    batch = torch.randn(2, 3, 8, 8)
    found = find_se_blocks(model, batch)
    kept = []
    block.fc[3].register_forward_hook(lambda m, a, out: kept.append(out))

    with capture_gates(model, found) as capture, torch.no_grad():
        model(batch)
        kept[0].fill_(7)
        gates = capture.take(2)

    assert gates.max() < 1


def test_compiled_and_parallel_wrappers_are_looked_into(batch):
    model = network(LinearSE)

    wrapped = [torch.compile(model), nn.DataParallel(model)]

    assert [find_se_blocks(m, batch)[0].path for m in wrapped] == ["0.1", "0.1"]


def test_scripted_model_is_refused_with_the_way_out(batch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(network(LinearSE), batch)

    with pytest.raises(BlockError, match=r"takes no hooks; load its state_dict\(\)"):
        find_se_blocks(scripted, batch)
