"""The passes of a plan over its three parts of the images."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock
from se_probe.checkpoints import Network
from se_probe.images import LabelledImages, hold_images
from se_probe.interventions import (
    Constants,
    Intervention,
    least_squares_constants,
    measure_interventions,
    result_store,
    sequential_constants,
)
from se_probe.progress import Progress, shifted
from se_probe.pruning.drop import How
from se_probe.pruning.plan import RemovableBlock
from se_probe.running import Precision, autocast

__all__ = ["Passes"]

# Sets of blocks that are evaluated in one pass where images are decoded for each pass.
_SETS_AT_ONCE = 4


class Passes:
    """What is measured for a plan; nothing is measured twice.

    Images that fit into memory are decoded once. Where those that evaluate do not fit,
    several sets of blocks are evaluated in one pass.

    Parameters
    ----------
    network : Network
    parts : sequence of LabelledImages
        To calibrate, to choose and to evaluate.
    blocks : sequence of FoundBlock
    partial : Path, optional
        Folder for what is known.
    precision : {"fp32", "bf16"}
    progress : callable, optional
    """

    def __init__(
        self,
        network: Network,
        parts: Sequence[LabelledImages],
        blocks: Sequence[FoundBlock],
        partial: Path | None,
        precision: Precision,
        progress: Progress | None,
    ) -> None:
        self.network, self.blocks, self.precision = network, blocks, precision
        self.calibrating, self.choosing, self.judging = map(hold_images, parts)
        is_held = self.judging is not parts[2]
        self.sets_at_once = 1 if is_held else _SETS_AT_ONCE
        with self._numbers():
            self.stores = [result_store(network, part, partial) for part in parts]
        n = len(blocks)
        lengths = [len(self.calibrating), (1 + 2 * n) * len(self.choosing)]
        lengths += [k * len(self.calibrating) for k in range(1, n + 1)]
        self.step = _Steps(progress, lengths, 2 * n * len(self.judging))

    def unaltered(self) -> Mapping[str, Any]:
        """Accuracy of the unaltered network on the choosing part."""
        with self._numbers():
            return measure_interventions(
                self.network, self.choosing, [], store=self.stores[1]
            ).attrs

    def order(self) -> tuple[list[RemovableBlock], Constants]:
        """Blocks by the divergence that removing each causes, cheapest first.

        Returns
        -------
        order : list of RemovableBlock
        constants : Constants
            Of each block alone.
        """
        with self._numbers():
            held = least_squares_constants(
                self.network,
                self.calibrating,
                self.blocks,
                progress=self.step(),
                store=self.stores[0],
            )
            alone = [
                Intervention([b], way) for way in (held, None) for b in self.blocks
            ]
            measured = measure_interventions(
                self.network,
                self.choosing,
                alone,
                progress=self.step(),
                store=self.stores[1],
            )
        kl = measured["kl"].values.reshape(2, len(self.blocks))
        return _ordered(self.blocks, held, kl), held

    def constants(
        self, removed: Sequence[FoundBlock], order: Sequence[RemovableBlock]
    ) -> Constants:
        """What the gates of some blocks are held at if these are removed together."""
        ones = {each.block.name: each.held for each in order if each.how == "identity"}
        with self._numbers():
            return sequential_constants(
                self.network,
                self.calibrating,
                removed,
                fixed=ones,
                progress=self.step(),
                store=self.stores[0],
            )

    def evaluate(self, sets: Sequence[Intervention]) -> xr.Dataset:
        """What it costs to remove each of some sets of blocks."""
        with self._numbers():
            return measure_interventions(
                self.network,
                self.judging,
                sets,
                progress=self.step.judging(len(sets), len(self.judging)),
                store=self.stores[2],
            )

    def _numbers(self) -> AbstractContextManager[Any]:
        return autocast(next(self.network.model.parameters()).device, self.precision)


def _ordered(
    blocks: Sequence[FoundBlock],
    constants: Mapping[str, Tensor],
    kl: npt.NDArray[np.float64],
) -> list[RemovableBlock]:
    """Blocks by what removing each costs in the better treatment, cheapest first."""
    ways: tuple[How, How] = ("frozen", "identity")
    known = np.nan_to_num(kl, nan=np.inf)
    best, costs = known.argmin(axis=0), known.min(axis=0)
    each = [
        RemovableBlock(block, ways[way], _held(constants[block.name], ways[way]), cost)
        for block, way, cost in zip(blocks, best, costs.tolist(), strict=True)
    ]
    return sorted(each, key=lambda removable: removable.kl)


def _held(constants: Tensor, how: How) -> Tensor:
    return constants if how == "frozen" else torch.ones_like(constants)


class _Steps:
    """One progress over several passes of known length."""

    def __init__(
        self, progress: Progress | None, lengths: Sequence[int], judging: int
    ) -> None:
        self.progress, self.total = progress, sum(lengths) + judging
        self.lengths, self.done = iter(lengths), 0

    def __call__(self) -> Progress | None:
        return self._next(next(self.lengths))

    def judging(self, n_sets: int, n_images: int) -> Progress | None:
        """A pass over the evaluation images: the unaltered network, and each set."""
        return self._next(2 * n_sets * n_images)

    def _next(self, length: int) -> Progress | None:
        start, self.done = self.done, self.done + length
        return shifted(self.progress, start, self.total)
