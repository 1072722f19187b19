"""What can be known of a budget before the first pass, or after it."""

import math
from collections.abc import Mapping
from typing import Any

from se_probe.checkpoints import Network
from se_probe.errors import ImagesError, UsageError
from se_probe.images import LabelledImages, label_images
from se_probe.pruning.plan import SHARES, least_images
from se_probe.stats import wilson_interval

__all__ = [
    "check_above_chance",
    "check_budget",
    "check_enough",
    "shares_of",
]


def shares_of(n_images: int, n_calibrating: int) -> tuple[float, float, float]:
    """Shares of the images that calibrate, choose and evaluate.

    Parameters
    ----------
    n_images : int
    n_calibrating : int
        At most this many calibrate, and as many choose.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> shares_of(1000, 1000), shares_of(50_000, 1000)
    ((0.2, 0.2, 0.6), (0.02, 0.02, 0.96))
    """
    calibrating = SHARES[0]
    if calibrating * n_images <= n_calibrating:
        return SHARES
    small = n_calibrating / n_images
    return small, small, 1 - 2 * small


def check_budget(budget: float | None, *, has_goal: bool) -> None:
    """Check that a budget is valid.

    Raises
    ------
    UsageError
        If it cannot, or there is neither a budget nor a goal of time.
    """
    if budget is None and has_goal:
        return
    if budget is None:
        raise UsageError("give a budget of accuracy, a goal of time, or both")
    if not 0 < budget < 1:
        raise UsageError(
            "a budget is a loss of top-1 accuracy above 0 and below 100 percentage "
            f"points, got {100 * budget:g}"
        )


def check_enough(network: Network, judging: LabelledImages, budget: float) -> None:
    """Refuse before the first pass what no result could decide.

    Raises
    ------
    ImagesError
        If there are too few images for the budget, or none of a known class.
    """
    class_index = label_images(judging, network.class_names).class_index
    n_known, n_least = int((class_index >= 0).sum()), least_images(budget)
    if not n_known:
        raise ImagesError(
            "no image to evaluate on is of a class that the network knows, so accuracy "
            "cannot be measured; give images of its own classes"
        )
    if n_known < n_least:
        n_all = math.ceil(n_least / SHARES[-1] * len(judging) / n_known)
        raise ImagesError(
            f"the images are too few to decide: {n_known:,} are left for evaluation, "
            f"and a budget of {100 * budget:g} percentage points takes at least "
            f"{n_least:,}, even if no prediction changes. Give about {n_all:,} images "
            "in all, or a larger budget"
        )


def check_above_chance(
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
