"""Block names as in the paper: ``SE_{stage}_{number}``, both counted from 1.

Hu, Shen, Sun. CVPR 2018, section 7.2 (journal version).
https://arxiv.org/abs/1709.01507
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["stages_and_numbers"]

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
