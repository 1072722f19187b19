"""Our networks by name."""

import json

import pytest
import torch

from se_probe.errors import ArchitectureError, UsageError
from se_probe.models import (
    create_model,
)


def test_unknown_architecture_names_the_nearest():
    with pytest.raises(ArchitectureError, match=r"'se_resnet51'.* mean se_resnet50 or"):
        create_model("se_resnet51")


def test_architecture_unlike_any_lists_them():
    with pytest.raises(ArchitectureError, match=r"There are se_lenet, se_resnet18"):
        create_model("xyz")


def test_unknown_option_names_those_there_are():
    with pytest.raises(UsageError, match=r"squeeze, gate, got integration, ratio"):
        create_model("se_lenet", ratio=4, integration="pre")


def test_no_classes_is_refused():
    with pytest.raises(UsageError, match="at least 1 class, got 0"):
        create_model("se_lenet", 0)


def test_model_says_how_to_build_it_again():
    model = create_model(
        "se_resnet20_cifar", 5, reduction=8, bias=False, stages=(2, 4), gate="tanh"
    )

    facts = json.loads(json.dumps([model.architecture, model.num_classes]))
    options = json.loads(json.dumps(model.options))
    again = create_model(*facts, **options)

    again.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(2, *model.input_size)
    assert again.options == model.options == options
    assert options["integration"] == "standard"  # defaults are written down too
    assert torch.equal(again.eval()(images), model.eval()(images))
