"""Our own checkpoints."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from checkpoint_files import (
    TINY,
    assert_same_function,
    assert_same_weights,
)
from se_probe.checkpoints import (
    ChannelScale,
    Network,
    Provenance,
    build_network,
    load_network,
    save_network,
)
from se_probe.errors import ArchitectureError, CheckpointError, UsageError
from se_probe.images import Preprocessing


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


def test_safetensors_hold_all_that_is_needed_in_their_header(lenet, tmp_path):
    path = tmp_path / "model.safetensors"

    save_network(lenet, path)
    save_network(load_network(path), tmp_path / "again.safetensors")

    loaded = load_network(path)
    weights = load_file(path)
    assert weights.keys() == lenet.model.state_dict().keys()
    assert all(torch.equal(t, lenet.model.state_dict()[k]) for k, t in weights.items())
    assert_same_weights(loaded.model, lenet.model)
    assert loaded.facts() | {"sha256": "", "checkpoint": ""} == lenet.facts()
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


@pytest.mark.parametrize("change", [{"seed": 8}, {"class_names": ["a", "b", "c"]}])
def test_what_was_changed_after_saving_is_noticed(change, lenet, tmp_path):
    save_network(lenet, tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(content | change, tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match=r"damaged \(the checksum of its content"):
        load_network(tmp_path / "model.pt")


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
        {"name": "SE_5_2", "path": paths[1], "how": "frozen"},
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
    block = {"path": "se", "how": "frozen", "folded_into": "scale"}
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
            {"path": "se", "how": "frozen", "folded_into": "scale"},
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
        ({"version": 99}, "version 99, this se_probe reads versions up to 2"),
        ({"options": None}, "options has the wrong type"),
        ({"weights": {}}, "does not fit its own se_lenet"),
        ({"architecture": "se_lenet9"}, "no architecture 'se_lenet9'"),
    ],
)
def test_a_file_of_ours_that_does_not_hang_together(change, message, lenet, tmp_path):
    save_network(lenet, tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(content | {"version": 1} | change, tmp_path / "model.pt")

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


def test_what_is_not_plain_is_not_saved(lenet, tmp_path):
    odd = replace(lenet, provenance=Provenance(metrics={"top1": np.ones(2)}))

    with pytest.raises(UsageError, match=r"plain numbers.*ndarray"):
        save_network(odd, tmp_path / "b.pt")
    assert not list(tmp_path.iterdir())
