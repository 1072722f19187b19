"""What a view says, in words."""

import numpy as np
import xarray as xr

from se_probe.stats import MARGIN, MIN_IMAGES

__all__ = ["describe_depth"]

# The paper calls a block saturated in which "most of the activations are close to one".
_MOST = 0.5
# Rank correlation from which the words say that something rises or falls.
_TREND = 0.5


def describe_depth(summary: xr.Dataset) -> list[str]:
    """What the SENet paper claims about depth, with the numbers found, in sentences.

    Parameters
    ----------
    summary : xr.Dataset, dims (block,)
        From :func:`block_summary`.

    Returns
    -------
    list of str
        How the between-class share and the separability of the classes go with depth
        (Spearman rank correlation with the position in the network; first and last
        block), which blocks are saturated at 1 and at 0, and which block depends least
        on its input. What is not known is said to be so.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2. https://arxiv.org/abs/1709.01507
    """
    margin = summary["open"].attrs.get("margin", MARGIN)
    return [
        _trend(
            summary["between"],
            "The between-class share of the gate variance",
            "two classes with two images each, and gates that vary",
        ),
        _separable(summary),
        _saturated(summary["open"], "1", f"{1 - margin:g} or above"),
        _saturated(summary["closed"], "0", f"{margin:g} or below"),
        _least_dependent(summary["input_dependence"]),
    ]


def _trend(values: xr.DataArray, what: str, needs: str) -> str:
    known = _known(values)
    found = [f"{value:.3g} in {block}" for block, value in known.items()]
    if not found:
        return f"{what} is not known: it needs {needs}."
    if len(found) < 3:
        return f"{what} is {' and '.join(found)}: too few blocks for a trend."
    if len(set(known.values())) == 1:
        return f"{what} is the same in all {len(found)} blocks: {found[0]}."
    correlation = _rank_correlation_with_depth(values.dropna("block"))
    if abs(correlation) < _TREND:
        course = "shows no clear trend with depth"
    else:
        course = f"{'rises' if correlation > 0 else 'falls'} with depth"
    return (
        f"{what} {course}: {found[0]}, {found[-1]} (Spearman rank correlation "
        f"{correlation:.2f} over {len(found)} blocks)."
    )


def _separable(summary: xr.Dataset) -> str:
    needs = f"two classes with {MIN_IMAGES} images each"
    trend = _trend(summary["accuracy"], "The accuracy of the nearest class mean", needs)
    chance = list(_known(summary["chance"]).values())
    return f"{trend} Chance is {chance[0]:.3g}." if chance else trend


def _rank_correlation_with_depth(values: xr.DataArray) -> float:
    # Spearman's is Pearson's of the ranks; scipy.stats takes a second to import, which
    # whoever waits for a figure would feel.
    ranks = values.to_series().rank().to_numpy()
    return float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1])


def _saturated(shares: xr.DataArray, end: str, bound: str) -> str:
    known = _known(shares)
    if not known:
        return f"Saturation at {end} is not known: it needs a recorded image."
    found = {
        block: f"{block} with {100 * share:.3g} %" for block, share in known.items()
    }
    meaning = f"more than half of the gates {bound}"
    saturated = [found[block] for block, share in known.items() if share > _MOST]
    if saturated:
        return f"Saturated at {end} ({meaning}): {', '.join(saturated)}."
    nearest = found[max(known, key=known.__getitem__)]
    return f"No block is saturated at {end} ({meaning}); nearest is {nearest}."


def _least_dependent(dependence: xr.DataArray) -> str:
    known = _known(dependence)
    if not known:
        return "Input dependence is not known: it needs two images."
    scale = "0 means constant gates"
    least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    if len(known) == 1:
        return f"Input dependence ({scale}) is {known[least]:.3g} in {least}."
    return (
        f"{least} depends least on its input: input dependence ({scale}) is "
        f"{known[least]:.3g} there, and at most {known[most]:.3g}, in {most}."
    )


def _known(values: xr.DataArray) -> dict[str, float]:
    """Values by block, in network order, without those that are NaN."""
    return dict(values.dropna("block").to_series())
