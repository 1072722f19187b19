"""Learning from a teacher's answers."""

import copy

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from se_probe.checkpoints import build_network
from se_probe.errors import CheckpointError, UsageError
from se_probe.training import (
    Distillation,
    Recipe,
    softened_divergence,
    train_network,
)
from trainings import Stopped, prepared, stop_after

RECIPE = Recipe("sgd", lr=0.1, momentum=0.0, epochs=1, batch_size=50, per_class=5)


def test_softened_divergence_is_that_of_scipy():
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(0, 3, (2, 5, 7))

    got = softened_divergence(*map(torch.from_numpy, (teacher, student)), 4.0)

    p, q = softmax(teacher / 4, axis=1), softmax(student / 4, axis=1)
    assert got.item() == pytest.approx(16 * entropy(p, q, axis=1).mean())


def test_a_step_goes_against_the_gradient_of_both_losses():
    network, train_images, test_images = prepared(RECIPE)
    teacher = build_network("se_lenet", seed=7)
    model, pixels = copy.deepcopy(network.model).train(), train_images.batch(0)[:50]
    labels = torch.tensor([int(name) for name in train_images.class_names])
    with torch.no_grad():
        answers = teacher.model.eval()(pixels)
    logits = model(pixels)
    cross_entropy = torch.nn.functional.cross_entropy(logits, labels)
    divergence = softened_divergence(answers, logits, 3.0)
    (0.75 * cross_entropy + 0.25 * divergence).backward()

    train_network(
        network,
        train_images,
        test_images,
        RECIPE,
        distillation=Distillation(teacher, 0.25, 3.0),
    )

    after = dict(network.model.named_parameters())
    for name, before in model.named_parameters():
        torch.testing.assert_close(after[name], before - 0.1 * before.grad)


def test_a_teacher_is_left_as_it_was():
    teacher = build_network("se_lenet", seed=7)
    before = copy.deepcopy(teacher.model.train().state_dict())

    train_network(*prepared(RECIPE), RECIPE, distillation=Distillation(teacher))

    assert teacher.model.training
    for name, value in teacher.model.state_dict().items():
        assert value.equal(before[name])


def test_a_training_resumes_with_its_own_teacher_only(tmp_path):
    recipe = Recipe("adam", lr=1e-3, momentum=0.0, epochs=2, per_class=2)
    files = {"out": tmp_path / "net.pt", "resume": True}
    teachers = [build_network("se_lenet", seed=seed) for seed in (7, 8)]
    with pytest.raises(Stopped):
        train_network(
            *prepared(recipe),
            recipe,
            distillation=Distillation(teachers[0]),
            on_epoch=stop_after(1),
            **files,
        )

    with pytest.raises(CheckpointError, match="another distillation"):
        train_network(
            *prepared(recipe), recipe, distillation=Distillation(teachers[1]), **files
        )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"weight": 0}, "above 0 and at most 1, got 0"),
        ({"weight": float("nan")}, "above 0 and at most 1"),
        ({"temperature": 0}, "a temperature is a number above 0"),
    ],
)
def test_settings_that_cannot_be_meant(settings, sentence):
    with pytest.raises(UsageError, match=sentence):
        Distillation(build_network("se_lenet"), **settings)
