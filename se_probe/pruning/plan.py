"""What a budget allows: the numbers that were measured, and how certain they are."""

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
from se_probe.images import Preprocessing
from se_probe.interventions import Constants
from se_probe.pruning.drop import How

__all__ = [
    "SHARES",
    "BudgetPlan",
    "RemovableBlock",
    "TimeSaved",
    "Verdict",
    "least_images",
    "refusal",
]

# Of all images: to calibrate, choose and evaluate. Accuracy needs the most of them.
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
    milliseconds : float or None
        What removing it alone saves of a forward pass of one image; None where that
        was not asked for.
    """

    block: FoundBlock
    how: How
    held: Tensor
    kl: float
    milliseconds: float | None = None


@dataclass(frozen=True)
class TimeSaved:
    """What removing blocks saves of the time of a forward pass of one image.

    Attributes
    ----------
    runtime : str
        Where it was measured.
    share : float
        What shall be saved, 0 to 1.
    milliseconds : float
        Median time of the unaltered network, in ms.
    together : tuple of float
        Share saved by removing the first 1, 2, ... blocks of the plan's order.
    """

    runtime: str
    share: float
    milliseconds: float
    together: tuple[float, ...]

    @property
    def n_enough(self) -> int | None:
        """How many blocks save enough; None where those of the plan do not."""
        enough = [saved >= self.share for saved in self.together]
        return enough.index(True) + 1 if any(enough) else None


@dataclass(frozen=True)
class BudgetPlan:
    """How many blocks can be removed within a budget, and how sure that is.

    Attributes
    ----------
    budget : float or None
        Share of the images by which top-1 accuracy may fall, 0 to 1; None where only
        time counts.
    order : tuple of RemovableBlock
        The block that is removed first comes first.
    constants : tuple of Constants
        What the gates of the first 1, 2, ... blocks become, by block name.
    judged : xr.Dataset, dims (n_blocks,)
        Removing the first 1, 2, ... blocks of `order`, on the evaluation part; the
        variables and attributes of
        :func:`~se_probe.interventions.measure_interventions`. It ends at the first
        whose estimated loss exceeds the budget, or that saves enough time.
    n_calibrating, n_choosing, n_judging : int
        Images of each part; of the first, those that could be read.
    seen : mapping of str to mapping of str to str
        Images of each part, as in `Provenance.seen_images`.
    notes : tuple of str
        What the user should hear: images that were left out or skipped.
    partial : tuple of Path
        Folders with what was measured.
    saved : TimeSaved or None
        Time that was saved, where it was asked for.
    preprocessing : Preprocessing or None
        That of the images, which becomes that of the pruned network.
    """

    budget: float | None
    order: tuple[RemovableBlock, ...]
    constants: tuple[Constants, ...]
    judged: xr.Dataset
    n_calibrating: int
    n_choosing: int
    n_judging: int
    seen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    partial: tuple[Path, ...] = ()
    saved: TimeSaved | None = None
    preprocessing: Preprocessing | None = None

    def forget(self) -> None:
        """Delete the partial results: a plan that is carried out needs them no more."""
        for folder in self.partial:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def limit(self) -> float:
        """The budget; infinite where there is none."""
        return math.inf if self.budget is None else self.budget

    @property
    def n_sure(self) -> int:
        """Blocks that can go with the interval of the loss within the budget."""
        return _n_first(_known_loss(self.judged["top1_change_low"]) <= self.limit)

    @property
    def n_estimated(self) -> int:
        """Blocks that can go with the point estimate of the loss within the budget."""
        estimate = _known_loss(self.judged["top1_change"]) <= self.limit
        return max(self.n_sure, _n_first(estimate))

    def n_removable(self, *, accept_uncertain: bool = False) -> int:
        """Blocks that the plan removes: 0 where it cannot be carried out.

        Parameters
        ----------
        accept_uncertain : bool, default False
            Use the estimated loss instead of its upper 95 % confidence bound.

        Returns
        -------
        int
        """
        n = self.n_estimated if accept_uncertain else self.n_sure
        if self.saved is None:
            return n
        n_enough = self.saved.n_enough
        return n_enough if n_enough is not None and n_enough <= n else 0

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
            if high <= self.limit
            else "exceeded"
            if low > self.limit
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
        room = self.limit - loss
        if not 0 < room < math.inf:
            return None
        # The width of the interval falls with the square root of the number.
        n_known: int = self.judged.attrs["n_known"]
        n_all = self.n_calibrating + self.n_choosing + self.n_judging
        n_judging = n_known * ((high - low) / 2 / room) ** 2
        return math.ceil(n_judging * n_all / self.n_judging)


def least_images(budget: float) -> int:
    """Evaluation images below which no budget can be kept with confidence.

    So many that the upper 95 % confidence bound (Bonett-Price) of the loss is within
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


def _known_loss(change: xr.DataArray) -> npt.NDArray[np.float64]:
    """Loss of accuracy; 0 where no class is known, which no budget allows."""
    loss: npt.NDArray[np.float64] = np.nan_to_num(-change.values)
    return loss


def refusal(plan: BudgetPlan, *, accept_uncertain: bool = False) -> str:
    """Why a plan cannot be carried out, and what would help."""
    saved = plan.saved
    if saved is None:
        return _no_block(plan)
    n = plan.n_estimated if accept_uncertain else plan.n_sure
    if n == len(plan.order):
        blocks = "the one block" if n == 1 else f"all {n} blocks"
        return (
            f"removing {blocks} saves {100 * saved.together[-1]:.1f} % of the time in "
            f"{saved.runtime} ({saved.milliseconds:.3g} ms for one image), and "
            f"{100 * saved.share:g} % shall be saved. Ask for less, or for another "
            "runtime"
        )
    if not n:
        return _no_block(plan)
    return (
        f"{n} blocks can be removed within the budget of {100 * plan.limit:g} "
        f"percentage points, and they save {100 * saved.together[n - 1]:.1f} % of the "
        f"time in {saved.runtime}, of which {100 * saved.share:g} % shall be saved. "
        "Ask for less, or allow a larger loss"
    )


def _no_block(plan: BudgetPlan) -> str:
    first = plan.order[0].block
    change, low, high = (
        100 * plan.judged[f"top1_change{end}"].values[0]
        for end in ("", "_low", "_high")
    )
    found = (
        f"removing {first.name} alone, the cheapest, changes top-1 by {change:+.1f} "
        f"percentage points (95 % interval {low:+.1f} to {high:+.1f}) on "
        f"{plan.judged.attrs['n_known']:,} images, and the budget is "
        f"{100 * plan.limit:g}"
    )
    if plan.n_needed is None:
        return f"no block can be removed: {found}"
    return (
        f"the images are too few to decide: {found}; about {plan.n_needed:,} images in "
        "all would be needed. Give more, or --accept-uncertain to go by the estimate"
    )
