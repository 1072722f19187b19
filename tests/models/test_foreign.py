"""Weights of other projects."""

import pytest
import torch

from foreign_networks import (
    MiraclewkfBasicBlock,
    MiraclewkfBottleneck,
    MoskomuleBasicBlock,
    MoskomuleBottleneck,
    MoskomuleCifar,
    resnet,
)
from model_probes import on_meta, shake
from se_probe.models import create_model, recognise

FOREIGN = {
    "moskomule 50 with bias": (
        lambda: resnet(MoskomuleBottleneck, [3, 4, 6, 3]),
        "se_resnet50",
        True,
    ),
    "moskomule 18": (
        lambda: resnet(MoskomuleBasicBlock, [2, 2, 2, 2]),
        "se_resnet18",
        False,
    ),
    "moskomule CIFAR": (lambda: MoskomuleCifar(3, 6), "se_resnet20_cifar", False),
    "miraclewkf 18": (
        lambda: resnet(MiraclewkfBasicBlock, [2, 2, 2, 2]),
        "se_resnet18",
        True,
    ),
    "miraclewkf ResNeXt": (
        lambda: resnet(
            MiraclewkfBottleneck, [3, 4, 6, 3], groups=32, width_per_group=4
        ),
        "se_resnext50_32x4d",
        True,
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_converted_weights_give_the_logits_of_the_foreign_network(name):
    build, arch, bias = FOREIGN[name]
    theirs = shake(build())
    images = torch.randn(2, 3, 64, 64)

    layout = recognise(theirs.state_dict())
    ours = create_model(layout.architecture, layout.num_classes, **layout.options)
    ours.load_state_dict(layout.convert(theirs.state_dict()), strict=True)

    assert layout.project.startswith(name.split()[0])
    assert (layout.architecture, layout.num_classes) == (arch, 6)
    assert layout.options == {"reduction": 16, "bias": bias}
    torch.testing.assert_close(ours.eval()(images), theirs(images))


def test_conversion_leaves_the_foreign_weights_as_they_are():
    theirs = MoskomuleCifar(3, 6).state_dict()
    before = {key: tensor.shape for key, tensor in theirs.items()}

    recognise(theirs).convert(theirs)

    assert {key: tensor.shape for key, tensor in theirs.items()} == before


def test_our_own_weights_are_no_foreign_layout():
    assert recognise(on_meta("se_resnet50").state_dict()) is None


def test_convolutions_under_the_same_names_are_no_foreign_layout():
    # kuangliu/pytorch-cifar has 1x1 convolutions where miraclewkf has linear layers.
    weights = resnet(MiraclewkfBasicBlock, [2, 2, 2, 2]).state_dict()

    widened = {
        key: w[:, :, None, None] if ".fc" in key and w.ndim == 2 else w
        for key, w in weights.items()
    }

    assert recognise(widened) is None


def test_a_depth_that_nobody_published_is_no_foreign_layout():
    assert recognise(resnet(MiraclewkfBasicBlock, [1, 2, 2, 1]).state_dict()) is None


def test_weights_without_a_head_are_no_foreign_layout():
    weights = MoskomuleCifar(3, 6).state_dict()
    del weights["fc.weight"]

    assert recognise(weights) is None
