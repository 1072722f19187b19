"""Removing SE blocks: what is left computes what it should, or says why not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from networks import (
    SIDE,
    assert_same_logits,
    blocks_of,
    built,
    frozen_logits,
    lively,
    logits,
    pictures,
    places,
    random_gates,
)
from se_probe.checkpoints import (
    ChannelScale,
    Network,
    Provenance,
    build_network,
    load_network,
    save_network,
    weights_sha256,
)
from se_probe.errors import BlockError, BlockNameError, CheckpointError
from se_probe.evaluation import held_out
from se_probe.images import Preprocessing, open_images
from se_probe.interventions import least_squares_constants
from se_probe.models import SEBlock, count_macs, count_parameters
from se_probe.pruning import drop_se_blocks
from se_probe.record import record_gates


@pytest.mark.parametrize(
    ("arch", "block", "folded_into"),
    [
        ("seresnet18", "layer4.1.se", "layer4.1.bn2"),
        ("seresnext26d_32x4d", "layer2.0.se", "layer2.0.bn3"),
        ("legacy_seresnet18", "layer1.0.se_module", "layer1.0.bn2"),
        ("regnety_002", "s3.b4.se", "s3.b4.conv3.conv"),
        ("efficientnet_b0", "blocks.0.0.se", "blocks.0.0.conv_pw"),
        ("tf_efficientnetv2_b0", "blocks.3.0.se", "blocks.3.0.conv_pwl"),
        ("mobilenetv3_small_100", "blocks.4.2.se", "blocks.4.2.conv_pwl"),
        ("ghostnet_100", "blocks.4.0.se", "blocks.4.0.ghost2.primary_conv.0"),
        ("semnasnet_100", "blocks.2.0.se", "blocks.2.0.conv_pwl"),
        ("rexnet_100", "features.3.se", "features.3.conv_dw.bn"),
        (
            "torchvision:mobilenet_v3_small",
            "features.1.block.1",
            "features.1.block.2.0",
        ),
        ("se_resnet18", "layer3.0.se", "layer3.0.bn2"),
        ("se_lenet", "se", "fc1"),
    ],
)
def test_a_folded_network_computes_what_the_frozen_one_does(arch, block, folded_into):
    network = built(arch)
    images, blocks = pictures(network), blocks_of(network)
    gates = random_gates(blocks)
    before = weights_sha256(network.model)

    folded = drop_se_blocks(network, ["*"], "frozen", constants=gates)

    expected = frozen_logits(network, gates, images)
    assert_same_logits(logits(folded, images), expected)
    assert (expected - logits(network, images)).abs().max() > 1e-3, "no gate varies"
    assert places(folded)[block] == folded_into
    assert places(folded).keys() == gates.keys()
    for path, into in places(folded).items():
        left = ChannelScale if into == "scale" else nn.Identity
        assert isinstance(folded.model.get_submodule(path), left)
    saved = sum(block.parameters for block in blocks)
    assert count_parameters(folded.model) == count_parameters(network.model) - saved
    assert weights_sha256(network.model) == before


def test_folding_is_exact_but_for_rounding():
    network = built("se_resnet20_cifar", 32, options={"reduction": 4})
    network.model.double()
    images, gates = pictures(network), random_gates(blocks_of(network))

    folded = drop_se_blocks(network, ["*"], "frozen", constants=gates)

    expected = frozen_logits(network, gates, images)
    assert_same_logits(logits(folded, images), expected, 1e-13)


# --- what is removed -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "parameters"),
    [(["SE_5_*"], 26_508_632), (["SE_5_2", "layer4.2.se"], 27_035_096)],
)
def test_parameters_without_stage_5_are_the_papers(blocks, parameters):
    network = build_network("seresnet50")
    small = replace(network, preprocessing=Preprocessing((3, SIDE, SIDE)))

    pruned = drop_se_blocks(small, blocks, "identity")

    assert count_parameters(pruned.model) == parameters
    removed = pruned.provenance.removed_blocks
    saved = sum(block["parameters"] for block in removed)
    assert saved == count_parameters(network.model) - parameters
    saved = sum(block["macs"] for block in removed)
    size = (3, SIDE, SIDE)
    assert saved == count_macs(network.model, size) - count_macs(pruned.model, size)


def test_identity_is_the_gate_one(cifar):
    images, blocks = pictures(cifar), blocks_of(cifar)

    pruned = drop_se_blocks(cifar, ["SE_3_*"], "identity")

    ones = {b.path: np.ones(b.channels) for b in blocks if b.stage == 3}
    assert_same_logits(logits(pruned, images), frozen_logits(cifar, ones, images))
    assert [b.name for b in blocks_of(pruned)] == [
        b.name for b in blocks if b.stage != 3
    ]
    assert places(pruned) == dict.fromkeys(ones)
    assert not pruned.notes


def test_the_original_is_left_as_it_was(cifar):
    cifar.model.train()
    cifar.model.layer1.eval()
    modes = [module.training for module in cifar.model.modules()]
    before = weights_sha256(cifar.model)

    pruned = drop_se_blocks(
        cifar, ["*"], "frozen", constants=random_gates(blocks_of(cifar))
    )

    assert [module.training for module in cifar.model.modules()] == modes
    assert weights_sha256(cifar.model) == before
    assert not any(m._forward_hooks for m in cifar.model.modules())
    assert not any(m._forward_hooks for m in pruned.model.modules())
    assert pruned.model.layer2.training
    assert not pruned.model.layer1[0].se.training
    assert cifar.provenance.removed_blocks == ()


def test_metrics_of_the_original_are_not_those_of_the_pruned_network(cifar):
    data = {"name": "cifar10"}
    known = Provenance("net.pt", "abc", data, 3, {"top1": 0.9})

    pruned = drop_se_blocks(
        replace(cifar, provenance=known), ["SE_2_1"], "identity"
    ).provenance

    assert (pruned.metrics, pruned.data, pruned.seed) == ({}, data, 3)
    assert (pruned.checkpoint, pruned.sha256 != "abc") == ("net.pt", True)


def test_networks_can_be_pruned_twice(cifar):
    first = drop_se_blocks(cifar, ["layer1.0.se"], "identity")

    second = drop_se_blocks(first, ["layer3.2.se"], "identity")

    assert places(second) == {"layer1.0.se": None, "layer3.2.se": None}


def test_what_is_kept_and_that_nothing_is_left_is_said(cifar):
    gates = random_gates(blocks_of(cifar))

    pruned = drop_se_blocks(cifar, ["*"], "frozen", constants=gates)

    into = places(pruned)
    assert into["layer2.0.se"] == "layer2.0.downsample.1"
    kept = [path for path, place in into.items() if place == "scale"]
    assert len(pruned.notes) == len(kept) + 1
    assert pruned.notes[0] == (
        f"SE_2_1 ({kept[0]}) stays as a scale of 16 numbers: its product goes into add"
    )
    assert pruned.notes[-1] == "no SE block is left in the network"


@pytest.mark.parametrize("how", ["identity", "frozen"])
def test_a_pruned_network_is_loaded_bit_for_bit(how, cifar, tmp_path):
    constants = random_gates(blocks_of(cifar)) if how == "frozen" else None
    pruned = drop_se_blocks(cifar, ["SE_[34]_*"], how, constants=constants)
    save_network(pruned, tmp_path / "pruned.pt")

    loaded = load_network(tmp_path / "pruned.pt")

    images = pictures(cifar)
    assert loaded.provenance.removed_blocks == pruned.provenance.removed_blocks
    assert weights_sha256(loaded.model) == weights_sha256(pruned.model)
    pruned.model.to(memory_format=torch.channels_last)  # as loaded networks are
    assert torch.equal(logits(loaded, images), logits(pruned, images))


def test_a_pruned_network_can_be_recorded(cifar, photos, tmp_path):
    gates = random_gates(blocks_of(cifar))
    pruned = drop_se_blocks(cifar, ["SE_[34]_*"], "frozen", constants=gates)
    images = open_images(photos, pruned.preprocessing, batch_size=4)

    record = record_gates(pruned, images, out=tmp_path / "run.zarr")

    assert {str(name) for name in record["block"].values} == {
        "SE_2_1",
        "SE_2_2",
        "SE_2_3",
    }
    assert record.attrs["removed_blocks"][0]["path"] == "layer2.0.se"
    bare = drop_se_blocks(pruned, ["*"], "identity")
    with pytest.raises(BlockError, match="has no SE blocks"):
        blocks_of(bare)


# --- names that stay, images that are remembered, broken weights ---------------------


def four_blocks() -> Network:
    """Two blocks in each of stages 1 and 2, in a network that is not ResNet-shaped."""
    torch.manual_seed(0)
    widths = [3, 8, 8, 8, 8]
    layers = [
        nn.Sequential(nn.Conv2d(n, m, 3, 1 + i % 2, 1), SEBlock(m, 2), nn.ReLU())
        for i, (n, m) in enumerate(pairwise(widths))
    ]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    model = lively(nn.Sequential(*layers, *head), (3, 16, 16))
    return Network(model, Preprocessing((3, 16, 16)))


def test_the_blocks_that_stay_keep_their_names():
    network = four_blocks()
    before = {b.path: b.name for b in blocks_of(network)}
    assert list(before.values()) == ["SE_0_1", "SE_1_1", "SE_1_2", "SE_2_1"]

    first = drop_se_blocks(network, ["SE_1_1"], "identity")
    second = drop_se_blocks(first, ["SE_1_2"], "identity")

    left = {b.path: b.name for b in blocks_of(second)}
    assert left == {path: before[path] for path in ("0.1", "3.1")}
    removed = [b["name"] for b in second.provenance.removed_blocks]
    assert removed == ["SE_1_1", "SE_1_2"]


def test_a_block_that_is_gone_is_not_mistaken_for_another():
    pruned = drop_se_blocks(four_blocks(), ["SE_1_1"], "identity")

    with pytest.raises(BlockNameError, match="SE_1_1 was removed already; 3 SE blocks"):
        drop_se_blocks(pruned, ["SE_1_1"], "identity")
    bare = drop_se_blocks(pruned, ["*"], "identity")
    with pytest.raises(BlockNameError, match="already; no SE block is left"):
        drop_se_blocks(bare, ["SE_2_*"], "identity")


def test_images_calibrate_by_least_squares_and_say_so(lenet, digits):
    frozen = drop_se_blocks(lenet, ["se"], images=digits)

    expected = least_squares_constants(lenet, digits, blocks_of(lenet))
    images = pictures(lenet)
    by_hand = frozen_logits(lenet, {"se": expected["SE_2_1"].numpy()}, images)
    assert_same_logits(logits(frozen, images), by_hand)
    (entry,) = frozen.provenance.removed_blocks
    assert entry["constants"] == "least squares, front to back"
    assert entry["n_images"] == len(digits)
    assert f"constants from {len(digits)} images" in frozen.notes[0]


def test_images_are_taken_where_a_record_is_given_too(lenet, digits):
    gates = record_gates(lenet, digits)

    frozen = drop_se_blocks(lenet, ["se"], gates=gates, images=digits)

    (entry,) = frozen.provenance.removed_blocks
    assert entry["constants"] == "least squares, front to back"


def test_a_record_alone_freezes_at_its_means(lenet, digits):
    frozen = drop_se_blocks(lenet, ["se"], gates=record_gates(lenet, digits))

    (entry,) = frozen.provenance.removed_blocks
    assert (entry["how"], entry["constants"]) == ("frozen", "mean")


def test_the_preprocessing_that_calibrated_is_that_of_the_result(cifar, photos):
    larger = replace(cifar.preprocessing, input_size=(3, 40, 40))
    images = open_images(photos, larger)

    frozen = drop_se_blocks(cifar, ["SE_2_1"], images=images)

    assert frozen.preprocessing.input_size == (3, 40, 40)


def test_calibrating_images_are_remembered_by_their_bytes(cifar, photos, tmp_path):
    images = open_images(photos, cifar.preprocessing)

    frozen = drop_se_blocks(cifar, ["SE_2_1"], images=images)

    seen = frozen.provenance.seen_images["calibrating"]
    assert set(seen) == set(images.image_ids)
    photos.rename(tmp_path / "other")
    renamed = open_images(tmp_path / "other", cifar.preprocessing)
    unseen = held_out(renamed, [frozen])
    assert (unseen.n_seen, len(unseen.images)) == (20, 20)
    assert "all 20 images were used" in unseen.note


def test_weights_that_hold_nan_are_named(cifar):
    with torch.no_grad():
        cifar.model.layer2[0].conv1.weight[0, 0, 0, 0] = float("nan")

    with pytest.raises(CheckpointError, match=r"hold NaN .*layer2\.0\.conv1\.weight"):
        drop_se_blocks(cifar, ["SE_2_1"], "identity")


@pytest.mark.parametrize("is_old", [False, True])
def test_names_and_seen_images_are_kept_in_the_file(is_old, photos, tmp_path):
    network = built("mobilenetv3_small_100")
    before = {b.path: b.name for b in blocks_of(network)}
    first = next(iter(before.values()))
    images = open_images(photos, network.preprocessing)
    pruned = drop_se_blocks(network, [first], images=images)
    save_network(pruned, tmp_path / "pruned.pt")
    if is_old:
        as_earlier_versions_wrote(tmp_path / "pruned.pt")

    loaded = load_network(tmp_path / "pruned.pt")

    left = {b.path: b.name for b in blocks_of(loaded)}
    assert left.items() < before.items()
    assert loaded.provenance.removed_blocks[0]["how"] == "frozen"
    if not is_old:
        assert loaded.provenance.seen_images == pruned.provenance.seen_images


def as_earlier_versions_wrote(path):
    """Take out of a checkpoint what was not in it before names were kept."""
    content = torch.load(path)
    for key in ("block_names", "seen_images", "sha256"):
        content.pop(key, None)
    content["version"] = 1
    content["removed_blocks"][0]["how"] = "constant"
    torch.save(content, path)


# --- the way back --------------------------------------------------------------------


CONTAINERS = {
    "a state dict": lambda model, path: torch.save(model.state_dict(), path),
    "a trainer's": lambda model, path: torch.save(
        {"epoch": 3, "state_dict": prefixed(model), "optimizer": {}}, path
    ),
    "TorchScript": lambda model, path: torch.jit.trace(model, IMAGES).save(path),
    "torch.export": lambda model, path: torch.export.save(
        torch.export.export(model, (IMAGES,), strict=False), path
    ),
}
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def prefixed(model):
    return {f"module.{name}": tensor for name, tensor in model.state_dict().items()}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("container", CONTAINERS)
def test_weights_trained_elsewhere_come_back(container, cifar, tmp_path):
    gates = random_gates(blocks_of(cifar))
    pruned = drop_se_blocks(cifar, ["SE_[24]_*"], "frozen", constants=gates)
    assert "scale" in places(pruned).values()
    save_network(pruned, tmp_path / "small.pt")
    with torch.no_grad():
        for parameter in pruned.model.parameters():
            parameter.mul_(1.01)
    CONTAINERS[container](pruned.model, tmp_path / "tuned.bin")

    tuned = load_network(tmp_path / "tuned.bin", like=tmp_path / "small.pt")

    assert_same_logits(logits(tuned, IMAGES), logits(pruned, IMAGES))
    assert tuned.provenance.checkpoint == "tuned.bin"
    assert tuned.provenance.removed_blocks == pruned.provenance.removed_blocks
    assert {b.name for b in blocks_of(tuned)} == {b.name for b in blocks_of(pruned)}


def test_a_plan_is_one_of_our_own_checkpoints(lenet, tmp_path):
    torch.save(lenet.model.state_dict(), tmp_path / "weights.pt")

    with pytest.raises(CheckpointError, match="no checkpoint of se_probe, so it holds"):
        load_network(tmp_path / "weights.pt", like=tmp_path / "weights.pt")
