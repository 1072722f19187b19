import copy
import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import binomtest
from torch import nn
from torch.nn import functional

from commands import run_command
from se_probe.checkpoints import (
    Network,
    build_network,
    load_network,
    weights_sha256,
)
from se_probe.errors import (
    CheckpointError,
    ImagesError,
    SEProbeError,
    UsageError,
)
from se_probe.images import Preprocessing, default_preprocessing, open_images
from se_probe.training import (
    Recipe,
    prepare_training,
    recipe_for,
    train_network,
)
from se_probe.training.augment import crop_and_flip, draw_shifts_and_flips
from se_probe.training.optimizers import make_optimizer, make_schedule
from se_probe.training.randomness import generator_for

SHORT = Recipe(
    "sgd",
    lr=0.05,
    epochs=3,
    batch_size=16,
    warmup_epochs=1,
    schedule="cosine",
    label_smoothing=0.1,
    crop_padding=2,
    flip=True,
    per_class=5,
)


class Stopped(BaseException):
    """As Ctrl-C: nothing that trains catches it."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def prepared(recipe=SHORT):
    network, train_images, test_images = prepare_training("se_lenet", "digits", recipe)
    return network, train_images, test_images.take({}, 5)


def trained(recipe=SHORT, **options):
    network, train_images, test_images = prepared(recipe)
    return train_network(network, train_images, test_images, recipe, **options)


def stop_after(n_epochs):
    def on_epoch(result):
        if result["epoch"] == n_epochs:
            raise Stopped

    return on_epoch


def without_seconds(history):
    return [{k: v for k, v in result.items() if k != "seconds"} for result in history]


# --- a step, a schedule -----------------------------------------------------------


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


# --- crops and flips ---------------------------------------------------------------


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


# --- the same, bit for bit -----------------------------------------------------------


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


# --- what is left behind -----------------------------------------------------------


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


# --- images ------------------------------------------------------------------------


def write_folder(root, n=6, sides=("train", "test")):
    rng = np.random.default_rng(0)
    for side in sides:
        for position, name in enumerate(("dark", "light")):
            folder = root / side / name
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 100, (28, 28)) + 150 * position
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return root


def test_accuracy_is_over_the_held_out_images_that_can_be_read(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "test/dark/3.png").write_bytes(b"damaged")
    recipe = replace(SHORT, epochs=1, warmup_epochs=0, per_class=None)
    network, train_images, test_images = prepare_training("se_lenet", tmp_path, recipe)

    network, _ = train_network(network, train_images, test_images, recipe, held_bytes=0)

    assert network.provenance.metrics["n_images"] == 11


@pytest.mark.parametrize("held_bytes", [0, 2**30])
def test_pictures_that_cannot_be_read_are_left_out(tmp_path, held_bytes):
    write_folder(tmp_path)
    (tmp_path / "train/dark/3.png").write_bytes(b"damaged")
    recipe = replace(SHORT, epochs=1, warmup_epochs=0, per_class=None, batch_size=12)
    network, train_images, test_images = prepare_training("se_lenet", tmp_path, recipe)
    with_it = copy.deepcopy(network)
    (tmp_path / "train/dark/3.png").unlink()
    _, readable, _ = prepare_training("se_lenet", tmp_path, recipe)
    (tmp_path / "train/dark/3.png").write_bytes(b"damaged")
    options = {"held_bytes": held_bytes}
    recipe = replace(recipe, crop_padding=0, flip=False)

    train_network(network, readable, test_images, recipe, **options)
    if held_bytes:
        with pytest.warns(match="1 of 12 images cannot be read .*dark/3.png"):
            train_network(with_it, train_images, test_images, recipe, **options)
    else:
        train_network(with_it, train_images, test_images, recipe, **options)

    # One batch of the same eleven images, in another order.
    for one, other in zip(
        network.model.parameters(), with_it.model.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_nothing_readable_is_refused(tmp_path):
    write_folder(tmp_path, n=1)
    for path in tmp_path.glob("train/*/*.png"):
        path.write_bytes(b"damaged")

    for held_bytes in (0, 2**30):
        with pytest.raises(ImagesError, match="none of the"):
            train_network(
                *prepare_training("se_lenet", tmp_path, SHORT),
                SHORT,
                held_bytes=held_bytes,
            )


def test_network_gets_the_classes_and_the_preprocessing_of_the_data():
    network, train_images, test_images = prepare_training(
        "se_resnet20_cifar", "scenes", replace(SHORT, per_class=2, seed=3)
    )

    assert [label.wnid for label in network.class_names] == sorted(
        set(train_images.class_names)
    )
    assert network.class_names[0].name == "goldfish"
    assert network.preprocessing == default_preprocessing("scenes")
    assert (len(train_images), len(test_images)) == (20, 500)
    assert network.provenance.seed == 3


def test_network_keeps_its_preprocessing_where_it_cannot_take_that_of_the_data():
    network, train_images, _ = prepare_training("se_lenet", "scenes", SHORT)

    assert train_images.batch(0).shape[1:] == (1, 28, 28)
    assert network.preprocessing == default_preprocessing("mnist")


def test_a_folder_without_held_out_images_is_refused(tmp_path):
    write_folder(tmp_path / "all", n=1, sides=("",))

    with pytest.raises(ImagesError, match="move them into train/CLASS and test/CLASS"):
        prepare_training("se_lenet", tmp_path / "all", SHORT)


# --- refusals -----------------------------------------------------------------------


def test_nan_stops_the_training_and_spares_the_last_good_checkpoint(tmp_path):
    network, train_images, test_images = prepared()

    def poison(result):
        if result["epoch"] == 2:
            network.model.fc3.weight.data[0, 0] = math.nan

    with pytest.raises(
        SEProbeError,
        match="no longer a number in epoch 3 of 3; the last good one is epoch 2",
    ):
        train_network(
            network,
            train_images,
            test_images,
            SHORT,
            out=tmp_path / "net.pt",
            on_epoch=poison,
        )

    kept = load_network(tmp_path / "net.pt")
    assert kept.provenance.metrics["epoch"] == 2
    assert all(p.isfinite().all() for p in kept.model.parameters())


def test_nan_in_the_first_epoch_leaves_no_checkpoint(tmp_path):
    recipe = replace(SHORT, lr=1e30, warmup_epochs=0)

    with pytest.raises(
        SEProbeError, match=r"epoch 1 of 3; there is no good one yet. Lower"
    ):
        trained(recipe, out=tmp_path / "net.pt")

    assert not list(tmp_path.iterdir())


def test_files_of_another_training_are_not_overwritten_unasked(tmp_path):
    trained(out=tmp_path / "net.pt")
    before = (tmp_path / "net.pt").read_bytes()

    with pytest.raises(CheckpointError, match=r"net.pt exists already: .*--force"):
        trained(out=tmp_path / "net.pt")
    assert (tmp_path / "net.pt").read_bytes() == before
    trained(replace(SHORT, seed=1), out=tmp_path / "net.pt", overwrite=True)
    assert load_network(tmp_path / "net.pt").provenance.seed == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lr": 0.1}, r"another lr \(0.05 then, 0.1 now\)"),
        ({"seed": 1}, r"another seed \(0 then, 1 now\)"),
        ({"per_class": 4}, r"another training images \(50 of digits then, 40 of"),
    ],
)
def test_a_training_is_not_resumed_with_other_settings(tmp_path, changes, sentence):
    with pytest.raises(Stopped):
        trained(out=tmp_path / "net.pt", on_epoch=stop_after(1))

    with pytest.raises(CheckpointError, match=sentence):
        trained(replace(SHORT, **changes), out=tmp_path / "net.pt", resume=True)


def test_a_resumed_training_keeps_its_number_of_threads(tmp_path):
    with pytest.raises(Stopped):
        trained(out=tmp_path / "net.pt", on_epoch=stop_after(1), threads=1)

    torch.set_num_threads(2)
    trained(out=tmp_path / "net.pt", resume=True)

    with pytest.raises(CheckpointError, match=r"another threads \(1 then, 2 now\)"):
        trained(out=tmp_path / "net.pt", resume=True, threads=2)


def test_an_unfinished_training_without_its_state_is_refused(tmp_path):
    with pytest.raises(Stopped):
        trained(out=tmp_path / "net.pt", on_epoch=stop_after(1))
    (tmp_path / "net_resume.pt").unlink()

    with pytest.raises(CheckpointError, match="is not a finished training"):
        trained(out=tmp_path / "net.pt", resume=True)


def test_a_damaged_state_is_refused(tmp_path):
    (tmp_path / "net_resume.pt").write_bytes(b"damaged")

    with pytest.raises(CheckpointError, match=r"net_resume.pt cannot be read.*--force"):
        trained(out=tmp_path / "net.pt", resume=True)


def test_resume_and_overwrite_exclude_each_other(tmp_path):
    with pytest.raises(UsageError, match=r"--resume .* --force .* one of them"):
        trained(out=tmp_path / "net.pt", resume=True, overwrite=True)


def test_images_of_classes_that_the_network_lacks_are_refused():
    _, train_images, test_images = prepared()
    names = [str(i) for i in range(9)]
    network = replace(
        build_network("se_lenet", class_names=names),
        preprocessing=train_images.preprocessing,
    )

    with pytest.raises(UsageError, match=r"9 classes and the images have 10.*'9'"):
        train_network(network, train_images, test_images, SHORT)


def test_outputs_that_have_no_name_are_refused():
    network, train_images, test_images = prepared()
    network.model.fc3 = nn.Linear(84, 12)

    with pytest.raises(UsageError, match=r"10 class names but .* shape \(16, 12\)"):
        train_network(network, train_images, test_images, SHORT)


def test_images_with_another_preprocessing_are_refused():
    network, train_images, _ = prepared()
    other = Preprocessing((1, 28, 28), crop_pct=1.0, mean=(0.0,), std=(1.0,))
    test_images = open_images("digits", other)

    with pytest.raises(UsageError, match="trained with that too: expected images"):
        train_network(network, train_images, test_images, SHORT)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            {"optimizer": "lion"},
            "optimizer must be one of adam, adamw, sgd, got 'lion'",
        ),
        ({"lr": 0.0}, "lr must be above 0, got 0.0"),
        ({"lr": math.nan}, "lr must be above 0, got nan"),
        ({"momentum": 1.0}, "momentum must be from 0 to below 1"),
        ({"epochs": 2, "warmup_epochs": 2}, "from 0 to below the 2 epochs, got 2"),
        ({"label_smoothing": -0.1}, "label_smoothing must be"),
        ({"stop_at": 95.0}, "stop_at must be above 0 and at most 1, got 95"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(setting, sentence):
    with pytest.raises(UsageError, match=sentence):
        Recipe(**setting)


def test_digits_are_never_mirrored():
    for data in ("digits", "mnist", "fashion-mnist"):
        for arch in ("se_lenet", "se_resnet20_cifar"):
            assert not recipe_for(arch, data).flip


# --- the command ----------------------------------------------------------------------


@pytest.fixture
def run_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        few = ["--per-class", "5", "--epochs", "1", "--device", "cpu"]
        return run_command("train", *few, *arguments)

    return run


def test_command_trains_and_says_how_well(run_train, tmp_path):
    result = run_train("--seed", "3")

    assert result.status == 0, result.stderr
    network = load_network(tmp_path / "checkpoints/se_lenet_digits.pt")
    percent = 100 * network.provenance.metrics["accuracy"]
    assert f"held-out accuracy {percent:.2f} % (95 % interval" in result.stdout
    assert "on 500 images, after epoch 1" in result.stdout
    assert "epoch 1: training loss" in result.stderr
    assert network.provenance.seed == 3
    assert (tmp_path / "figures/se_lenet_digits/learning_curve.png").is_file()
    assert (tmp_path / "figures/se_lenet_digits/learning_curve.csv").is_file()


def test_command_gives_json(run_train):
    import json

    result = run_train("--json", "--quiet", "--out", "net.pt")

    content = json.loads(result.stdout)
    assert content["checkpoint"] == "net.pt"
    assert len(content["history"]) == 1
    assert result.stderr == ""


def test_command_says_that_its_images_are_lossy(run_train, tmp_path):
    for side in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "jpegs" / side / name
            folder.mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (32, 32)).save(folder / f"{i}.jpg")

    result = run_train("--data", "cifar10", "--data-root", "jpegs")

    assert "on 6 images of cifar10 as lossy JPEG, after epoch" in result.stdout


def test_another_optimizer_needs_its_own_learning_rate(run_train):
    result = run_train("--optimizer", "sgd")

    assert result.status == UsageError.exit_status
    assert "--optimizer sgd needs --lr" in result.stderr
