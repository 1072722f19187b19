"""Block names as in the paper: ``SE_{stage}_{number}``, both counted from 1.

Hu, Shen, Sun. CVPR 2018, section 7.2 (journal version).
https://arxiv.org/abs/1709.01507
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from torch import Size, nn

from se_probe.blocks.watch import unwrap

__all__ = [
    "keep_names",
    "kept_names",
    "kept_stages_and_numbers",
    "stages_and_numbers",
    "stride",
]

# Attribute of a model in which the names of its blocks are kept. Numbers run within a
# stage, so without it a block that is removed would change the names of later ones.
_KEPT = "se_probe_block_names"

# ResNet-shaped networks: the third block of `layer1` is the paper's SE_2_3.
_LAYER = re.compile(r"(?:^|\.)layer(\d)\.(\d+)(?:\.|$)")


def stages_and_numbers(
    paths: Sequence[str], strides: Sequence[float]
) -> list[tuple[int, int]]:
    """Stage and number of each block, in network order.

    Parameters
    ----------
    paths : sequence of str
        Module paths. If all lie in `layer{k}.{j}`, each in one of its own, the stage
        is k + 1 and the number j + 1.
    strides : sequence of float
        Side of the network's input divided by the side of the block's feature map.
        Otherwise the stage is its base-2 logarithm, rounded, and numbers run within
        the stage.

    Returns
    -------
    list of (int, int)

    Examples
    --------
    >>> stages_and_numbers(["layer1.0.se", "layer3.5.se"], [4, 16])
    [(2, 1), (4, 6)]
    >>> stages_and_numbers(["blocks.0.se", "blocks.1.se"], [4.1, 3.9])
    [(2, 1), (2, 2)]
    """
    matches = [_LAYER.search(path) for path in paths]
    named = [(int(m[1]) + 1, int(m[2]) + 1) for m in matches if m]
    if len(named) == len(paths) == len(set(named)):
        return named
    counted: Counter[int] = Counter()
    numbered = []
    for ratio in strides:
        stage = max(round(math.log2(ratio)), 0)
        counted[stage] += 1
        numbered.append((stage, counted[stage]))
    return numbered


def keep_names(model: nn.Module, names: Sequence[tuple[str, str, int]]) -> None:
    """Let the blocks of a model keep their names, whatever is removed from it.

    Parameters
    ----------
    model : nn.Module
        Gets an attribute of Python's, which copies of it have too.
    names : sequence of (str, str, int)
        Name, path and occurrence of each block, as in
        :class:`~se_probe.blocks.FoundBlock`.
    """
    setattr(unwrap(model), _KEPT, tuple(names))


def kept_names(model: nn.Module) -> tuple[tuple[str, str, int], ...]:
    """What :func:`keep_names` was given; empty where it was never called."""
    names: Any = getattr(unwrap(model), _KEPT, ())
    return tuple(names)


def kept_stages_and_numbers(
    model: nn.Module, places: Sequence[tuple[str, int]]
) -> list[tuple[int, int]] | None:
    """Stage and number of blocks whose names were kept.

    Parameters
    ----------
    model : nn.Module
    places : sequence of (str, int)
        Path and occurrence of each block.

    Returns
    -------
    list of (int, int) or None
        None where no names were kept, or not those of all these blocks.
    """
    by_place = {(path, n): name for name, path, n in kept_names(model)}
    if not by_place.keys() >= set(places):
        return None
    parts = [by_place[place].split("_") for place in places]
    return [(int(stage), int(number)) for _, stage, number in parts]


def stride(sample: Sequence[int], positions: Sequence[int]) -> float:
    """How many positions of a sample, along each axis, one of a feature map stands for.

    Parameters
    ----------
    sample : sequence of int
        Sides of what the network is given, without samples and channels.
    positions : sequence of int
        Sides of the feature map.

    Returns
    -------
    float
        The geometric mean over the axes.

    Examples
    --------
    >>> (
    ...     stride((224, 224), (14, 14)),
    ...     stride((4000,), (500,)),
    ...     stride((32,) * 3, (8,) * 3),
    ... )
    (16.0, 8.0, 4.0)
    >>> stride((80, 300), (300,))  # a spectrogram that became a sequence
    1.0
    """
    n_positions = Size(positions).numel()
    if len(positions) < len(sample):
        along_last = math.log2(sample[-1] / n_positions)
        if along_last >= 0 and abs(along_last - round(along_last)) < _CLOSE:
            return float(2**along_last)
    if not sample:
        return 1.0
    return float((Size(sample).numel() / n_positions) ** (1 / len(sample)))


# A sequence made from an image's last axis is shorter by a power of two, up to borders;
# one made from all its positions hardly ever is.
_CLOSE = 0.1
