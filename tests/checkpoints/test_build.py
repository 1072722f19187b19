"""Networks by name."""

import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from checkpoint_files import (
    TINY,
    assert_same_function,
    assert_same_weights,
    seeded,
)
from se_probe.checkpoints import (
    build_network,
    load_network,
    weights_sha256,
)
from se_probe.errors import ArchitectureError, CheckpointError, UsageError


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


def test_a_first_layer_that_takes_tiles_of_pixels_has_images_of_three_channels(
    tmp_path,
):
    model = timm.create_model("tresnet_m", num_classes=3)
    torch.save(model.state_dict(), tmp_path / "tresnet.pt")

    network = load_network(tmp_path / "tresnet.pt", "tresnet_m")

    assert network.preprocessing.input_size == (3, 224, 224)
    assert "in_chans" not in network.options
