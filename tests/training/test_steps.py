"""A step, a schedule, crops and flips."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn
from torch.nn import functional

from se_probe.checkpoints import (
    build_network,
)
from se_probe.training import (
    Recipe,
    train_network,
)
from se_probe.training.augment import crop_and_flip, draw_shifts_and_flips
from se_probe.training.optimizers import make_optimizer, make_schedule
from se_probe.training.randomness import generator_for
from trainings import SHORT, prepared, trained


def test_one_step_of_plain_sgd_goes_against_the_gradient():
    recipe = Recipe("sgd", lr=0.1, momentum=0.0, epochs=1, batch_size=50, per_class=5)
    network, train_images, test_images = prepared(recipe)
    model = copy.deepcopy(network.model).train()
    labels = torch.tensor([int(name) for name in train_images.class_names])
    functional.cross_entropy(model(train_images.batch(0)[:50]), labels).backward()

    train_network(network, train_images, test_images, recipe)

    after = dict(network.model.named_parameters())
    for name, before in model.named_parameters():
        torch.testing.assert_close(after[name], before - 0.1 * before.grad)


def test_weights_of_norms_and_biases_do_not_decay():
    model = build_network("se_resnet20_cifar").model
    groups = make_optimizer(model, Recipe(weight_decay=5e-4)).param_groups

    decaying = {id(p) for g in groups if g["weight_decay"] for p in g["params"]}

    assert decaying == {id(p) for p in model.parameters() if p.ndim > 1}


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_learning_rate_rises_linearly_and_then_keeps_to_its_schedule(schedule):
    recipe = Recipe(lr=0.4, epochs=5, warmup_epochs=2, schedule=schedule)
    optimizer = make_optimizer(nn.Linear(2, 2), recipe)
    schedule_of_timm = make_schedule(optimizer, recipe, n_steps=10)

    rates = []
    for step in range(50):
        schedule_of_timm.step_update(step)
        rates.append(optimizer.param_groups[0]["lr"])

    rising = np.linspace(0.4 / 20, 0.4, 21)[:20]
    after = 0.4 * np.ones(30)
    if schedule == "cosine":
        after = 0.2 * (1 + np.cos(np.pi * np.arange(30) / 30))
    np.testing.assert_allclose(rates, [*rising, *after], rtol=1e-12)


def test_learning_rate_runs_on_from_epoch_to_epoch():
    _, history = trained()  # 4 steps an epoch: 4 of warm-up, 8 of cosine

    last_steps = [0.25 + 0.75 * 3 / 4, (1 + math.cos(math.pi * 3 / 8)) / 2]
    last_steps.append((1 + math.cos(math.pi * 7 / 8)) / 2)
    rates = [result["lr"] for result in history]
    np.testing.assert_allclose(rates, 0.05 * np.array(last_steps))


def test_every_epoch_sees_every_image_once_in_another_order():
    recipe = replace(SHORT, crop_padding=0, flip=False, epochs=2)
    network, train_images, test_images = prepared(recipe)
    seen = []

    def remember(model, inputs):
        if model.training:
            seen.extend(inputs[0].flatten(1).sum(dim=1).tolist())

    network.model.register_forward_pre_hook(remember)
    train_network(network, train_images, test_images, recipe)

    first, second = seen[:50], seen[50:]
    assert first != second
    assert sorted(first) == sorted(second)
    stored = train_images.batch(0)[:50].flatten(1).sum(dim=1).tolist()
    assert sorted(first) == pytest.approx(sorted(stored))


def test_crop_and_flip_is_padding_slicing_and_mirroring():
    pixels = torch.rand(6, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    draws = draw_shifts_and_flips(6, 2, flip=True, generator=generator_for(0, 0, "x"))

    moved = crop_and_flip(pixels, 2, *draws)

    for image, shift, flip, result in zip(pixels, *draws, moved, strict=True):
        top, left = shift.tolist()
        padded = np.pad(image.numpy(), ((0, 0), (2, 2), (2, 2)))
        expected = padded[:, top : top + 5, left : left + 7]
        np.testing.assert_array_equal(
            result, expected[:, :, ::-1] if flip else expected
        )


def test_every_shift_is_drawn_and_half_of_the_images_are_flipped():
    shifts, flips = draw_shifts_and_flips(
        5000, 1, flip=True, generator=generator_for(0, 0, "augmentation")
    )

    places, counts = shifts.unique(dim=0, return_counts=True)

    assert places.tolist() == [[y, x] for y in range(3) for x in range(3)]
    assert binomtest(int(counts.min()), 5000, 1 / 9).pvalue > 1e-4
    assert binomtest(int(flips.sum()), 5000, 1 / 2).pvalue > 1e-4


def test_draws_of_an_image_depend_on_seed_epoch_and_index_only():
    def draws(n, seed=0, epoch=0):
        generator = generator_for(seed, epoch, "augmentation")
        return draw_shifts_and_flips(n, 4, flip=True, generator=generator)

    few, many = draws(10), draws(1000)

    assert torch.equal(few[0], many[0][:10])
    assert torch.equal(few[1], many[1][:10])
    assert not torch.equal(many[0], draws(1000, epoch=1)[0])
    assert not torch.equal(many[0], draws(1000, seed=1)[0])


def test_without_flip_nothing_is_mirrored():
    _, flips = draw_shifts_and_flips(99, 1, False, generator_for(0, 0, "augmentation"))

    assert not flips.any()
