"""Blocks of sequences and volumes are held, folded and removed like those of images."""

import numpy as np
import pytest
import torch

from networks import assert_same_logits, logits, pictures, places, ranked
from se_probe.blocks import find_se_blocks
from se_probe.images import open_images
from se_probe.interventions import least_squares_constants
from se_probe.pruning import drop_se_blocks, plan_budget

FOLDS = {
    "signal": {"layer1.se": "layer1.bn", "layer2.se": "layer2.bn"},
    # Where channels lie last, the scale stays.
    "volume": {"se1": "bn1", "se2": "scale"},
}


def multiplied_by(constant, axis):
    """Hook that makes a block multiply its input by constants along one axis."""

    def hook(module, args, output):
        (x,) = args
        return x * constant.to(x).view([-1 if k == axis else 1 for k in range(x.ndim)])

    return hook


@pytest.mark.parametrize("kind", FOLDS)
def test_frozen_gates_of_any_rank_are_folded_and_compute_the_same(kind):
    network, _ = ranked(kind)
    noise = pictures(network)
    found = find_se_blocks(network.model, noise)
    constants = {b.path: torch.linspace(0.2, 0.9, b.channels) for b in found}

    pruned = drop_se_blocks(network, ["*"], constants=constants)

    assert places(pruned) == FOLDS[kind]
    for path, constant in constants.items():
        block = network.model.get_submodule(path)
        axis = -1 % noise.ndim if getattr(block, "channels_last", False) else 1
        block.register_forward_hook(multiplied_by(constant, axis))
    assert_same_logits(logits(pruned, noise), logits(network, noise))


def maps_around(network, blocks, samples):
    """What each block was given and gave, channels second."""
    seen, hooks = {}, []

    def keep(path):
        def hook(module, args, output):
            is_last = getattr(module, "channels_last", False)
            maps = args[0], output
            seen[path] = [m.movedim(-1, 1) for m in maps] if is_last else maps

        return hook

    for block in blocks:
        module = network.model.get_submodule(block.path)
        hooks.append(module.register_forward_hook(keep(block.path)))
    logits(network, samples)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("kind", FOLDS)
def test_least_squares_constants_of_any_rank_are_those_of_numpy(kind):
    network, data = ranked(kind)
    found = find_se_blocks(network.model, torch.stack(data.samples))
    maps = maps_around(network, found, torch.stack(data.samples))

    constants = least_squares_constants(network, open_images(data, batch_size=4), found)

    for block in found:
        x, scaled = maps[block.path]
        column = x[:, 0].double().numpy().reshape(-1, 1)
        target = scaled[:, 0].double().numpy().ravel()
        expected = np.linalg.lstsq(column, target)[0].item()
        assert constants[block.name][0].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", FOLDS)
def test_a_budget_is_kept_on_data_of_any_rank(kind):
    network, data = ranked(kind)

    plan = plan_budget(network, open_images(data, batch_size=4), 0.9)

    assert {each.block.path for each in plan.order} == set(FOLDS[kind])
