"""Gate health of our own trainings."""

from dataclasses import replace

import numpy as np
import torch

from se_probe.models import create_model
from se_probe.monitor import GateMonitor
from se_probe.training import train_network
from se_probe.training.health import gate_health_of, watch_health
from trainings import SHORT, prepared, trained

NUMBERS = {"mean", "sd", "input_dependence", "saturated_closed", "saturated_open"}


def test_every_epoch_says_how_its_gates_were():
    network, history = trained()

    assert len(history) == SHORT.epochs
    for result in history:
        (block,) = result["gates"].values()
        assert list(result["gates"]) == ["SE_2_1"]
        assert set(block) == NUMBERS
        assert 0 < block["mean"] < 1
        assert 0 < block["input_dependence"] < 1
    assert history[0]["gates"] != history[1]["gates"]
    assert network.provenance.metrics["history"][0]["gates"] == history[0]["gates"]


def test_numbers_are_of_the_training_batches_of_the_epoch():
    """Second opinion: a monitor of another's own around one epoch."""
    recipe = replace(SHORT, epochs=1, warmup_epochs=0)
    network, train_images, test_images = prepared(recipe)
    with GateMonitor(network.model, train_images.batch(0), every=None) as monitor:
        _, history = train_network(network, train_images, test_images, recipe)

        summary = monitor.summary()

    assert summary.attrs["n_batches"] == 4  # 50 images in batches of 16
    assert history[0]["gates"] == gate_health_of(summary)


def test_a_network_without_se_blocks_has_no_health():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten())

    assert watch_health(model, torch.rand(4, 1, 8, 8)) is None


def test_an_untrained_network_that_does_not_gate_yet_is_no_reason_to_warn():
    """Warnings are errors here; the monitor tells of what stays so."""
    model = create_model("se_lenet", 10)
    with torch.no_grad():
        for parameter in model.se.parameters():
            parameter.zero_()

    monitor = watch_health(model, torch.rand(4, 1, 28, 28))

    assert [block.name for block in monitor.blocks] == ["SE_2_1"]


def test_one_image_is_not_enough_to_find_blocks():
    model = create_model("se_lenet", 10)

    assert watch_health(model, torch.rand(1, 1, 28, 28)) is None


def test_what_is_not_known_is_none():
    model = create_model("se_lenet", 10).train()
    monitor = GateMonitor(model, torch.rand(4, 1, 28, 28), every=None)

    health = gate_health_of(monitor.summary())

    assert health["SE_2_1"] == dict.fromkeys(NUMBERS)
    assert np.isnan(monitor.summary()["mean"].item())
