"""What a view says, in words."""

from math import sqrt

import numpy as np
import xarray as xr

from se_probe.stats import MARGIN, MIN_IMAGES

__all__ = ["MIN_BLOCKS", "describe_depth", "rank_correlation", "trend"]

# The paper calls a block saturated in which "most of the activations are close to one".
_MOST = 0.5
# With four blocks even a perfect order happens by chance once in twelve times.
MIN_BLOCKS = 5


def describe_depth(view: xr.Dataset) -> list[str]:
    """What the SENet paper claims about depth, with the numbers found, in sentences.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.depth_profile`.

    Returns
    -------
    list of str
        How the class share and the separability go along the network, which blocks are
        saturated open and closed, and which block depends least on its input. Something
        rises or falls where there are at least five blocks and the 95 % interval of its
        rank correlation with the position leaves out 0. What is not known is said to be
        so.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2. https://arxiv.org/abs/1709.01507
    """
    margin = view["saturated_open"].attrs.get("margin", MARGIN)
    return [
        _class_share(view),
        _separability(view),
        _saturated(view, "open", f"{1 - margin:g} or above"),
        _saturated(view, "closed", f"{margin:g} or below"),
        _least_dependent(view["input_dependence"]),
    ]


def rank_correlation(values: xr.DataArray) -> tuple[float, float, float]:
    """Spearman's correlation of a quantity with the position of the block.

    Parameters
    ----------
    values : xr.DataArray, dims (block,)
        In network order, at least four of them.

    Returns
    -------
    correlation, low, high : float
        With its 95 % interval by Fisher's transformation.

    References
    ----------
    Bonett, Wright. Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations. Psychometrika 65, 2000. https://doi.org/10.1007/BF02294183

    Examples
    --------
    >>> [round(float(x), 3) for x in rank_correlation(xr.DataArray([1, 3, 2, 4, 6, 5]))]
    [0.886, 0.066, 0.992]
    """
    # Spearman's is Pearson's of the ranks; scipy.stats takes a second to import, which
    # whoever waits for a figure would feel.
    ranks = values.to_series().rank().to_numpy()
    found = float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1])
    reach = 1.96 * sqrt((1 + found**2 / 2) / (len(ranks) - 3))
    centre = np.arctanh(np.clip(found, -1 + 1e-12, 1 - 1e-12))
    return found, float(np.tanh(centre - reach)), float(np.tanh(centre + reach))


def trend(values: xr.DataArray, what: str, needs: str) -> str:
    """How a quantity goes along the network, in one sentence.

    Parameters
    ----------
    values : xr.DataArray, dims (block,)
        In network order; NaN where it is not known.
    what : str
        The quantity, as the sentence begins.
    needs : str
        What it needs to be known.

    Returns
    -------
    str
        It rises or falls where there are at least five blocks and the 95 % interval of
        its rank correlation with the position leaves out 0.
    """
    known = _known(values)
    found = [f"{value:.3g} in {block}" for block, value in known.items()]
    if not found:
        return f"{what} is not known: it needs {needs}."
    if len(found) < MIN_BLOCKS:
        return f"{what} is {_listed(found)}."
    if len(set(known.values())) == 1:
        return f"{what} is the same in all {len(found)} blocks: {found[0]}."
    correlation, low, high = rank_correlation(values.dropna("block"))
    course = "shows no clear trend with depth"
    if low > 0 or high < 0:
        course = f"{'rises' if low > 0 else 'falls'} with depth"
    return (
        f"{what} {course}: {found[0]}, {found[-1]} (Spearman rank correlation "
        f"{correlation:.2f}, 95 % interval {low:.2f} to {high:.2f}, over {len(found)} "
        "blocks)."
    )


def _class_share(view: xr.Dataset) -> str:
    what = "The class share of the gates' movement from image to image"
    needs = "two classes with two images each, and gates that vary"
    return trend(view["class_share"], what, needs) + _sample(view, "class_share")


def _separability(view: xr.Dataset) -> str:
    what = "Separability (nearest-class-mean accuracy)"
    needs = f"two classes with {MIN_IMAGES} images each"
    course = trend(view["separability"], what, needs)
    chance = list(_known(view["chance"]).values())
    if not chance:
        return course
    return f"{course} Chance is {chance[0]:.3g}." + _sample(view, "separability")


def _sample(view: xr.Dataset, name: str) -> str:
    """How many images and classes a quantity rests on, where it is known."""
    if not _known(view[name]):
        return ""
    n_images, n_classes = (
        int(view[f"{name}_{what}"].max()) for what in ("images", "classes")
    )
    each = f", {n_images // n_classes:,} of each" if name == "separability" else ""
    return f" From {n_images:,} images of {n_classes:,} classes{each}."


def _saturated(view: xr.Dataset, end: str, bound: str) -> str:
    name = f"saturated_{end}"
    known = _known(view[name])
    if not known:
        return f"Saturation ({end}) is not known: {_why_unknown(view, name)}."
    found = {
        block: f"{block} with {100 * share:.3g} %" for block, share in known.items()
    }
    meaning = f"more than half of the gates {bound}"
    saturated = [found[block] for block, share in known.items() if share > _MOST]
    if saturated:
        sentence = f"Saturated {end} ({meaning}): {', '.join(saturated)}."
    else:
        highest = found[max(known, key=known.__getitem__)]
        sentence = f"No block is saturated {end} ({meaning}); highest is {highest}."
    n_unknown = view.sizes["block"] - len(known)
    if n_unknown:
        sentence += f" Not known of {n_unknown} others: {_why_unknown(view, name)}."
    return sentence


def _why_unknown(view: xr.Dataset, name: str) -> str:
    if "lowest_gate" not in view:
        return "it needs a recorded image"
    unknown = view.isel(block=np.isnan(view[name].values))
    low, high = (
        unknown["lowest_gate"].min().item(),
        unknown["highest_gate"].max().item(),
    )
    return (
        "it is defined for gates of a function that ends at 0 and 1, and these were "
        f"seen between {low:.3g} and {high:.3g}"
    )


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


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
