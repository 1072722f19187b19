"""Trainings that repeat bit for bit, and what they leave behind."""

import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from se_probe.checkpoints import (
    Network,
    load_network,
    weights_sha256,
)
from se_probe.images import default_preprocessing
from se_probe.training import (
    prepare_training,
    recipe_for,
    train_network,
)
from trainings import SHORT, Stopped, prepared, stop_after, trained, without_seconds


def test_equal_seeds_give_equal_weights_and_another_seed_does_not():
    first, history = trained()
    again, same_history = trained()
    other, _ = trained(replace(SHORT, seed=1))

    assert weights_sha256(first.model) == weights_sha256(again.model)
    assert without_seconds(history) == without_seconds(same_history)
    assert weights_sha256(first.model) != weights_sha256(other.model)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_stopped_training_ends_with_the_weights_of_an_unbroken_one(
    tmp_path, optimizer
):
    recipe = replace(SHORT, optimizer=optimizer, lr=0.01)
    whole, history = trained(recipe, out=tmp_path / "whole.pt")

    with pytest.raises(Stopped):
        trained(recipe, out=tmp_path / "net.pt", on_epoch=stop_after(1))
    resumed, resumed_history = trained(recipe, out=tmp_path / "net.pt", resume=True)

    assert weights_sha256(resumed.model) == weights_sha256(whole.model)
    assert without_seconds(resumed_history) == without_seconds(history)
    assert weights_sha256(load_network(tmp_path / "net.pt").model) == weights_sha256(
        whole.model
    )


def test_a_training_stopped_within_an_epoch_goes_on_after_the_last_whole_one(tmp_path):
    def stop_midway(n_done, _):
        if n_done > 75:  # of 50 in an epoch
            raise Stopped

    whole, _ = trained()

    network, train_images, test_images = prepared()
    with pytest.raises(Stopped):
        train_network(
            network,
            train_images,
            test_images,
            SHORT,
            out=tmp_path / "net.pt",
            progress=stop_midway,
        )
    assert not network.model.training
    epochs = []
    resumed, _ = trained(
        out=tmp_path / "net.pt",
        resume=True,
        on_epoch=lambda result: epochs.append(result["epoch"]),
    )

    assert epochs == [2, 3]
    assert weights_sha256(resumed.model) == weights_sha256(whole.model)


def test_networks_missed_between_state_and_kill_are_written_on_resume(
    tmp_path, monkeypatch
):
    def killed(*_, **__):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("se_probe.training.state.save_network", killed)
        with pytest.raises(Stopped):
            trained(out=tmp_path / "net.pt")

    assert not (tmp_path / "net.pt").exists()
    with pytest.raises(Stopped):
        trained(out=tmp_path / "net.pt", resume=True, progress=lambda *_: killed())
    assert load_network(tmp_path / "net.pt").provenance.metrics["epoch"] == 1
    assert load_network(tmp_path / "net_best.pt").provenance.metrics["epoch"] == 1


@pytest.mark.slow
def test_a_killed_process_is_resumed_to_the_same_weights(tmp_path):
    program = f"""
import os, signal, sys
sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}
from test_training import trained
import torch
torch.set_num_threads(1)
def kill(n_done, _):
    if n_done > 120:
        os.kill(os.getpid(), signal.SIGKILL)
trained(out={str(tmp_path / "net.pt")!r}, progress=kill)
"""
    whole, _ = trained()

    killed = subprocess.run([sys.executable, "-c", program], check=False)
    resumed, _ = trained(out=tmp_path / "net.pt", resume=True)

    assert killed.returncode == -signal.SIGKILL
    assert weights_sha256(resumed.model) == weights_sha256(whole.model)


def test_pixels_read_in_every_epoch_give_the_weights_of_pixels_held():
    held, _ = trained()
    read_anew, _ = trained(held_bytes=0)

    assert weights_sha256(held.model) == weights_sha256(read_anew.model)


def dropout_network(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 16), nn.Dropout(0.5), nn.Linear(16, 10)
    )
    return Network(model, default_preprocessing("digits"))


def test_dropout_is_seeded_and_the_callers_random_numbers_are_left_alone():
    _, train_images, test_images = prepared()
    digests = []
    for global_seed in (1, 2):
        network = dropout_network()
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        train_network(network, train_images, test_images, SHORT)
        digests.append(weights_sha256(network.model))
        assert torch.equal(torch.get_rng_state(), before)

    assert digests[0] == digests[1]


def test_a_single_image_left_over_sits_the_epoch_out():
    recipe = replace(SHORT, batch_size=49, epochs=1, warmup_epochs=0)
    network, train_images, test_images = prepared(recipe)
    network = Network(
        nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10)),
        network.preprocessing,
    )

    train_network(network, train_images, test_images, recipe)

    assert network.model[1].num_batches_tracked == 1


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_norms_keep_their_statistics_and_train_their_weights(frozen):
    recipe = replace(SHORT, frozen_batch_norm=frozen)
    network, train_images, test_images = prepared(recipe)
    norm = nn.BatchNorm1d(784)
    network = Network(
        nn.Sequential(nn.Flatten(), norm, nn.Linear(784, 10)), network.preprocessing
    )

    train_network(network, train_images, test_images, recipe)

    assert norm.running_mean.equal(torch.zeros(784)) == frozen
    assert not norm.weight.equal(torch.ones(784))


def test_it_learns():
    recipe = replace(recipe_for("se_lenet", "digits"), epochs=6, per_class=60)
    network, train_images, test_images = prepare_training("se_lenet", "digits", recipe)

    network, history = train_network(network, train_images, test_images, recipe)

    assert history[-1]["test_accuracy"] > 0.8
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_bf16_trains_too():
    _, history = trained(replace(SHORT, precision="bf16", epochs=2))
    _, in_fp32 = trained(replace(SHORT, epochs=2))

    assert math.isclose(
        history[0]["train_loss"], in_fp32[0]["train_loss"], rel_tol=0.02
    )
    assert history[0]["train_loss"] != in_fp32[0]["train_loss"]


def test_checkpoint_says_how_it_was_trained_and_how_good_it_is(tmp_path):
    network, history = trained(out=tmp_path / "net.pt")
    loaded = load_network(tmp_path / "net.pt")
    metrics = loaded.provenance.metrics

    with torch.inference_mode():
        images = prepared()[2]
        predicted = loaded.model(images.batch(0)).argmax(dim=1)[: len(images)]
    right = sum(
        int(name) == index
        for name, index in zip(images.class_names, predicted.tolist(), strict=True)
    )
    interval = binomtest(right, 50).proportion_ci(method="wilson")

    assert (metrics["n_correct"], metrics["n_images"]) == (right, 50)
    assert metrics["accuracy"] == right / 50 == history[-1]["test_accuracy"]
    assert metrics["interval"] == pytest.approx([interval.low, interval.high])
    assert metrics["history"] == history
    assert metrics["settings"]["lr"] == SHORT.lr
    assert loaded.provenance == network.provenance
    assert loaded.provenance.seed == SHORT.seed
    assert loaded.provenance.data["name"] == "digits"
    assert loaded.provenance.data["split"] == "train"


def test_network_is_left_ready_for_use():
    network, _ = trained(replace(SHORT, channels_last=False))

    assert not any(module.training for module in network.model.modules())
    assert network.model.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    assert network.provenance.sha256 == weights_sha256(network.model)


def test_best_epoch_and_last_epoch_are_kept_and_the_state_is_not(tmp_path):
    recipe = replace(SHORT, epochs=6, lr=0.3, schedule="constant")
    _, history = trained(recipe, out=tmp_path / "net.pt")

    accuracies = [result["test_accuracy"] for result in history]
    best = load_network(tmp_path / "net_best.pt").provenance.metrics
    last = load_network(tmp_path / "net.pt").provenance.metrics
    assert best["epoch"] == 1 + accuracies.index(max(accuracies)) < 6
    assert last["epoch"] == 6
    assert {path.name for path in tmp_path.iterdir()} == {"net.pt", "net_best.pt"}


def test_training_stops_at_the_accuracy_asked_for(tmp_path):
    recipe = replace(SHORT, stop_at=0.01)

    network, history = trained(recipe, out=tmp_path / "net.pt")
    _, resumed = trained(recipe, out=tmp_path / "net.pt", resume=True)

    assert len(history) == len(resumed) == 1
    assert network.provenance.metrics["epoch"] == 1


def test_a_finished_training_is_loaded_and_not_trained(tmp_path):
    network, history = trained(out=tmp_path / "net.pt")
    before = (tmp_path / "net.pt").read_bytes()

    def never(*_):
        raise AssertionError

    again, same = trained(out=tmp_path / "net.pt", resume=True, progress=never)

    assert weights_sha256(again.model) == weights_sha256(network.model)
    assert same == history
    assert (tmp_path / "net.pt").read_bytes() == before


def test_resume_begins_where_there_is_nothing_to_go_on_with(tmp_path):
    _, history = trained(out=tmp_path / "net.pt", resume=True)

    assert len(history) == SHORT.epochs


def test_progress_ends_with_all_images_of_all_epochs():
    calls = []

    trained(progress=lambda *call: calls.append(call))

    assert calls == sorted(calls)
    assert calls[-1] == (150, 150)
