"""In which order SE blocks could be removed, estimated from a record."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.errors import GateRecordError, UsageError
from se_probe.stats.nearest_mean import MIN_IMAGES

__all__ = [
    "CRITERIA",
    "Criterion",
    "RankAgreement",
    "block_scores",
    "rank_agreement",
    "rank_blocks",
]

Criterion = Literal[
    "input_dependence",
    "class_share",
    "separability",
    "saturated_open",
    "saturated_closed",
]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)

# Whether small (+1) or large (-1) values mean that a block can be removed: a saturated
# gate is a constant already.
_SIGNS: dict[str, int] = {
    "input_dependence": 1,
    "class_share": 1,
    "separability": 1,
    "saturated_open": -1,
    "saturated_closed": -1,
}
_FACTS = ("parameters", "macs")


@dataclass(frozen=True)
class RankAgreement:
    """How well one quantity orders the blocks as another does.

    Attributes
    ----------
    correlation : float
        Spearman's rank correlation, -1 to 1; NaN for fewer than three blocks, and
        where all blocks are alike in either.
    n : int
        Blocks of which both are known.
    """

    correlation: float
    n: int


def rank_blocks(summary: xr.Dataset, by: str = "input_dependence") -> xr.Dataset:
    """Blocks in the order of removal, the most dispensable first.

    It tells from the record alone how little the gates do with their input; what
    freezing them costs has to be measured with the network.

    Parameters
    ----------
    summary : xr.Dataset, dims (block,)
        From :func:`~se_probe.stats.block_summary`.
    by : str, default "input_dependence"
        "input_dependence", "class_share" (of what changes from image to image) and
        "separability" (of the classes by the block's gates) rank small values first;
        "saturated_open" and "saturated_closed" rank large values first.

    Returns
    -------
    xr.Dataset, dims (block,)
        The summary in the order of the ranking, with `score`, by which it is sorted
        (the smaller, the more dispensable), and `rank`, from 1. Blocks of one score
        keep the order of the network; those whose score is not known (NaN) come last.
        `parameters` and `macs`, which would be saved, where the record knows them of
        all blocks. The attribute `ranked_by` is added.

    Raises
    ------
    UsageError
        If the criterion is unknown.
    GateRecordError
        If it is not known of any block.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> from se_probe.stats import block_summary
    >>> values = {"SE_2_1": [[0.0], [1.0]], "SE_3_1": [[0.5], [0.6]]}
    >>> ranking = rank_blocks(block_summary(make_gates(values, ["pug", "cliff"])))
    >>> ranking["block"].values.tolist()
    ['SE_3_1', 'SE_2_1']
    """
    score = block_scores(summary, by)
    if not np.isfinite(score).any():
        raise GateRecordError(
            f"no block's {by} is known, so they cannot be ranked by it. The record "
            "needs two images for input_dependence, two classes of two for "
            f"class_share, and two of {MIN_IMAGES} for separability"
        )
    order = np.argsort(score.values, kind="stable")
    known = summary.assign(_known_facts(summary)).assign(score=score)
    ranking = known.isel(block=order)
    ranking["rank"] = ("block", np.arange(1, len(order) + 1))
    return ranking.assign_attrs(ranked_by=by)


def block_scores(summary: xr.Dataset, by: str) -> xr.DataArray:
    """Score of each block, in network order: the smaller, the more dispensable.

    Parameters
    ----------
    summary : xr.Dataset, dims (block,)
    by : str
        As for :func:`rank_blocks`.

    Returns
    -------
    xr.DataArray, dims (block,)

    Raises
    ------
    UsageError
        If the criterion is unknown.
    """
    if by not in _SIGNS:
        raise UsageError(f"blocks are ranked by one of {', '.join(_SIGNS)}; got {by!r}")
    return _SIGNS[by] * summary[by]


def rank_agreement(criterion: xr.DataArray, measured: xr.DataArray) -> RankAgreement:
    """Spearman's rank correlation of two quantities over the blocks they share.

    Parameters
    ----------
    criterion, measured : xr.DataArray, dims (block,)
        In any order; blocks are matched by name. Those that are NaN do not count.

    Returns
    -------
    RankAgreement

    References
    ----------
    Spearman. The proof and measurement of association between two things. American
    Journal of Psychology 15, 1904. https://doi.org/10.2307/1412159

    Examples
    --------
    >>> blocks = {"block": ["SE_2_1", "SE_3_1", "SE_4_1"]}
    >>> cheap, dear = [0.1, 0.2, 0.3], [1.0, 3.0, 2.0]
    >>> rank_agreement(
    ...     xr.DataArray(cheap, coords=blocks), xr.DataArray(dear, coords=blocks)
    ... )
    RankAgreement(correlation=0.5, n=3)
    """
    both = xr.align(criterion.dropna("block"), measured.dropna("block"))
    # Spearman's is Pearson's of the ranks; scipy.stats takes a second to import.
    first, second = (pd.Series(values.values).rank().to_numpy() for values in both)
    n = len(first)
    if n < 3 or min(np.ptp(first), np.ptp(second)) == 0:
        return RankAgreement(float("nan"), n)
    return RankAgreement(float(np.corrcoef(first, second)[0, 1]), n)


def _known_facts(
    summary: xr.Dataset,
) -> dict[str, tuple[str, npt.NDArray[np.integer]]]:
    """What each block costs, where the provenance says it of all of them."""
    facts = {fact["name"]: fact for fact in summary.attrs.get("blocks", [])}
    names = summary["block"].to_numpy()
    columns = {key: [facts.get(name, {}).get(key) for name in names] for key in _FACTS}
    return {
        name: ("block", np.array(column))
        for name, column in columns.items()
        if None not in column
    }
