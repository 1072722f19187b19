"""What is left of the blocks that were removed from a network."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.blocks import find_se_blocks
from se_probe.errors import CheckpointError

__all__ = ["ChannelScale", "names_of_blocks", "take_out_blocks"]


class ChannelScale(nn.Module):
    """What is left of a block whose frozen gates no other weights can take up.

    Parameters
    ----------
    scale : Tensor, shape (channels, 1, 1), or (channels,) for channels-last maps
        With a 1 for each axis of positions. The gates; a buffer, so that they are saved
        and not trained.
    """

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """Feature map with each channel multiplied by its constant gate."""
        return x * self.scale


def names_of_blocks(
    model: nn.Module, input_size: tuple[int, ...]
) -> tuple[tuple[str, str, int], ...]:
    """Name, path and occurrence of each block of a network that is still whole.

    Parameters
    ----------
    model : nn.Module
    input_size : tuple of int, (channels, height, width)

    Returns
    -------
    tuple of (str, str, int)
    """
    noise = torch.randn(2, *input_size, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        # Fresh weights may give the same gates for both images.
        warnings.simplefilter("ignore", UserWarning)
        blocks = find_se_blocks(model, noise)
    return tuple((block.name, block.path, block.occurrence) for block in blocks)


def take_out_blocks(
    model: nn.Module, removed: Sequence[Mapping[str, Any]], name: str
) -> None:
    """Replace the blocks that were removed from a network, before its weights come.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    removed : sequence of mapping
        `path` of each block and `how` it was removed: "identity" left it out,
        "frozen" holds its gates at constants. With `folded_into` "scale" they stay as
        a :class:`ChannelScale` of `shape`; otherwise nothing is left of the block.
    name : str
        What messages call the file.

    Raises
    ------
    CheckpointError
        If a block is not there, or was removed in a way that is not known.
    """
    for block in removed:
        path, how = block.get("path", ""), block.get("how")
        if how not in {"identity", "frozen"}:
            raise CheckpointError(
                f"{name} says that {path} was removed by {how!r}, which this se_probe "
                "does not know: install the se_probe that wrote it"
            )
        left = _what_is_left(block, name)
        try:
            model.set_submodule(path, left, strict=True)
        except (AttributeError, ValueError) as error:
            raise CheckpointError(
                f"{name} says that {path!r} was removed, but its architecture has no "
                "such module"
            ) from error


def _what_is_left(block: Mapping[str, Any], name: str) -> nn.Module:
    if block.get("folded_into") != "scale":
        return nn.Identity()
    shape = block.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise CheckpointError(
            f"{name} keeps the gates of {block['path']} as a scale without saying its "
            f"shape (it says {shape}): save it again"
        )
    return ChannelScale(torch.ones(shape))
