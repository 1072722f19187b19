"""Which network a file is of: taken where it is beyond doubt, asked for elsewhere."""

import pytest
import timm
import torch
import torchvision
from torch import nn

from checkpoint_files import (
    TINY,
    assert_same_function,
    assert_same_weights,
    prefixed,
    save_zip,
    seeded,
    timm_trainer_file,
)
from se_probe.checkpoints import (
    load_network,
)
from se_probe.checkpoints.layouts import evidence_in_names
from se_probe.errors import ArchitectureError, CheckpointError
from se_probe.models import create_model


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
