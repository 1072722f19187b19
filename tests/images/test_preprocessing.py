"""How pictures are prepared: as timm and torchvision do."""

import json

import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from torchvision.models import EfficientNet_B4_Weights, ResNet50_Weights

from pictures import noise_picture
from se_probe.errors import ImagesError
from se_probe.images import (
    Preprocessing,
    default_preprocessing,
    open_images,
)


@pytest.mark.parametrize("name", ["seresnet50.a1_in1k", "nextvit_base", "eca_nfnet_l0"])
def test_preprocessing_is_that_of_timm(name):
    config = timm.get_pretrained_cfg(name).to_dict()
    picture = noise_picture(size=(330, 260))

    pixels = Preprocessing.from_dict(config).transform()(picture)

    resolved = resolve_model_data_config(None, pretrained_cfg=config)
    assert torch.equal(pixels, create_transform(**resolved)(picture))


@pytest.mark.parametrize(
    "weights", [ResNet50_Weights.IMAGENET1K_V2, EfficientNet_B4_Weights.IMAGENET1K_V1]
)
def test_preprocessing_is_that_of_torchvision(weights):
    picture = noise_picture(size=(500, 420))

    pixels = Preprocessing.from_torchvision(weights.transforms()).transform()(picture)

    assert torch.equal(pixels, weights.transforms()(picture))


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
def test_greyscale_pictures_become_one_channel(crop_mode):
    grey = Preprocessing(
        (1, 8, 8), crop_pct=1.0, crop_mode=crop_mode, mean=(0.5,), std=(0.25,)
    )

    pixels = grey.transform()(Image.new("L", (20, 10), 255))

    assert pixels.shape == (1, 8, 8)
    assert pixels.dtype == torch.float32
    assert pixels[0, 4, 4] == 2.0


def test_preprocessing_survives_json():
    preprocessing = default_preprocessing("cifar10")

    text = json.dumps(preprocessing.as_dict())

    assert Preprocessing.from_dict(json.loads(text)) == preprocessing


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"input_size": ()}, "input_size must hold whole numbers from 1"),
        ({"input_size": (3, 0, 8)}, "input_size must hold whole numbers from 1"),
        ({"mean": (0.5,)}, "mean must hold 3 numbers"),
        ({"std": (0.2, 0.2, 0.0)}, "std must be above 0"),
        ({"crop_pct": 0.0}, "crop_pct must be above 0"),
        ({"interpolation": "random"}, "interpolation must be one of nearest"),
        ({"crop_mode": "centre"}, "crop_mode must be one of center"),
    ],
)
def test_unusable_preprocessing_is_refused(bad, sentence):
    with pytest.raises(ImagesError, match=sentence):
        Preprocessing(**bad)


def test_default_preprocessing_has_the_mean_of_its_training_pictures():
    preprocessing = default_preprocessing("digits")

    images = open_images("digits", preprocessing, split="train", batch_size=1297)

    assert images.batch(0).mean().item() == pytest.approx(0, abs=0.01)
    assert images.batch(0).std().item() == pytest.approx(1, abs=0.01)


def test_default_preprocessing_of_an_unknown_name_is_refused():
    with pytest.raises(ImagesError, match="only for scenes, digits, mnist"):
        default_preprocessing("imagenet")


@pytest.mark.parametrize("shape", [(4, 8, 8), (2, 100), (1, 8, 8, 8), (12,)])
def test_other_inputs_than_pictures_are_described_and_not_prepared(shape):
    preprocessing = Preprocessing(shape)

    assert (preprocessing.mean, preprocessing.std) == ((), ())
    assert Preprocessing.from_dict(preprocessing.as_dict()) == preprocessing
    for prepare in (preprocessing.transform, lambda: preprocessing.mode):
        with pytest.raises(ImagesError, match=r"give a torch Dataset of \(tensor, lab"):
            prepare()
