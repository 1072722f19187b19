"""Which blocks can be removed within a budget of accuracy, decided by measurement.

Three disjoint parts of the images have a task each. The first gives the constants that
gates are frozen at: the least-squares ones, chosen front to back for each set of blocks
that is judged. The second orders the blocks by the divergence that removing each of
them causes. The third judges the first block of that order, the first two, and so on,
until the budget is exceeded. Since the order was fixed without it, the number that
holds can be read off at the first failure, and the confidence of one comparison is the
confidence of all (a fixed sequence of tests).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import Network
from se_probe.errors import ImagesError, SEProbeError, UsageError
from se_probe.evaluation import held_out
from se_probe.images import LabelledImages, image_sums, label_images
from se_probe.interventions import (
    Constants,
    Intervention,
    check_finite,
    least_squares_constants,
    measure_interventions,
    result_store,
    sequential_constants,
    split_images,
    with_seen,
)
from se_probe.progress import Progress, shifted
from se_probe.pruning.drop import How, drop_se_blocks
from se_probe.pruning.plan import (
    SHARES,
    BudgetPlan,
    RemovableBlock,
    least_images,
    refusal,
)
from se_probe.stats import wilson_interval

__all__ = ["plan_budget", "remove_blocks"]

_USES = ("calibrating", "choosing", "judging")


def plan_budget(
    network: Network,
    images: LabelledImages,
    budget: float,
    *,
    seed: int = 0,
    partial: Path | None = None,
    progress: Progress | None = None,
) -> BudgetPlan:
    """Choose blocks to remove, and how, within a budget of top-1 accuracy.

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
    budget : float
        Share of the images by which top-1 accuracy may fall, above 0 and below 1.
    seed : int, default 0
        Seed of the split of the images.
    partial : Path, optional
        Folder in which results are kept as soon as they are known, so that a run that
        was killed goes on where it was.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will at
        most.

    Returns
    -------
    BudgetPlan

    Raises
    ------
    UsageError
        If the budget cannot be meant.
    ImagesError
        If there are too few images to decide on this budget, or none of a class that
        the network knows, or if the unaltered network is not better than chance.
    CheckpointError
        If the network's weights hold NaN.

    References
    ----------
    Maurer, Hothorn, Lehmacher. Multiple comparisons in drug clinical trials and
    preclinical assays: a-priori ordered hypotheses. 1995 (the fixed sequence of tests).
    Angelopoulos, Bates, Candes, Jordan, Lei. Learn then Test. Annals of Applied
    Statistics 19, 2025. https://arxiv.org/abs/2110.01052
    """
    _check_budget(budget)
    network = replace(network, preprocessing=images.preprocessing)
    check_finite(network)
    unseen = held_out(images, [network])
    parts = split_images(unseen.images, SHARES, seed)
    _check_enough(network, parts[-1], budget)
    blocks = find_se_blocks(network.model, images.batch(0))
    run = _Run(network, parts, blocks, partial, progress)
    run.check_accuracy()
    order = run.order()
    constants, judged = [], []
    for n_removed in range(1, len(blocks) + 1):
        removed = _in_network_order(blocks, order[:n_removed])
        constants.append(run.constants(removed, order))
        judged.append(run.judge(removed, constants[-1]))
        if judged[-1]["top1_change"].item() < -budget:
            break
    numbers = {"n_blocks": np.arange(1, len(judged) + 1)}
    return BudgetPlan(
        budget,
        tuple(order),
        tuple(constants),
        xr.concat(judged, "intervention", combine_attrs="override")
        .rename(intervention="n_blocks")
        .assign_coords(numbers),
        n_calibrating=constants[-1].n_images,
        n_choosing=len(parts[1]),
        n_judging=len(parts[2]),
        seen=dict(zip(_USES, map(image_sums, parts), strict=True)),
        notes=tuple(filter(None, [unseen.note, *_skipped(constants[-1])])),
        partial=tuple(s.folder for s in run.stores if s.folder is not None),
    )


def remove_blocks(
    network: Network, plan: BudgetPlan, *, accept_uncertain: bool = False
) -> Network:
    """Copy of a network without the blocks that a plan found to be removable.

    Parameters
    ----------
    network : Network
        That of the plan.
    plan : BudgetPlan
    accept_uncertain : bool, default False
        Go by the estimated loss instead of the upper end of its 95 % interval.

    Returns
    -------
    Network
        As from :func:`drop_se_blocks`. It keeps which images have calibrated, chosen
        and judged.

    Raises
    ------
    SEProbeError
        If not even one block can go, or the images are too few to tell.
    """
    n = plan.n_estimated if accept_uncertain else plan.n_sure
    if not n:
        raise SEProbeError(refusal(plan))
    chosen, found = plan.order[:n], plan.constants[n - 1]
    by_path = {each.block.path: found[each.block.name] for each in chosen}
    constants = replace(found, by_block=by_path, skipped=())
    ways: list[tuple[How, Constants | None]] = [
        ("frozen", constants),
        ("identity", None),
    ]
    notes: list[str] = []
    pruned = network
    for how, given in ways:
        paths = [each.block.path for each in chosen if each.how == how]
        if paths:
            pruned = drop_se_blocks(pruned, paths, how, constants=given)
            notes += pruned.notes
    seen = with_seen(network.provenance.seen_images, plan.seen)
    provenance = replace(pruned.provenance, seen_images=seen)
    return replace(pruned, provenance=provenance, notes=tuple(notes))


class _Run:
    """The passes of a plan: each on its part of the images, none of them twice."""

    def __init__(
        self,
        network: Network,
        parts: Sequence[LabelledImages],
        blocks: Sequence[FoundBlock],
        partial: Path | None,
        progress: Progress | None,
    ) -> None:
        self.network, self.blocks = network, blocks
        self.calibrating, self.choosing, self.judging = parts
        self.stores = [result_store(network, part, partial) for part in parts]
        n = len(blocks)
        lengths = [len(self.calibrating), (1 + 2 * n) * len(self.choosing)]
        for n_removed in range(1, n + 1):
            lengths += [n_removed * len(self.calibrating), 2 * len(self.judging)]
        self.step = _Steps(progress, lengths)

    def check_accuracy(self) -> None:
        """Refuse a network that is right no more often than by chance."""
        facts = measure_interventions(
            self.network, self.choosing, [], store=self.stores[1]
        ).attrs
        _check_above_chance(self.network, self.choosing, facts)

    def order(self) -> list[RemovableBlock]:
        """Blocks by the divergence that removing each causes, cheapest first."""
        held = least_squares_constants(
            self.network,
            self.calibrating,
            self.blocks,
            progress=self.step(),
            store=self.stores[0],
        )
        alone = [Intervention([b], way) for way in (held, None) for b in self.blocks]
        measured = measure_interventions(
            self.network,
            self.choosing,
            alone,
            progress=self.step(),
            store=self.stores[1],
        )
        kl = measured["kl"].values.reshape(2, len(self.blocks))
        return _ordered(self.blocks, held, kl)

    def constants(
        self, removed: Sequence[FoundBlock], order: Sequence[RemovableBlock]
    ) -> Constants:
        """What the gates of some blocks are held at if these are removed together."""
        ones = {each.block.name: each.held for each in order if each.how == "identity"}
        return sequential_constants(
            self.network,
            self.calibrating,
            removed,
            fixed=ones,
            progress=self.step(),
            store=self.stores[0],
        )

    def judge(self, removed: Sequence[FoundBlock], constants: Constants) -> xr.Dataset:
        """What it costs to remove some blocks together."""
        return measure_interventions(
            self.network,
            self.judging,
            [Intervention(removed, constants)],
            progress=self.step(),
            store=self.stores[2],
        )


def _check_budget(budget: float) -> None:
    if not 0 < budget < 1:
        raise UsageError(
            "a budget is a loss of top-1 accuracy above 0 and below 100 percentage "
            f"points, got {100 * budget:g}"
        )


def _check_enough(network: Network, judging: LabelledImages, budget: float) -> None:
    """Refuse before the first pass what no result could decide."""
    class_index = label_images(judging, network.class_names).class_index
    n_known, n_least = int((class_index >= 0).sum()), least_images(budget)
    if not n_known:
        raise ImagesError(
            "no image to judge on is of a class that the network knows, so accuracy "
            "cannot be measured; give images of its own classes"
        )
    if n_known < n_least:
        n_all = math.ceil(n_least / SHARES[-1] * len(judging) / n_known)
        raise ImagesError(
            f"the images are too few to decide: {n_known:,} of them judge, and a "
            f"budget of {100 * budget:g} percentage points takes at least {n_least:,}, "
            f"even if no prediction changes. Give about {n_all:,} images in all, or a "
            "larger budget"
        )


def _check_above_chance(
    network: Network, images: LabelledImages, facts: Mapping[str, Any]
) -> None:
    """Refuse a network of which no accuracy can be lost.

    Parameters
    ----------
    network : Network
    images : LabelledImages
    facts : mapping
        `top1` and `n_known` of the unaltered network.

    Raises
    ------
    ImagesError
        If its accuracy cannot be told from chance.
    """
    n, chance = facts["n_known"], 1 / len(network.class_names)
    low, _ = wilson_interval(round(facts["top1"] * n), n) if n else (0.0, 1.0)
    if n and low <= chance:
        labels = label_images(images, network.class_names)
        raise ImagesError(
            f"the unaltered network is right on {100 * facts['top1']:.1f} % of {n:,} "
            f"images, which cannot be told from chance ({100 * chance:.1f} %), so "
            "there is no accuracy to keep within a budget. "
            f"{labels.rule} If that is wrong, say which output is which class: "
            "--label-order, or --class-names FILE (in Python label_order and "
            "class_names)"
        )


def _skipped(constants: Constants) -> list[str]:
    return [f"skipped: {problem}" for problem in constants.skipped]


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


def _in_network_order(
    blocks: Sequence[FoundBlock], chosen: Sequence[RemovableBlock]
) -> list[FoundBlock]:
    names = {each.block.name for each in chosen}
    return [block for block in blocks if block.name in names]


class _Steps:
    """One progress over several passes of known length."""

    def __init__(self, progress: Progress | None, lengths: Sequence[int]) -> None:
        self.progress, self.total = progress, sum(lengths)
        self.starts = iter(np.cumsum([0, *lengths]).tolist())

    def __call__(self) -> Progress | None:
        return shifted(self.progress, next(self.starts), self.total)
