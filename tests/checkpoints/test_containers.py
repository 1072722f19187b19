"""Files are read whatever they are called, and nothing in them is run."""

import io
import json
import os
import pickle
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from checkpoint_files import (
    TINY,
    assert_same_weights,
    save_before_zip,
    save_exported,
    save_older_export,
    save_safetensors,
    save_torchscript,
    save_zip,
)
from se_probe.checkpoints import (
    load_network,
)
from se_probe.checkpoints.containers import read_container
from se_probe.errors import CheckpointError


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
        (first_part(save_zip), "is damaged .its end is missing.: copy or download"),
        (first_part(save_before_zip), r"is damaged \(.*\): copy or download it again"),
        (first_part(save_safetensors), r"is damaged \(.*\): copy or download it again"),
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
