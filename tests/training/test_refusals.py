"""Images of a training, and what is refused."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from se_probe.checkpoints import (
    build_network,
    load_network,
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
from trainings import SHORT, Stopped, prepared, stop_after, trained


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
