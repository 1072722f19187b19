"""Wrappers come off, and classes and preprocessing are those of the weights."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn

from checkpoint_files import (
    TINY,
    assert_same_weights,
    prefixed,
    save_zip,
    seeded,
    timm_trainer_file,
)
from se_probe.checkpoints import (
    build_network,
    load_network,
    weights_sha256,
)
from se_probe.errors import CheckpointError, UsageError

WRAPPERS: dict[str, Callable[[nn.Module], object]] = {
    "state_dict": lambda m: {"epoch": 3, "state_dict": m.state_dict(), "best": 0.9},
    "model": lambda m: {"model": m.state_dict(), "optim": {"state": {}}, "epoch": 3},
    "nested": lambda m: {"model": {"state_dict": m.state_dict()}},
    "loss": lambda m: {"state_dict": m.state_dict(), "loss": torch.ones(())},
    "DataParallel": lambda m: nn.DataParallel(m).state_dict(),
    "compile": lambda m: prefixed(m, "_orig_mod."),
    "compile(DP)": lambda m: prefixed(m, "_orig_mod.module."),
    "DP(compile)": lambda m: prefixed(m, "module._orig_mod."),
    "compiled part": lambda m: {
        name.replace("blocks.", "blocks._orig_mod."): tensor
        for name, tensor in m.state_dict().items()
    },
    "AveragedModel": lambda m: torch.optim.swa_utils.AveragedModel(m).state_dict(),
    "Lightning": lambda m: {
        "state_dict": prefixed(m, "model.net.") | {"criterion.weight": torch.ones(5)},
        "hyper_parameters": {"lr": 0.1},
        "pytorch-lightning_version": "2.0.0",
    },
    "NumPy": lambda m: {"state_dict": m.state_dict(), "best": np.float64(0.9)},
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_and_prefixes_come_off(wrap, small, tmp_path):
    torch.save(wrap(small), tmp_path / "model.pt")

    network = load_network(tmp_path / "model.pt", TINY)

    assert len(network.class_names) == 3
    assert_same_weights(network.model, small)


def test_prefixes_come_off_before_the_names_are_looked_at(se18, tmp_path):
    torch.save(WRAPPERS["Lightning"](se18), tmp_path / "model.ckpt")

    network = load_network(tmp_path / "model.ckpt")

    assert network.architecture == "seresnet18"
    assert_same_weights(network.model, se18)
    left_out = "what is outside 'model.net.' was left out: 1 of the file's weights, "
    assert left_out + "first criterion.weight" in network.notes


def test_the_counter_of_averaged_weights_is_not_reported_as_left_out(small, tmp_path):
    torch.save(WRAPPERS["AveragedModel"](small), tmp_path / "model.pt")

    notes = load_network(tmp_path / "model.pt", TINY).notes

    assert not any("left out" in note for note in notes)


def test_a_prefix_of_the_networks_own_is_kept(tmp_path, monkeypatch):
    (tmp_path / "inner_net.py").write_text(
        "from torch import nn\n"
        "class Inner(nn.Module):\n"
        "    def __init__(self, num_classes=2):\n"
        "        super().__init__()\n"
        "        self.net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten())\n"
        "        self.net.fc = nn.Linear(4, num_classes)\n"
    )
    monkeypatch.chdir(tmp_path)
    # The command has no "" in its path, `python -m pytest` does.
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        model = importlib.import_module("inner_net").Inner(7)
    monkeypatch.delitem(sys.modules, "inner_net")
    torch.save(model.state_dict(), "inner.pt")

    network = load_network("inner.pt", "inner_net:Inner")

    assert len(network.class_names) == 7
    assert_same_weights(network.model, model)


def test_timm_trainer_file_says_architecture_and_preprocessing(small, tmp_path):
    content = timm_trainer_file(
        small, TINY, img_size=64, crop_pct=1.0, interpolation="box"
    )
    torch.save(content, tmp_path / "model_best.pth.tar")

    network = load_network(tmp_path / "model_best.pth.tar")

    assert network.architecture == TINY
    assert network.preprocessing.input_size == (3, 64, 64)
    assert network.preprocessing.interpolation == "box"
    assert not network.notes
    assert_same_weights(network.model, small)


def test_averaged_weights_come_before_raw_ones(small, tmp_path):
    averaged = seeded(lambda: timm.create_model(TINY, num_classes=3), seed=9)
    content = timm_trainer_file(small, TINY)
    content["state_dict_ema"] = averaged.state_dict()
    torch.save(content, tmp_path / "model.pt")

    network = load_network(tmp_path / "model.pt")

    assert_same_weights(network.model, averaged)
    assert any("EMA" in note for note in network.notes)


def test_half_precision_weights_are_cast_to_the_networks_type(small, tmp_path):
    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in small.state_dict().items()
    }
    torch.save(half, tmp_path / "half.pt")

    model = load_network(tmp_path / "half.pt", TINY).model

    assert {p.dtype for p in model.parameters()} == {torch.float32}
    weight = model.classifier.weight
    assert torch.equal(weight, small.classifier.weight.half().float())


def test_batch_norm_without_its_counter_loads(small, tmp_path):
    weights = {
        name: tensor
        for name, tensor in small.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    torch.save(weights, tmp_path / "model.pt")

    assert_same_weights(load_network(tmp_path / "model.pt", TINY).model, small)


def test_a_thousand_outputs_are_imagenets_other_numbers_are_counted(small, tmp_path):
    save_zip(timm.create_model(TINY), tmp_path / "imagenet.pth")
    save_zip(small, tmp_path / "three.pth")

    imagenet = load_network(tmp_path / "imagenet.pth", TINY)
    three = load_network(tmp_path / "three.pth", TINY)

    assert imagenet.class_names.spec == "imagenet-1k"
    assert [label.name for label in three.class_names] == ["0", "1", "2"]


def test_class_names_can_be_given_and_must_be_as_many_as_outputs(small, tmp_path):
    save_zip(small, tmp_path / "model.pth")
    names = ["a", "b", "c"]

    network = load_network(tmp_path / "model.pth", TINY, class_names=names)

    assert network.class_names.spec == names
    with pytest.raises(UsageError, match="3 classes apart, got 2 names"):
        load_network(tmp_path / "model.pth", TINY, class_names=["a", "b"])


def test_grey_networks_get_grey_preprocessing(tmp_path):
    grey = seeded(lambda: timm.create_model(TINY, num_classes=5, in_chans=1))
    save_zip(grey, tmp_path / "grey.pth")

    network = load_network(tmp_path / "grey.pth", TINY)

    assert network.options == {"in_chans": 1}
    assert network.preprocessing.input_size == (1, 160, 160)
    assert network.preprocessing.mean == pytest.approx((0.5,), abs=0.06)
    assert_same_weights(network.model, grey)


@pytest.mark.parametrize(
    ("arch", "size", "interpolation", "crop_pct"),
    [
        ("test_efficientnet.r160_in1k", (3, 160, 160), "bicubic", 0.95),
        ("regnety_002", (3, 224, 224), "bicubic", 0.875),
        ("torchvision:mobilenet_v3_small", (3, 224, 224), "bilinear", 0.875),
        ("se_lenet", (1, 28, 28), "bilinear", 1.0),
        ("se_resnet20_cifar", (3, 32, 32), "bilinear", 1.0),
        ("se_resnet18", (3, 224, 224), "bilinear", 0.875),
    ],
)
def test_preprocessing_is_the_architectures(arch, size, interpolation, crop_pct):
    preprocessing = build_network(arch).preprocessing

    assert preprocessing.input_size == size
    assert preprocessing.interpolation == interpolation
    assert preprocessing.crop_pct == pytest.approx(crop_pct)


def test_networks_come_in_evaluation_mode_channels_last(se18, tmp_path):
    save_zip(se18, tmp_path / "model.pth")

    model = load_network(tmp_path / "model.pth", device="cpu").model

    assert not any(module.training for module in model.modules())
    weight = model.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_networks_go_to_the_gpu(se18, tmp_path):
    save_zip(se18, tmp_path / "model.pth")

    network = load_network(tmp_path / "model.pth", device="cuda")

    assert {p.device.type for p in network.model.parameters()} == {"cuda"}
    assert weights_sha256(network.model) == weights_sha256(se18)


def test_real_efficientnet_loads_by_its_name():
    folder = os.environ.get("SE_PROBE_TEST_DATA")
    if not folder:
        pytest.skip("SE_PROBE_TEST_DATA is not set")
    path = Path(folder) / "weights" / "tf_efficientnetv2_b0_from_keras_dump.pth"

    with pytest.raises(CheckpointError, match="did you mean tf_efficientnetv2_b0"):
        load_network(path)
    network = load_network(path, "tf_efficientnetv2_b0")

    assert network.class_names.spec == "imagenet-1k"
    assert {p.dtype for p in network.model.parameters()} == {torch.float32}
