"""Block names as in the paper: ``SE_{stage}_{number}``, both counted from 1.

Hu, Shen, Sun. CVPR 2018, section 7.2 (journal version).
https://arxiv.org/abs/1709.01507
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from torch import nn

from se_probe.blocks.watch import unwrap

__all__ = ["keep_names", "kept_names", "kept_stages_and_numbers", "stages_and_numbers"]

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
    for stride in strides:
        stage = max(round(math.log2(stride)), 0)
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
