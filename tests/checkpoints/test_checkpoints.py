"""Reading weights files safely, and fitting them to the network they are of."""

import argparse
import importlib
import io
import json
import os
import pickle
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from se_probe.checkpoints import (
    ChannelScale,
    Network,
    Provenance,
    build_network,
    load_network,
    save_network,
    weights_sha256,
)
from se_probe.checkpoints.containers import read_container
from se_probe.checkpoints.layouts import evidence_in_names
from se_probe.errors import ArchitectureError, CheckpointError, UsageError
from se_probe.images import Preprocessing
from se_probe.models import create_model

TINY = "test_efficientnet"


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


@pytest.fixture(scope="module")
def se18() -> nn.Module:
    """A timm network whose names leave no doubt, with five classes."""
    return seeded(lambda: timm.create_model("seresnet18", num_classes=5))


@pytest.fixture(scope="module")
def small() -> nn.Module:
    """A tiny one whose names do not tell it."""
    return seeded(lambda: timm.create_model(TINY, num_classes=3))


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def assert_same_weights(model: nn.Module, other: nn.Module) -> None:
    expected, loaded = other.state_dict(), model.state_dict()
    assert loaded.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(loaded[name], tensor), name


@torch.inference_mode()
def assert_same_function(model: nn.Module, other: nn.Module, x: torch.Tensor) -> None:
    torch.testing.assert_close(model(x), other(x), rtol=1e-4, atol=1e-5)


# --- containers ----------------------------------------------------------------------


def save_zip(model: nn.Module, path: Path) -> None:
    torch.save(model.state_dict(), path)


def save_before_zip(model: nn.Module, path: Path) -> None:
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)


def save_safetensors(model: nn.Module, path: Path) -> None:
    save_file(model.state_dict(), path)


def save_torchscript(model: nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out
        torch.jit.trace(model, torch.rand(1, 3, 64, 64), check_trace=False).save(path)


def save_exported(model: nn.Module, path: Path) -> None:
    program = torch.export.export(model, (torch.rand(2, 3, 64, 64),))
    with path.open("wb") as file:
        torch.export.save(program, file)


def save_older_export(model: nn.Module, path: Path) -> None:
    weights = io.BytesIO()
    torch.save(model.state_dict(), weights)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", weights.getvalue())


@pytest.mark.parametrize(
    ("save", "name"),
    [
        (save_zip, "model.pth.tar"),
        (save_before_zip, "model.pkl"),
        (save_safetensors, "model.pt"),
        (save_torchscript, "model.ckpt"),
        (save_exported, "model"),
        (save_older_export, "model.safetensors"),
    ],
)
def test_every_container_gives_the_weights_whatever_it_is_called(
    save, name, small, tmp_path
):
    save(small, tmp_path / name)

    network = load_network(tmp_path / name, TINY)

    assert_same_weights(network.model, small)


def test_a_frozen_torchscript_file_holds_no_weights_to_read(small, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(small, torch.rand(1, 3, 64, 64), check_trace=False)
        torch.jit.freeze(traced).save(tmp_path / "frozen.pt")

    with pytest.raises(CheckpointError, match=r"no weights of their own.*state_dict"):
        load_network(tmp_path / "frozen.pt", TINY)


def test_views_and_number_types_in_torchscript_are_kept(tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            whole = torch.arange(12.0).reshape(3, 4)
            self.register_buffer("turned", whole.t())
            self.register_buffer("part", whole[1:, 1:3])
            self.register_buffer("short", torch.ones(2, dtype=torch.bfloat16))
            self.names = ["a", "b"]

        def forward(self, x):
            return x + self.turned.sum() + self.part.sum() + len(self.names)

    odd = Odd()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(odd).save(tmp_path / "odd.pt")

    weights = read_container(tmp_path / "odd.pt")

    assert weights.keys() == {"turned", "part", "short"}
    assert all(torch.equal(weights[name], getattr(odd, name)) for name in weights)


def prefixed(model: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in model.state_dict().items()}


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


def timm_trainer_file(model: nn.Module, arch: str, **settings) -> dict:
    return {
        "epoch": 9,
        "arch": arch,
        "version": 2,
        "args": argparse.Namespace(model=arch, **settings),
        "state_dict": model.state_dict(),
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(3)}}},
    }


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


# --- what must not be loaded ---------------------------------------------------------


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def malicious_torchscript(path: Path, payload: Payload) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/code/__torch__.py", "")
        archive.writestr("model/data.pkl", pickle.dumps(payload, protocol=2))


def malicious_export(path: Path, payload: Payload) -> None:
    weights = io.BytesIO()
    torch.save(payload, weights)
    config = {"config": {"fc.weight": {"path_name": "weight_0", "use_pickle": True}}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/archive_format", "pt2")
        archive.writestr(
            "model/data/weights/model_weights_config.json", json.dumps(config)
        )
        archive.writestr("model/data/weights/weight_0", weights.getvalue())


@pytest.mark.parametrize(
    "write",
    [
        lambda path, payload: torch.save({"state_dict": payload}, path),
        lambda path, payload: torch.save(
            payload, path, _use_new_zipfile_serialization=False
        ),
        malicious_torchscript,
        malicious_export,
    ],
    ids=["zip", "legacy", "TorchScript", "torch.export"],
)
def test_code_in_a_file_is_not_run(write, tmp_path):
    mark = tmp_path / "ran"
    write(tmp_path / "model.pt", Payload(mark))

    with pytest.raises(CheckpointError, match=r"mkdir|trust"):
        load_network(tmp_path / "model.pt", "seresnet18")

    assert not mark.exists()


def test_the_same_payload_runs_when_pickles_are_trusted(tmp_path):
    mark = tmp_path / "ran"
    torch.save({"state_dict": Payload(mark)}, tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match="holds no weights"):
        load_network(tmp_path / "model.pt", trust_pickle=True)

    assert mark.exists()


@pytest.mark.parametrize("wrap", [nn.Identity, nn.DataParallel])
def test_a_pickled_network_is_refused_until_it_is_trusted(wrap, se18, tmp_path):
    model = se18 if wrap is nn.Identity else wrap(se18)
    torch.save(model, tmp_path / "epoch_9.pth.tar")

    with pytest.raises(CheckpointError, match=r"epoch_9.*pickled.*--trust-pickle"):
        load_network(tmp_path / "epoch_9.pth.tar")
    network = load_network(tmp_path / "epoch_9.pth.tar", trust_pickle=True)

    assert len(network.class_names) == 5
    assert_same_weights(network.model, se18)


def test_a_trusted_pickle_of_a_program_that_is_not_here(tmp_path, monkeypatch):
    (tmp_path / "gone_net.py").write_text("from torch import nn\nNet = nn.Identity\n")
    module = type(sys)("gone_net")
    module.Net = type("Net", (nn.Module,), {"__module__": "gone_net"})
    monkeypatch.setitem(sys.modules, "gone_net", module)
    torch.save(module.Net(), tmp_path / "model.pt")
    monkeypatch.delitem(sys.modules, "gone_net")

    with pytest.raises(CheckpointError, match=r"needs code that is not here.*gone_net"):
        load_network(tmp_path / "model.pt", trust_pickle=True)


def first_part(save: Callable[[nn.Module, Path], None]) -> Callable[..., bytes]:
    def cut(model: nn.Module, tmp_path: Path) -> bytes:
        save(model, tmp_path / "whole")
        return (tmp_path / "whole").read_bytes()[:100_000]

    return cut


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (first_part(save_zip), "cut short"),
        (first_part(save_before_zip), "damaged or cut short"),
        (first_part(save_safetensors), "damaged or cut short"),
        (b"", "is empty"),
        (b"epoch 1: loss 0.3\n", "is text"),
        (bytes(range(256)), "unknown format"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5 file .Keras"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\x1f\x8b\x08\x00" + bytes(99), "gzip"),
        (bytes(257) + b"ustar" + bytes(99), "tar archive"),
        (pickle.dumps({"fc.weight": [1.0]}), "torch.save did not write it"),
    ],
)
def test_what_is_no_weights_file_is_named(content, message, se18, tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(content(se18, tmp_path) if callable(content) else content)

    with pytest.raises(CheckpointError, match=rf"^model\.pth.*{message}") as error:
        load_network(path.rename(tmp_path / "model.pth"))

    assert "\n" not in str(error.value)


def test_missing_files_folders_and_caffe_are_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "SE-ResNet-50.caffemodel").write_bytes(b"\n\x0cSE-ResNet-50")
    zipfile.ZipFile(tmp_path / "photos.zip", "w").close()

    with pytest.raises(CheckpointError, match=r"there is no file .*nothing\.pt"):
        load_network(tmp_path / "nothing.pt")
    with pytest.raises(CheckpointError, match="timm:local-dir:"):
        load_network(tmp_path)
    with pytest.raises(CheckpointError, match="Caffe"):
        load_network(tmp_path / "SE-ResNet-50.caffemodel")
    with pytest.raises(CheckpointError, match="without weights"):
        load_network(tmp_path / "photos.zip")


@pytest.mark.parametrize(
    "content", [{"epoch": 3, "loss": torch.ones(())}, {}, [1, 2], 3.0]
)
def test_a_file_without_weights_says_what_it_is(content, tmp_path):
    torch.save(content, tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match=r"it is an? \w+"):
        load_network(tmp_path / "model.pt")


# --- which network -------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "seresnet18",
        "seresnet34",
        "seresnet50",
        "seresnet101",
        "seresnet152",
        "seresnext50_32x4d",
        "seresnext101_32x8d",
        "seresnext101_64x4d",
        "legacy_seresnet18",
        "legacy_seresnet34",
        "legacy_seresnet50",
        "legacy_seresnet101",
        "legacy_seresnet152",
        "legacy_seresnext26_32x4d",
        "legacy_seresnext50_32x4d",
        "legacy_seresnext101_32x4d",
        "legacy_senet154",
    ],
)
def test_se_resnets_are_told_by_their_names(name):
    with torch.device("meta"):
        weights = timm.create_model(name).state_dict()

    assert evidence_in_names(weights).architecture == name


@pytest.mark.parametrize(
    "name", ["seresnet50t", "seresnext26d_32x4d", "resnetrs50", "senet154", "resnet50"]
)
def test_names_that_fit_several_networks_are_no_evidence(name):
    with torch.device("meta"):
        weights = timm.create_model(name).state_dict()

    assert evidence_in_names(weights) is None


@pytest.mark.parametrize("name", ["se_resnet18", "se_resnet50_cifar"])
def test_networks_of_ours_that_timm_has_not_are_not_taken_for_timms(name):
    with torch.device("meta"):
        weights = create_model(name).state_dict()

    assert evidence_in_names(weights) is None


def test_a_legacy_file_is_the_legacy_network_not_the_one_its_shapes_fit(
    tmp_path, image
):
    legacy = seeded(lambda: timm.create_model("legacy_seresnet50", num_classes=4))
    renamed = {
        name.replace("layer0.", "")
        .replace("se_module", "se")
        .replace("last_linear", "fc"): tensor
        for name, tensor in legacy.state_dict().items()
    }
    look_alike = timm.create_model("seresnet50", num_classes=4).eval()
    look_alike.load_state_dict(renamed, strict=True)
    save_zip(legacy, tmp_path / "se_resnet50.pth")

    network = load_network(tmp_path / "se_resnet50.pth")

    assert network.architecture == "legacy_seresnet50"
    assert_same_function(network.model, legacy, image)
    with pytest.raises(AssertionError):
        assert_same_function(network.model, look_alike, image)
    with pytest.raises(
        CheckpointError,
        match=r"does not fit seresnet50: .*give --arch legacy_seresnet5",
    ):
        load_network(tmp_path / "se_resnet50.pth", "seresnet50")


def to_moskomule(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor]:
    for ours, theirs in (("se.fc1.", "se.fc.0."), ("se.fc2.", "se.fc.2.")):
        if ours in name:
            return name.replace(ours, theirs), tensor.flatten(1)
    return name, tensor


def to_miraclewkf(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor]:
    if ".se." in name:
        tensor = tensor.flatten(1) if name.endswith("weight") else tensor
        return name.replace(".se.", "."), tensor
    return name, tensor


@pytest.mark.parametrize(
    ("rename", "bias"), [(to_moskomule, False), (to_miraclewkf, True)]
)
def test_networks_of_two_other_projects_are_rebuilt(rename, bias, tmp_path, image):
    ours = seeded(lambda: create_model("se_resnet20_cifar", 6, bias=bias))
    weights = dict(rename(n, t) for n, t in prefixed(ours, "module.").items())
    torch.save(weights, tmp_path / "model.pth")

    network = load_network(tmp_path / "model.pth")

    assert network.architecture == "se_resnet20_cifar"
    assert len(network.class_names) == 6
    assert network.options["bias"] is bias
    assert_same_function(network.model, ours, image)


def test_plain_weights_of_ours_under_timms_names_are_the_same_function(image):
    ours = seeded(lambda: create_model("se_resnet50", 4))
    theirs = timm.create_model("seresnet50", num_classes=4).eval()

    evidence = evidence_in_names(ours.state_dict())
    theirs.load_state_dict(ours.state_dict())

    assert evidence.architecture == "seresnet50"
    assert_same_function(theirs, ours, image)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: timm.create_model(TINY), "EfficientNet and Mobile"),
        (lambda: timm.create_model("regnety_002"), "RegNet.*Give --arch NAME"),
        (torchvision.models.mobilenet_v3_small, "--arch torchvision:NAME"),
        (lambda: nn.Sequential(nn.Linear(2, 2)), "of none known here"),
    ],
)
def test_what_names_cannot_tell_is_asked_for(make, message, tmp_path):
    save_zip(make(), tmp_path / "model.pth")

    with pytest.raises(CheckpointError, match=message):
        load_network(tmp_path / "model.pth")


def test_the_architecture_in_a_files_name_is_suggested_not_taken(small, tmp_path):
    save_zip(small, tmp_path / "test_efficientnet_e9.pth")

    with pytest.raises(CheckpointError, match="did you mean test_efficientnet"):
        load_network(tmp_path / "test_efficientnet_e9.pth")


@pytest.mark.parametrize(
    ("arch", "make"),
    [
        ("regnety_002", lambda: timm.create_model("regnety_002", num_classes=4)),
        (
            "torchvision:mobilenet_v3_small",
            lambda: torchvision.models.mobilenet_v3_small(num_classes=4),
        ),
        ("se_lenet", lambda: create_model("se_lenet", 4)),
        ("se_resnet20_cifar", lambda: create_model("se_resnet20_cifar", 4)),
    ],
)
def test_a_named_architecture_takes_its_plain_weights(arch, make, tmp_path):
    model = seeded(make)
    save_zip(model, tmp_path / "model.pth")

    network = load_network(tmp_path / "model.pth", arch.removeprefix("torchvision:"))

    assert (network.architecture, len(network.class_names)) == (arch, 4)
    assert_same_weights(network.model, model)


def test_an_architecture_against_what_the_file_says_is_refused(small, tmp_path):
    content = timm_trainer_file(small, TINY)
    torch.save(content, tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match=r"is of test_efficientnet, not regn"):
        load_network(tmp_path / "model.pt", "regnety_002")
    assert load_network(tmp_path / "model.pt", "test_efficientnet.r160_in1k")


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("seresnet5O", "no architecture 'seresnet5O'. Did you mean seresnet50"),
        ("mobilnet_v3_small", "mobilenet_v3_small"),
        ("se_lenett", "se_lenet"),
        ("torchvision:seresnet50", "no architecture"),
        ("seresnet50.a9_in1k", r"Published weights: .*seresnet50\.a1_in1k"),
        ("no_such_package.models:net", "cannot be imported"),
        ("torch.nn:NoSuchLayer", "has no function NoSuchLayer"),
        ("os:getcwd", "returned a str"),
    ],
)
def test_unknown_architectures_are_named_with_near_misses(
    arch, message, se18, tmp_path
):
    save_zip(se18, tmp_path / "model.pth")

    with pytest.raises(ArchitectureError, match=message):
        load_network(tmp_path / "model.pth", arch)


def test_misfit_counts_and_names_what_does_not_fit(se18, tmp_path):
    weights = se18.state_dict()
    weights["extra.weight"] = torch.ones(2)
    weights["bn1.weight"] = torch.ones(3)
    del weights["conv1.weight"], weights["bn1.bias"]
    torch.save(weights, tmp_path / "model.pth")

    with pytest.raises(CheckpointError) as error:
        load_network(tmp_path / "model.pth", "seresnet18")

    message = str(error.value)
    assert "2 keys missing (first: conv1.weight, bn1.bias)" in message
    assert "1 key unexpected (first: extra.weight)" in message
    assert "bn1.weight is (3,), expected (64,)" in message


@pytest.mark.parametrize(
    ("saved", "asked", "question"),
    [
        ("resnet18", "seresnet18", r"32 keys missing.*without SE blocks\?"),
        ("seresnet18", "resnet18", r"32 keys unexpected.*"),
        ("regnety_002", "seresnet18", "None of its names is one of the network's"),
    ],
)
def test_misfit_gives_the_likely_reason(saved, asked, question, tmp_path):
    save_zip(timm.create_model(saved), tmp_path / "model.pth")

    with pytest.raises(CheckpointError, match=question):
        load_network(tmp_path / "model.pth", asked)


# --- classes, channels, preprocessing ------------------------------------------------


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


def test_what_is_known_of_a_network_does_not_change(lenet):
    with pytest.raises(FrozenInstanceError):
        lenet.notes = ("another",)

    other = replace(lenet, notes=["another"])

    assert other.notes == ("another",)
    assert other.model is lenet.model
    assert not lenet.notes


def test_a_readers_own_network_needs_three_things():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))

    network = Network(model, Preprocessing((3, 2, 2)), ["cat", "dog", "crane"])
    numbered = Network(model, Preprocessing((3, 2, 2)))

    assert network.class_names.find("dog").index == 1
    assert [label.name for label in numbered.class_names] == ["0", "1", "2"]
    assert json.loads(json.dumps(network.facts()))["architecture"] == "Sequential"
    assert replace(network, architecture="a:b").class_names is network.class_names
    with pytest.raises(UsageError, match="give class_names"):
        Network(nn.Conv2d(3, 3, 1), Preprocessing((3, 2, 2)))


# --- our own format ------------------------------------------------------------------


@pytest.fixture
def lenet() -> Network:
    model = seeded(lambda: create_model("se_lenet", 3, reduction=8, bias=True))
    source = {"name": "digits", "split": "train", "sizes": [1, 2]}
    return Network(
        model,
        Preprocessing((1, 28, 28), crop_pct=1.0, mean=(0.3,), std=(0.35,)),
        ["one", "two", "three"],
        provenance=Provenance(data=source, seed=7, metrics={"top1": 0.98}),
    )


def test_saving_and_loading_gives_the_same_network(lenet, tmp_path):
    save_network(lenet, tmp_path / "deep" / "model.pt")

    loaded = load_network(tmp_path / "deep" / "model.pt")

    assert_same_weights(loaded.model, lenet.model)
    assert loaded.preprocessing == lenet.preprocessing
    assert loaded.class_names.spec == ["one", "two", "three"]
    assert loaded.options == lenet.options
    assert loaded.provenance.data == lenet.provenance.data
    assert loaded.provenance.seed == 7
    assert loaded.provenance.metrics == {"top1": 0.98}
    assert loaded.provenance.checkpoint == "model.pt"
    assert not loaded.notes


def test_our_file_is_plain_and_the_same_twice(lenet, tmp_path):
    save_network(lenet, tmp_path / "a.pt")
    save_network(load_network(tmp_path / "a.pt"), tmp_path / "b.pt")

    content = torch.load(tmp_path / "a.pt", weights_only=True)

    assert content["architecture"] == "se_lenet"
    assert json.dumps({k: v for k, v in content.items() if k != "weights"})
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "b.pt"]


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("torchvision", None), ("named folder", None), ("folder", "/photos")],
)
def test_checkpoint_names_a_data_set_and_not_where_its_files_lie(
    lenet, tmp_path, kind, kept
):
    provenance = Provenance(data={"kind": kind, "name": "mnist", "path": "/photos"})

    save_network(replace(lenet, provenance=provenance), tmp_path / "model.pt")

    data = load_network(tmp_path / "model.pt").provenance.data
    assert data == {"kind": kind, "name": "mnist", "path": kept}


def test_saving_does_not_overwrite_unasked(lenet, tmp_path):
    (tmp_path / "model.pt").write_text("dear to somebody")

    with pytest.raises(CheckpointError, match=r"exists already.*--force"):
        save_network(lenet, tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_text() == "dear to somebody"

    save_network(lenet, tmp_path / "model.pt", overwrite=True)
    assert load_network(tmp_path / "model.pt").architecture == "se_lenet"


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), CheckpointError),
        (RuntimeError("PytorchStreamWriter failed writing file"), CheckpointError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failed_write_spares_the_old_file(
    error, raised, lenet, tmp_path, monkeypatch
):
    def write_half(content, file):
        file.write(b"half")
        raise error

    (tmp_path / "model.pt").write_text("old")
    monkeypatch.setattr(torch, "save", write_half)

    with pytest.raises(raised):
        save_network(lenet, tmp_path / "model.pt", overwrite=True)

    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]
    assert (tmp_path / "model.pt").read_text() == "old"


def test_removed_blocks_stay_removed(tmp_path, image):
    network = build_network(TINY, num_classes=4)
    paths = [n for n, m in network.model.named_modules() if n.endswith(".se")][-2:]
    for path in paths:
        network.model.set_submodule(path, nn.Identity())
    removed = (
        {"name": "SE_5_1", "path": paths[0], "how": "identity"},
        {"name": "SE_5_2", "path": paths[1], "how": "constant"},
    )
    provenance = Provenance(removed_blocks=removed)
    save_network(replace(network, provenance=provenance), tmp_path / "pruned.pt")

    loaded = load_network(tmp_path / "pruned.pt")

    assert loaded.provenance.removed_blocks == removed
    assert isinstance(loaded.model.get_submodule(paths[1]), nn.Identity)
    assert_same_function(loaded.model, network.model, image)


def test_a_kept_scale_is_rebuilt(lenet, tmp_path):
    gates = torch.rand(16, 1, 1, generator=torch.Generator().manual_seed(2))
    lenet.model.se = ChannelScale(gates)
    block = {"path": "se", "how": "constant", "folded_into": "scale"}
    removed = Provenance(removed_blocks=(block | {"shape": [16, 1, 1]},))
    save_network(replace(lenet, provenance=removed), tmp_path / "pruned.pt")

    loaded = load_network(tmp_path / "pruned.pt")

    assert torch.equal(loaded.model.get_submodule("se").scale, gates)
    assert not list(loaded.model.get_submodule("se").parameters())


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"path": "layer9.se", "how": "identity"}, "no such module"),
        ({"path": "se", "how": "magic"}, "removed by 'magic'"),
        (
            {"path": "se", "how": "constant", "folded_into": "scale"},
            "gates of se as a scale without saying its shape",
        ),
    ],
)
def test_removed_blocks_that_cannot_be_rebuilt(block, message, lenet, tmp_path):
    removed = Provenance(removed_blocks=(block,))
    save_network(replace(lenet, provenance=removed), tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match=message):
        load_network(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "version 99, this se_probe reads version 1"),
        ({"options": None}, "options has the wrong type"),
        ({"weights": {}}, "does not fit its own se_lenet"),
        ({"architecture": "se_lenet9"}, "no architecture 'se_lenet9'"),
    ],
)
def test_a_file_of_ours_that_does_not_hang_together(change, message, lenet, tmp_path):
    save_network(lenet, tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(content | change, tmp_path / "model.pt")

    with pytest.raises((CheckpointError, ArchitectureError), match=message):
        load_network(tmp_path / "model.pt")


def test_a_file_of_ours_is_not_loaded_as_another_architecture(lenet, tmp_path):
    save_network(lenet, tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match="of se_lenet, not seresnet50"):
        load_network(tmp_path / "model.pt", "seresnet50")
    assert load_network(tmp_path / "model.pt", "se_lenet").architecture == "se_lenet"


def test_a_function_named_in_a_file_is_only_run_when_the_user_names_it_too(
    tmp_path, monkeypatch
):
    (tmp_path / "their_net.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        "Path('ran').touch()\n"
        "def make(num_classes=2):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(12, num_classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "their_net", raising=False)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    theirs = Network(model, Preprocessing((3, 2, 2)), None, "their_net:make")
    save_network(theirs, "model.pt")

    with pytest.raises(CheckpointError, match="--arch their_net:make"):
        load_network("model.pt")
    assert not Path("ran").exists()

    assert_same_weights(load_network("model.pt", "their_net:make").model, model)


def test_what_cannot_be_rebuilt_is_not_saved(lenet, tmp_path):
    nameless = Network(nn.Linear(2, 2), Preprocessing())
    odd = replace(lenet, provenance=Provenance(metrics={"top1": np.ones(2)}))

    with pytest.raises(UsageError, match="architecture="):
        save_network(nameless, tmp_path / "a.pt")
    with pytest.raises(UsageError, match=r"plain numbers.*ndarray"):
        save_network(odd, tmp_path / "b.pt")
    assert not list(tmp_path.iterdir())


# --- by name -------------------------------------------------------------------------


def test_a_folder_of_timm_loads_without_a_network(tmp_path, image):
    model = seeded(lambda: timm.create_model(TINY, num_classes=3))
    labels = ["a", "b", "c"]
    config = {
        "architecture": TINY,
        "num_classes": 3,
        "label_names": labels,
        "pretrained_cfg": {"tag": "mine", "input_size": [3, 64, 64], "crop_pct": 1.0},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), tmp_path / "model.safetensors")

    network = load_network(f"timm:local-dir:{tmp_path}")

    assert network.architecture == TINY
    assert network.class_names.spec == labels
    assert network.preprocessing.input_size == (3, 64, 64)
    assert network.provenance.sha256 == weights_sha256(model)
    assert_same_function(network.model, model, image)


@pytest.mark.parametrize("name", ["timm:seresnet50", "timm:hf-hub:timm/some.net"])
def test_without_a_network_published_weights_name_the_other_way(name, monkeypatch):
    def unknown_host(*_):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown_host)
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)

    with pytest.raises(CheckpointError, match=r"no network.*timm:local-dir:FOLDER"):
        load_network(name)


def test_names_without_published_weights_are_refused(tmp_path):
    with pytest.raises(ArchitectureError, match="no published weights"):
        load_network("timm:seresnet18")
    with pytest.raises(ArchitectureError, match="Did you mean"):
        load_network("timm:seresnet5000")
    with pytest.raises(ArchitectureError, match="not one of timm's"):
        load_network("timm:se_lenet")
    with pytest.raises(CheckpointError, match=r"not a folder that timm can load.*conf"):
        load_network(f"timm:local-dir:{tmp_path}/nothing")
    with pytest.raises(UsageError, match="leave --arch out"):
        load_network("timm:seresnet50", "seresnet50")


def test_random_weights_follow_the_seed_and_leave_torchs_generator_alone():
    before = torch.get_rng_state()

    first, again = (build_network("se_lenet", seed=3) for _ in range(2))
    other = build_network("se_lenet", seed=4)

    assert_same_weights(first.model, again.model)
    assert first.provenance.sha256 == again.provenance.sha256
    assert first.provenance.sha256 != other.provenance.sha256
    assert torch.equal(torch.get_rng_state(), before)


def test_gates_of_random_weights_differ_between_images(image):
    model = build_network("seresnet18").model
    seen = []
    model.layer4[1].se.gate.register_forward_hook(lambda *args: seen.append(args[2]))

    model(image)

    assert (seen[0][0] - seen[0][1]).abs().max() > 1e-3


def test_published_weights_bring_their_own_classes():
    with pytest.raises(UsageError, match="leave num_classes"):
        build_network("seresnet50", pretrained=True, num_classes=4)


def test_class_names_give_the_number_of_classes():
    network = build_network("se_lenet", class_names=["a", "b", "c"])

    assert network.model.fc3.out_features == 3
    assert build_network("seresnet18").class_names.spec == "imagenet-1k"
    with pytest.raises(UsageError, match="4 classes apart, got 2 names"):
        build_network("se_lenet", num_classes=4, class_names=["a", "b"])
    with pytest.raises(UsageError, match="reduction"):
        build_network("se_lenet", options={"depth": 3})
    with pytest.raises(ArchitectureError, match="cannot be built with"):
        build_network("seresnet18", options={"no_such_option": 3})


# --- device --------------------------------------------------------------------------


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


# --- real weights --------------------------------------------------------------------


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
