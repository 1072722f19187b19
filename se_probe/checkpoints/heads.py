"""How many classes and channels a network has, read off its weights."""

import re
from collections.abc import Mapping

import timm
import torch
from torch import Tensor

__all__ = ["can_be_headless", "count_channels", "count_classes"]

# Names of classifiers, in those networks that do not declare theirs.
_HEAD = re.compile(
    r"(fc\d*|_fc|last_linear|linear|classifier|head|heads)(\.\w+)*\.weight"
)


def count_classes(arch: str, tensors: Mapping[str, Tensor]) -> int | None:
    """Rows of the classifier's weight among a network's weights; None if not found."""
    declared = _declared_layer(arch, "classifier")
    if declared in tensors:
        return len(tensors[declared])
    heads = [
        name
        for name, tensor in tensors.items()
        if _HEAD.fullmatch(name) and tensor.ndim in {2, 4}
    ]
    return len(tensors[max(heads, key=_numbers)]) if heads else None


def can_be_headless(arch: str) -> bool:
    """Whether a network can be built without its classifier: timm's with one can."""
    return _declared_layer(arch, "classifier") not in {"", ".weight"}


def count_channels(arch: str, tensors: Mapping[str, Tensor]) -> int | None:
    """Channels of a timm network's images, from its first layer; None if not found."""
    declared = _declared_layer(arch, "first_conv")
    if declared not in tensors:
        return None
    channels = tensors[declared].shape[1]
    if channels in {1, 3}:
        return channels
    with torch.device("meta"):  # shapes only
        usual = timm.create_model(arch, pretrained=False)
    return 3 if usual.state_dict()[declared].shape[1] == channels else channels


def _declared_layer(arch: str, kind: str) -> str:
    """Weight of what timm calls `classifier` or `first_conv`; "" for no timm name."""
    if not timm.is_model(arch):
        return ""
    layer = getattr(timm.get_pretrained_cfg(arch), kind)
    first = layer if isinstance(layer, str) or not layer else layer[0]
    return f"{first}.weight"


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]
