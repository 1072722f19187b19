"""Weights files in the forms that are in use, and what they should give back."""

import argparse
import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

TINY = "test_efficientnet"


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


@torch.inference_mode()
def assert_same_function(model: nn.Module, other: nn.Module, x: torch.Tensor) -> None:
    torch.testing.assert_close(model(x), other(x), rtol=1e-4, atol=1e-5)


def assert_same_weights(model: nn.Module, other: nn.Module) -> None:
    expected, loaded = other.state_dict(), model.state_dict()
    assert loaded.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(loaded[name], tensor), name


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


def prefixed(model: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in model.state_dict().items()}


def timm_trainer_file(model: nn.Module, arch: str, **settings) -> dict:
    return {
        "epoch": 9,
        "arch": arch,
        "version": 2,
        "args": argparse.Namespace(model=arch, **settings),
        "state_dict": model.state_dict(),
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(3)}}},
    }
