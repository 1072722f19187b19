"""Which blocks can be removed within a budget of accuracy, decided by measurement.

Three disjoint parts of the images have a task each. The first gives the constants that
gates are frozen at: the least-squares ones, chosen front to back for each set of blocks
that is evaluated. The second orders the blocks by the divergence that removing each of
them causes. The third evaluates the first block of that order, the first two, and so
on, until the budget is exceeded. Since the order was fixed without it, the number that
holds can be read off at the first failure, and the confidence of one comparison is the
confidence of all (a fixed sequence of tests).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from se_probe.blocks import FoundBlock, find_se_blocks, unwrap
from se_probe.checkpoints import Network
from se_probe.evaluation import held_out
from se_probe.images import LabelledImages, image_sums
from se_probe.interventions import (
    N_CALIBRATING,
    Constants,
    Intervention,
    check_finite,
    split_images,
)
from se_probe.progress import Progress
from se_probe.pruning.checks import (
    check_above_chance,
    check_budget,
    check_enough,
    shares_of,
)
from se_probe.pruning.own_modules import removable
from se_probe.pruning.passes import Passes
from se_probe.pruning.plan import BudgetPlan, RemovableBlock, TimeSaved
from se_probe.pruning.saving import StopWatch, TimeGoal, by_kl_per_millisecond
from se_probe.running import Precision, only_tensor, to_device_of

__all__ = ["plan_budget"]

_DIM = "intervention"
_USES = ("calibrating", "choosing", "judging")


def plan_budget(
    network: Network,
    images: LabelledImages,
    budget: float | None = None,
    *,
    goal: TimeGoal | None = None,
    n_calibrating: int = N_CALIBRATING,
    precision: Precision = "fp32",
    seed: int = 0,
    partial: Path | None = None,
    progress: Progress | None = None,
) -> BudgetPlan:
    """Choose blocks to remove, and how, within a budget of accuracy or for some time.

    With a goal of time, blocks are ordered by the divergence that each millisecond
    saved costs, and removed until the goal is reached.

    Images that the network was calibrated or tuned on are left out. The answers of the
    unaltered network are computed once, and what is known already is not measured
    again.

    Parameters
    ----------
    network : Network
        Left as it is.
    images : LabelledImages
        Of classes that the network knows; those of other classes count for the
        divergence only. The network must not have been trained on them.
    budget : float, optional
        Share of the images by which top-1 accuracy may fall, above 0 and below 1. None
        takes any loss, with a goal.
    goal : TimeGoal, optional
        Time to be saved.
    n_calibrating : int, default 1000
        At most this many images calibrate, and as many choose the order; all others
        evaluate.
    precision : {"fp32", "bf16"}
        In which the network is measured.
    seed : int, default 0
        Seed of the split of the images.
    partial : Path, optional
        Folder in which results are kept as soon as they are known, so that a run that
        was killed resumes.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will at
        most.

    Returns
    -------
    BudgetPlan

    Raises
    ------
    UsageError
        If the budget is invalid, or neither it nor a goal is given.
    ImagesError
        If there are too few images to decide on this budget, or none of a class that
        the network knows, or if the unaltered network is not better than chance.
    CheckpointError
        If the network's weights hold NaN.
    BlockError
        If the network has no SE block that can be removed.

    References
    ----------
    Maurer, Hothorn, Lehmacher. Multiple comparisons in drug clinical trials and
    preclinical assays: a-priori ordered hypotheses. 1995 (the fixed sequence of tests).
    Angelopoulos, Bates, Candes, Jordan, Lei. Learn then Test. Annals of Applied
    Statistics 19, 2025. https://arxiv.org/abs/2110.01052
    """
    check_budget(budget, has_goal=goal is not None)
    network = replace(network, preprocessing=images.preprocessing)
    check_finite(network)
    unseen = held_out(images, [network])
    parts = split_images(
        unseen.images, shares_of(len(unseen.images), n_calibrating), seed
    )
    if budget is not None:
        check_enough(network, parts[-1], budget)
    pixels = only_tensor(images.batch(0), "pruning")
    blocks, fixed = removable(
        unwrap(network.model),
        find_se_blocks(network.model, pixels),
        to_device_of(network.model, pixels[:1]),
    )
    passes = Passes(network, parts, blocks, partial, precision, progress)
    if budget is not None:
        check_above_chance(network, passes.choosing, passes.unaltered())
    order, alone = passes.order()
    watch = None
    if goal is not None:
        watch = StopWatch(
            network,
            goal.runtime,
            only_tensor(passes.calibrating.batch(0), "pruning"),
            passes.stores[0],
        )
        order = by_kl_per_millisecond(order, alone, watch)
    steps = _Sequence(passes, order, watch, goal, budget)
    steps.run()
    return BudgetPlan(
        budget,
        tuple(order),
        tuple(steps.constants),
        steps.judged(),
        n_calibrating=steps.constants[-1].n_images,
        n_choosing=len(parts[1]),
        n_judging=len(parts[2]),
        seen=dict(zip(_USES, map(image_sums, parts), strict=True)),
        notes=tuple(
            filter(None, [unseen.note, *fixed, *_skipped(steps.constants[-1])])
        ),
        partial=tuple(s.folder for s in passes.stores if s.folder is not None),
        saved=steps.saved(),
        preprocessing=images.preprocessing,
    )


class _Sequence:
    """The first block, the first two, and so on, until budget or goal end it."""

    def __init__(
        self,
        passes: Passes,
        order: Sequence[RemovableBlock],
        watch: StopWatch | None,
        goal: TimeGoal | None,
        budget: float | None,
    ) -> None:
        self.passes, self.order, self.watch = passes, order, watch
        self.goal, self.limit = goal, math.inf if budget is None else budget
        self.constants: list[Constants] = []
        self.rows: list[xr.Dataset] = []
        self.together: list[float] = []
        self.milliseconds = math.nan

    def run(self) -> None:
        """Evaluate sets of blocks until one exceeds the budget or saves enough."""
        waiting: list[Intervention] = []
        for n_removed in range(1, len(self.order) + 1):
            waiting.append(self._set(n_removed))
            is_last = n_removed == len(self.order) or self._is_enough()
            if len(waiting) < self.passes.sets_at_once and not is_last:
                continue
            rows = self.passes.evaluate(waiting)
            waiting = []
            self.rows += [rows.isel(intervention=[i]) for i in range(rows.sizes[_DIM])]
            if self._is_exceeded() or is_last:
                break

    def judged(self) -> xr.Dataset:
        """What was measured, by number of blocks."""
        judged = xr.concat(self.rows, _DIM, combine_attrs="override")
        numbers = {"n_blocks": np.arange(1, len(self.rows) + 1)}
        return judged.rename({_DIM: "n_blocks"}).assign_coords(numbers)

    def saved(self) -> TimeSaved | None:
        """Time that the sets save, where that was asked for."""
        if self.goal is None:
            return None
        goal, together = self.goal, tuple(self.together)
        return TimeSaved(goal.runtime, goal.share, self.milliseconds, together)

    def _set(self, n_removed: int) -> Intervention:
        """The first blocks of the order, at constants of their own."""
        chosen = self.order[:n_removed]
        removed = _in_network_order(self.passes.blocks, chosen)
        self.constants.append(self.passes.constants(removed, self.order))
        if self.watch is not None:
            self.milliseconds, saved = self.watch(chosen, self.constants[-1])
            self.together.append(saved / self.milliseconds)
        return Intervention(removed, self.constants[-1])

    def _is_enough(self) -> bool:
        goal = self.goal
        return goal is not None and self.together[-1] >= goal.share

    def _is_exceeded(self) -> bool:
        """Whether a set exceeds the budget; those evaluated after it are left out."""
        for n_judged, row in enumerate(self.rows, 1):
            if row["top1_change"].item() < -self.limit:
                for each in (self.rows, self.constants, self.together):
                    del each[n_judged:]
                return True
        return False


def _skipped(constants: Constants) -> list[str]:
    return [f"skipped: {problem}" for problem in constants.skipped]


def _in_network_order(
    blocks: Sequence[FoundBlock], chosen: Sequence[RemovableBlock]
) -> list[FoundBlock]:
    names = {each.block.name for each in chosen}
    return [block for block in blocks if block.name in names]
