"""What a budget allows: the numbers that were judged, and how sure they are."""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock
from se_probe.evaluation import bonett_price_interval
from se_probe.interventions import Constants
from se_probe.pruning.drop import How

__all__ = [
    "SHARES",
    "BudgetPlan",
    "RemovableBlock",
    "Verdict",
    "least_images",
    "refusal",
]

# Of all images: to calibrate, to choose and to judge. Accuracy needs the most of them.
SHARES = (0.2, 0.2, 0.6)

Verdict = Literal["within", "exceeded", "undecided"]


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
        Images of each part; of the first, those that could be read.
    seen : mapping of str to mapping of str to str
        Images of each part, as in `Provenance.seen_images`.
    notes : tuple of str
        What the user should hear: images that were left out or skipped.
    partial : tuple of Path
        Folders with what was measured.
    """

    budget: float
    order: tuple[RemovableBlock, ...]
    constants: tuple[Constants, ...]
    judged: xr.Dataset
    n_calibrating: int
    n_choosing: int
    n_judging: int
    seen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    partial: tuple[Path, ...] = ()

    def forget(self) -> None:
        """Delete the partial results: a plan that is carried out needs them no more."""
        for folder in self.partial:
            shutil.rmtree(folder, ignore_errors=True)

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
    def verdicts(self) -> list[Verdict]:
        """Of removing the first 1, 2, ... blocks, each by its own interval.

        "within" where all of the interval of the loss is within the budget, "exceeded"
        where none of it is, else "undecided".
        """
        loss_high = -self.judged["top1_change_low"].values
        loss_low = -self.judged["top1_change_high"].values
        return [
            "within"
            if high <= self.budget
            else "exceeded"
            if low > self.budget
            else "undecided"
            for low, high in zip(loss_low, loss_high, strict=True)
        ]

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


def least_images(budget: float) -> int:
    """Images to judge on below which no budget can be kept for sure.

    So many that the upper end of the 95 % Bonett-Price interval of the loss is within
    the budget where no image changes sides.

    Parameters
    ----------
    budget : float
        Share of the images, above 0 and below 1.

    Returns
    -------
    int

    Examples
    --------
    >>> least_images(0.01)
    276
    """
    n = 1
    while -bonett_price_interval(0, 0, n)[0] > budget:
        n += 1
    return n


def _n_first(holds: npt.NDArray[np.bool_]) -> int:
    """How many hold before the first that does not."""
    return int(np.argmin(holds)) if not holds.all() else len(holds)


def refusal(plan: BudgetPlan) -> str:
    """Why not even one block can go, and what would help."""
    first = plan.order[0].block
    change, low, high = (
        100 * plan.judged[f"top1_change{end}"].values[0]
        for end in ("", "_low", "_high")
    )
    found = (
        f"removing {first.name} alone, the cheapest, changes top-1 by {change:+.1f} "
        f"percentage points (95 % interval {low:+.1f} to {high:+.1f}) on "
        f"{plan.judged.attrs['n_known']:,} images, and the budget is "
        f"{100 * plan.budget:g}"
    )
    if plan.n_needed is None:
        return f"no block can be removed: {found}"
    return (
        f"the images are too few to decide: {found}; about {plan.n_needed:,} images in "
        "all would be needed. Give more, or --accept-uncertain to go by the estimate"
    )
