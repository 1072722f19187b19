"""Damaged files: nothing altered is loaded in silence, and nothing ends in a traceback.

Zip members carry sums, and so do our own files. What has none (safetensors of others,
and torch.save before torch 1.6) can at least be refused in one sentence where it does
not hang together.
"""

import json
import random
import sys
import types
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from checkpoint_files import (
    save_before_zip,
    save_exported,
    save_safetensors,
    save_torchscript,
    save_zip,
    seeded,
)
from se_probe.checkpoints import Network, load_network, save_network, weights_sha256
from se_probe.errors import SEProbeError
from se_probe.images import Preprocessing
from se_probe.models import create_model

SEED, N_FILES = 20, 100


class SmallNet(nn.Module):
    """Small enough that every byte of its file is hit now and then."""

    def __init__(self, num_classes: int = 3):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))


def save_own(model: nn.Module, path: Path) -> None:
    del model
    lenet = seeded(lambda: create_model("se_lenet", 3))
    save_network(
        Network(lenet, Preprocessing((1, 28, 28), mean=(0.3,), std=(0.35,))), path
    )


def numpy_arrays(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def save_arrays(model: nn.Module, path: Path) -> None:
    torch.save({"params": numpy_arrays(model)}, path)


def save_npz(model: nn.Module, path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, **numpy_arrays(model))


@dataclass(frozen=True)
class Kind:
    """A kind of file, and whether sums in it tell every change of the weights."""

    save: object
    suffix: str = ".pt"
    has_sums: bool = True
    arch: str | None = "damaged_net:SmallNet"


KINDS = {
    "torch": Kind(save_zip),
    "torch before 1.6": Kind(save_before_zip, has_sums=False),
    "TorchScript": Kind(save_torchscript),
    "torch.export": Kind(save_exported),
    "safetensors": Kind(save_safetensors, has_sums=False),
    "NumPy arrays by torch": Kind(save_arrays),
    "NumPy archive": Kind(save_npz, ".npz"),
    "ours": Kind(save_own, arch=None),
    "ours as safetensors": Kind(save_own, ".safetensors", arch=None),
}


@cache
def small_net() -> nn.Module:
    return seeded(SmallNet)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Cut, with flipped bits, or with bytes inserted."""
    at = rng.randrange(len(data))
    kind = rng.choice(["cut", "flip", "insert"])
    if kind == "cut":
        return data[:at]
    if kind == "insert":
        return data[:at] + rng.randbytes(rng.choice([1, 4, 64])) + data[at:]
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 3])):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.fixture
def damaged_net(monkeypatch):
    """The module that `--arch` names."""
    module = types.ModuleType("damaged_net")
    module.SmallNet = SmallNet
    monkeypatch.setitem(sys.modules, "damaged_net", module)


@pytest.mark.usefixtures("damaged_net")
@pytest.mark.parametrize("name", KINDS)
def test_no_damaged_file_is_loaded_altered_or_ends_in_a_traceback(name, tmp_path):
    kind, rng = KINDS[name], random.Random(SEED)
    whole, path = tmp_path / f"whole{kind.suffix}", tmp_path / f"model{kind.suffix}"
    kind.save(small_net(), whole)
    data = whole.read_bytes()
    right = weights_sha256(load_network(whole, kind.arch).model)
    sentences = []

    for number in range(N_FILES):
        path.write_bytes(mutated(data, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network = load_network(path, kind.arch)
        except SEProbeError as error:
            sentences.append(str(error))
            continue
        if kind.has_sums:
            assert weights_sha256(network.model) == right, number

    assert len(sentences) > N_FILES / 3
    assert not any("\n" in sentence for sentence in sentences)


WRONG = [None, 3, 1.5, True, "x", [], {}, [1], [["a"]], {"a": 1}]


def test_no_fact_of_another_type_in_a_checkpoint_of_ours_ends_in_a_traceback(tmp_path):
    save_own(small_net(), tmp_path / "own.pt")
    content = torch.load(tmp_path / "own.pt", weights_only=True)
    del content["sha256"]
    content["version"] = 1  # which had no sum
    n_refused = 0

    for key in content.keys() - {"format"}:
        for value in WRONG:
            torch.save(content | {key: value}, tmp_path / "model.pt")
            try:
                load_network(tmp_path / "model.pt")
            except SEProbeError:
                n_refused += 1

    assert n_refused > 80


def safetensors_of(header: object, rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


HEADERS = {
    "another type": {"dtype": "F64"},
    "an unknown type": {"dtype": "X9"},
    "a larger shape": {"shape": [2**40]},
    "a negative shape": {"shape": [-4]},
    "no shape": {"shape": None},
    "no place": {"data_offsets": [0, 0]},
    "a place beyond the end": {"data_offsets": [0, 2**50]},
    "words for a place": {"data_offsets": ["a", "b"]},
}


@pytest.mark.usefixtures("damaged_net")
@pytest.mark.parametrize("name", HEADERS)
def test_a_safetensors_header_that_says_nonsense_is_one_sentence(name, tmp_path):
    path = tmp_path / "model.safetensors"
    save_safetensors(small_net(), path)
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["fc.bias"] |= HEADERS[name]
    path.write_bytes(safetensors_of(header, data[end:]))

    with pytest.raises(SEProbeError, match=r"^model.safetensors is damaged \(.*\): c"):
        load_network(path, "damaged_net:SmallNet")


def test_one_flipped_bit_of_a_weight_is_noticed(tmp_path):
    torch.save(small_net().state_dict(), tmp_path / "model.pt")
    data = bytearray((tmp_path / "model.pt").read_bytes())
    weight = small_net().fc.weight.detach().numpy().tobytes()
    data[data.index(weight) + 5] ^= 1
    (tmp_path / "model.pt").write_bytes(data)

    with pytest.raises(SEProbeError, match=r"damaged.*data.*copy or download it again"):
        load_network(tmp_path / "model.pt", "damaged_net:SmallNet")


@pytest.mark.usefixtures("damaged_net")
def test_a_file_that_was_written_without_sums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(small_net().state_dict(), tmp_path / "model.pt")
    finally:
        torch.serialization.set_crc32_options(True)

    network = load_network(tmp_path / "model.pt", "damaged_net:SmallNet")

    assert weights_sha256(network.model) == weights_sha256(small_net())
