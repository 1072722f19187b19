"""Fine-tuning a pruned network: from a teacher, and after a kill."""

from dataclasses import replace

import pytest
import torch

from networks import built
from se_probe.images import open_images
from se_probe.pruning import drop_se_blocks, finetune_network
from se_probe.training import Distillation
from trainings import Stopped, stop_after


@pytest.fixture
def task():
    """Function that gives a pruned network, always the same, and both its splits."""
    original = built("se_lenet")
    original = replace(original, architecture="se_lenet")
    train, test = (
        open_images("digits", original.preprocessing, split=split, per_class=4)
        for split in ("train", "test")
    )

    def fresh():
        return drop_se_blocks(original, ["se"], "identity"), train, test

    return original, fresh


def test_a_killed_fine_tuning_resumes_to_the_same_weights(task, tmp_path):
    original, fresh = task
    settings = {"lr": 1e-3, "distillation": Distillation(original)}
    whole, _ = finetune_network(*fresh(), 3, **settings)
    epochs = []

    with pytest.raises(Stopped):
        finetune_network(
            *fresh(), 3, partial=tmp_path, on_epoch=stop_after(2), **settings
        )
    tuned, result = finetune_network(
        *fresh(), 3, partial=tmp_path, on_epoch=epochs.append, **settings
    )

    assert [each["epoch"] for each in epochs] == [3]
    for name, value in tuned.model.state_dict().items():
        assert value.equal(whole.model.state_dict()[name]), name
    assert tuned.provenance.seen_images == whole.provenance.seen_images
    assert result.partial.is_dir()
    result.forget()
    assert not list(tmp_path.iterdir())


def test_other_settings_begin_anew(task, tmp_path):
    _, fresh = task
    finetune_network(*fresh(), 1, partial=tmp_path, lr=1e-3)
    epochs = []

    finetune_network(*fresh(), 1, partial=tmp_path, lr=1e-2, on_epoch=epochs.append)

    assert len(epochs) == 1


def test_a_teacher_draws_the_network_to_its_answers(task):
    original, fresh = task
    pruned, train, test = fresh()
    alone, _ = finetune_network(pruned, train, test, 5, lr=1e-3)

    taught, _ = finetune_network(
        *fresh(), 5, lr=1e-3, distillation=Distillation(original, 1.0)
    )

    with torch.no_grad():
        answers = original.model(test.batch(0)).log_softmax(1)
        divergence = [
            torch.nn.functional.kl_div(
                each.model(test.batch(0)).log_softmax(1),
                answers,
                reduction="batchmean",
                log_target=True,
            )
            for each in (alone, taught)
        ]
    assert divergence[1] < divergence[0]
