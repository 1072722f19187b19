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
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import Network
from se_probe.errors import ImagesError, SEProbeError, UsageError
from se_probe.images import LabelledImages
from se_probe.interventions import (
    Constants,
    Intervention,
    least_squares_constants,
    measure_interventions,
    sequential_constants,
    split_images,
)
from se_probe.progress import Progress, shifted
from se_probe.pruning.drop import How, drop_se_blocks

__all__ = ["BudgetPlan", "RemovableBlock", "plan_budget", "remove_blocks"]

# Of all images: to calibrate, to choose and to judge. Accuracy needs the most of them.
SHARES = (0.2, 0.2, 0.6)


@dataclass(frozen=True)
class RemovableBlock:
    """How a block is best removed, and what that alone costs.

    Attributes
    ----------
    block : FoundBlock
    how : {"identity", "frozen"}
        The treatment of the lower divergence.
    held : Tensor, shape (channels,)
        What its gates become if it alone is removed; ones for the identity.
    kl : float
        Mean KL(original || without it) in nats per image, on the choosing part.
    """

    block: FoundBlock
    how: How
    held: Tensor
    kl: float


@dataclass(frozen=True)
class BudgetPlan:
    """How many blocks can be removed within a budget, and how sure that is.

    Attributes
    ----------
    budget : float
        Share of the images by which top-1 accuracy may fall, 0 to 1.
    order : tuple of RemovableBlock
        The block that is removed first comes first.
    constants : tuple of Constants
        What the gates of the first 1, 2, ... blocks become, by block name.
    judged : xr.Dataset, dims (n_blocks,)
        Removing the first 1, 2, ... blocks of `order`, on the judging part; the
        variables and attributes of
        :func:`~se_probe.evaluation.measure_interventions`. It ends at the first whose
        estimated loss exceeds the budget.
    n_calibrating, n_choosing, n_judging : int
        Images of each part.
    """

    budget: float
    order: tuple[RemovableBlock, ...]
    constants: tuple[Constants, ...]
    judged: xr.Dataset
    n_calibrating: int
    n_choosing: int
    n_judging: int

    @property
    def n_sure(self) -> int:
        """Blocks that can go with the interval of the loss within the budget."""
        return _n_first(-self.judged["top1_change_low"].values <= self.budget)

    @property
    def n_estimated(self) -> int:
        """Blocks that can go with the point estimate of the loss within the budget."""
        estimate = -self.judged["top1_change"].values <= self.budget
        return max(self.n_sure, _n_first(estimate))

    @property
    def n_needed(self) -> int | None:
        """Images in all, about, that it takes to decide on one block more.

        None where that block's loss is not within the budget, so that more images would
        not help, or where no block is left.
        """
        if self.n_sure >= self.n_estimated:
            return None
        loss, low, high = (
            -float(self.judged[name].values[self.n_sure])
            for name in ("top1_change", "top1_change_high", "top1_change_low")
        )
        room = self.budget - loss
        if room <= 0:
            return None
        # The width of the interval falls with the square root of the number.
        n_known: int = self.judged.attrs["n_known"]
        return math.ceil(n_known * ((high - low) / 2 / room) ** 2 / SHARES[-1])


def plan_budget(
    network: Network,
    images: LabelledImages,
    budget: float,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> BudgetPlan:
    """Choose blocks to remove, and how, within a budget of top-1 accuracy.

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
        If there are too few images, or none of a class that the network knows.

    References
    ----------
    Maurer, Hothorn, Lehmacher. Multiple comparisons in drug clinical trials and
    preclinical assays: a-priori ordered hypotheses. 1995 (the fixed sequence of tests).
    Angelopoulos, Bates, Candes, Jordan, Lei. Learn then Test. Annals of Applied
    Statistics 19, 2025. https://arxiv.org/abs/2110.01052
    """
    if not 0 < budget < 1:
        raise UsageError(
            "a budget is a loss of top-1 accuracy above 0 and below 100 percentage "
            f"points, got {100 * budget:g}"
        )
    calibrating, choosing, judging = split_images(images, SHARES, seed)
    blocks = find_se_blocks(network.model, images.batch(0))
    n = len(blocks)
    lengths = [len(calibrating), (1 + 2 * n) * len(choosing)]
    for n_removed in range(1, n + 1):
        lengths += [n_removed * len(calibrating), 2 * len(judging)]
    step = _Steps(progress, lengths)
    held = least_squares_constants(network, calibrating, blocks, progress=step())
    alone = [Intervention([block], way) for way in (held, None) for block in blocks]
    measured = measure_interventions(network, choosing, alone, progress=step())
    order = _ordered(blocks, held, measured["kl"].values.reshape(2, n))
    ones = {each.block.name: each.held for each in order if each.how == "identity"}
    constants, judged = [], []
    for n_removed in range(1, n + 1):
        removed = _in_network_order(blocks, order[:n_removed])
        constants.append(
            sequential_constants(
                network, calibrating, removed, fixed=ones, progress=step()
            )
        )
        together = [Intervention(removed, constants[-1])]
        judged.append(
            measure_interventions(network, judging, together, progress=step())
        )
        _check_known(judged[-1])
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
        len(calibrating),
        len(choosing),
        len(judging),
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
        As from :func:`drop_se_blocks`.

    Raises
    ------
    SEProbeError
        If not even one block can go, or the images are too few to tell.
    """
    n = plan.n_estimated if accept_uncertain else plan.n_sure
    if not n:
        raise SEProbeError(_refusal(plan))
    chosen = plan.order[:n]
    constants = {
        each.block.path: plan.constants[n - 1][each.block.name].numpy()
        for each in chosen
    }
    notes: list[str] = []
    ways: list[tuple[How, Mapping[str, npt.ArrayLike] | None]] = [
        ("frozen", constants),
        ("identity", None),
    ]
    for how, given in ways:
        # By path: names shift where the first call has taken blocks away.
        paths = [each.block.path for each in chosen if each.how == how]
        if paths:
            network = drop_se_blocks(network, paths, how, constants=given)
            notes += network.notes
    return replace(network, notes=tuple(notes))


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


def _check_known(judged: xr.Dataset) -> None:
    if not judged.attrs["n_known"]:
        raise ImagesError(
            "no image to judge on is of a class that the network knows, so accuracy "
            "cannot be measured; give images of its own classes"
        )


def _n_first(holds: npt.NDArray[np.bool_]) -> int:
    """How many hold before the first that does not."""
    return int(np.argmin(holds)) if not holds.all() else len(holds)


def _refusal(plan: BudgetPlan) -> str:
    first = plan.order[0].block
    loss, low, high = (
        -100 * plan.judged[name].values[0]
        for name in ("top1_change", "top1_change_high", "top1_change_low")
    )
    found = (
        f"removing {first.name} alone, the cheapest, costs {loss:.1f} percentage "
        f"points of top-1 (95 % interval {low:.1f} to {high:.1f}) on "
        f"{plan.judged.attrs['n_known']:,} images, and the budget is "
        f"{100 * plan.budget:g}"
    )
    if plan.n_needed is None:
        return f"no block can be removed: {found}"
    return (
        f"the images are too few to decide: {found}; about {plan.n_needed:,} images in "
        "all would be needed. Give more, or --accept-uncertain to go by the estimate"
    )


class _Steps:
    """One progress over several passes of known length."""

    def __init__(self, progress: Progress | None, lengths: Sequence[int]) -> None:
        self.progress, self.total = progress, sum(lengths)
        self.starts = iter(np.cumsum([0, *lengths]).tolist())

    def __call__(self) -> Progress | None:
        return shifted(self.progress, next(self.starts), self.total)
