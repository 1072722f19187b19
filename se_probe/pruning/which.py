"""Which blocks of a network are meant, those that are gone included."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from se_probe.blocks import FoundBlock, examine_network
from se_probe.checkpoints import Network
from se_probe.errors import BlockError, BlockNameError
from se_probe.gates import match_blocks

__all__ = ["meant_blocks"]


def meant_blocks(
    network: Network, patterns: Sequence[str], images: Tensor
) -> tuple[list[FoundBlock], list[FoundBlock]]:
    """Blocks that patterns mean, and all blocks of a network.

    Parameters
    ----------
    network : Network
    patterns : sequence of str
        Names, module paths, or globs of either.
    images : Tensor, shape (batch, channels, height, width)
        To find the blocks with.

    Returns
    -------
    chosen, found : list of FoundBlock
        In network order.

    Raises
    ------
    BlockNameError
        If a pattern means no block, or only blocks that were removed already.
    BlockError
        If the network never had SE blocks.
    """
    removed = network.provenance.removed_blocks
    try:
        findings = examine_network(network.model, images)
        found = findings.blocks
        # Whether gates differ between two images of noise says nothing here.
        for note in findings.missed:
            warnings.warn(note, stacklevel=2)
    except BlockError:
        if not removed:
            raise
        found = []
    facts = [block.facts() for block in found]
    for pattern in patterns:
        _refuse_removed(pattern, facts, removed)
    names = match_blocks(patterns, facts)
    return [block for block in found if block.name in names], found


def _refuse_removed(
    pattern: str,
    facts: Sequence[Mapping[str, Any]],
    removed: Sequence[Mapping[str, Any]],
) -> None:
    if _matches(pattern, facts) or not (gone := _matches(pattern, removed)):
        return
    left = f"{len(facts)} SE blocks are left" if facts else "no SE block is left"
    verb = "was" if len(gone) == 1 else "were"
    raise BlockNameError(f"{', '.join(gone)} {verb} removed already; {left}")


def _matches(pattern: str, facts: Sequence[Mapping[str, Any]]) -> list[str]:
    try:
        return match_blocks([pattern], facts)
    except BlockNameError:
        return []
