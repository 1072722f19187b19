"""How images are prepared for the weights of an architecture."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import torchvision
from timm.data.config import resolve_data_config
from timm.layers.space_to_depth import SpaceToDepth
from torch import nn

from se_probe.checkpoints.architectures import TORCHVISION_PREFIX
from se_probe.images import Preprocessing, default_preprocessing

__all__ = ["preprocessing_of"]


def preprocessing_of(
    arch: str, model: nn.Module, settings: Mapping[str, Any] | None = None
) -> Preprocessing:
    """Preprocessing that an architecture's weights are made for.

    Parameters
    ----------
    arch : str
        A canonical name.
    model : nn.Module
    settings : mapping, optional
        Arguments of timm's training script, where the checkpoint holds them.

    Returns
    -------
    Preprocessing
        timm's data configuration; of torchvision's networks that of their default
        weights; of others ImageNet's at the network's `input_size` (side 224 where it
        has none), MNIST's at 28 x 28 in grey, CIFAR-10's at 32 x 32.
    """
    if isinstance(getattr(model, "pretrained_cfg", None), dict):
        config = resolve_data_config(  # type: ignore[no-untyped-call]
            dict(settings or {}), model=model
        )
        return Preprocessing.from_dict(_for_channels(config, _channels_in(model)))
    if arch.startswith(TORCHVISION_PREFIX):
        weights = torchvision.models.get_model_weights(
            arch.removeprefix(TORCHVISION_PREFIX)
        )
        return Preprocessing.from_torchvision(weights.DEFAULT.transforms())
    channels, *sides = _input_size(model)
    if (channels, *sides) == (1, 28, 28):
        return default_preprocessing("mnist")
    if (channels, *sides) == (3, 32, 32):
        return default_preprocessing("cifar10")
    config = {"input_size": (3, *sides), "interpolation": "bilinear"}
    return Preprocessing.from_dict(_for_channels(config, channels))


def _input_size(model: nn.Module) -> tuple[int, ...]:
    declared = getattr(model, "input_size", None)
    if isinstance(declared, tuple) and len(declared) == 3:
        return declared
    return _channels_in(model), 224, 224


def _channels_in(model: nn.Module) -> int:
    convolutions = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    first = next(convolutions, None)
    if first is None:
        return 3
    # timm's TResNets put the pixels of a tile into the channels first.
    tiles = (m.bs for m in model.modules() if isinstance(m, SpaceToDepth))
    return first.in_channels // next(tiles, 1) ** 2


def _for_channels(config: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """Configuration for another number of channels: mean and sd of all three."""
    plain = Preprocessing.from_dict(config)
    if channels == len(plain.mean):
        return dict(config)
    return dict(config) | {
        "input_size": (channels, *plain.input_size[1:]),
        "mean": (fmean(plain.mean),) * channels,
        "std": (fmean(plain.std),) * channels,
    }
