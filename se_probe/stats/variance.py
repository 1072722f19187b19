"""Where the variance of the gates comes from: images, classes, channels."""

import numpy as np
import xarray as xr

from se_probe.gates import block_names
from se_probe.stats.by_block import sum_by_block

__all__ = ["input_dependence", "sums_of_squares", "variance_shares"]


def variance_shares(moments: xr.Dataset) -> xr.Dataset:
    """Shares of the gate variance within classes, between classes, between channels.

    One-way variance components of each block, over the K classes with at least two
    images (N images in all, n_k of class k). With SSW and SSB, the sums of squares
    within and between classes added up over the C channels of the block,

    * within = SSW / (N - K)
    * between = max(0, (SSB / (K - 1) - within) / n0), where
      n0 = (N - sum of n_k**2 / N) / (K - 1)
    * between channels = sum over the channels of (channel mean - block mean)**2,
      the mean of a channel being the mean over the N images

    and each is divided by the sum of the three. The class share is between /
    (between + within), the intraclass correlation ICC(1) pooled over the block's
    channels: how much of what changes from image to image is the class, whatever
    constant offsets the channels have. Subtracting `within` takes out what
    chance alone puts between the means of few images. The difference is cut off at 0
    once for the block: cut off channel by channel, noise would add up again.

    Parameters
    ----------
    moments : xr.Dataset
        From :func:`~se_probe.stats.class_moments`.

    Returns
    -------
    xr.Dataset, dims (block,)
        `class_share`, a fraction between 0 and 1, and the shares of the total
        `within`, `between`, `between_channels`, which sum to 1. NaN where fewer than
        two classes have two images, and for a block whose gates are all one number
        (`class_share`: that are the same for all images).
        `class_share_images` and `class_share_classes` that took part.

    References
    ----------
    Searle, Casella, McCulloch. Variance Components. Wiley 1992, chapter 3.
    https://doi.org/10.1002/9780470316856

    Shrout, Fleiss. Intraclass Correlations. Psychological Bulletin 86, 1979.
    https://doi.org/10.1037/0033-2909.86.2.420

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> from se_probe.stats import class_moments
    >>> values = [[0.25], [0.25], [0.75], [0.75]]
    >>> gates = make_gates({"SE_2_1": values}, ["pug", "pug", "cliff", "cliff"])
    >>> variance_shares(class_moments(gates))["between"].item()
    1.0
    """
    repeated = moments.isel(class_name=moments["count"].values >= 2)
    count = repeated["count"].values
    n_images, n_classes = count.sum(), len(count)
    n_blocks = len(block_names(moments))
    numbers = {
        "class_share_images": ("block", np.full(n_blocks, n_images)),
        "class_share_classes": ("block", np.full(n_blocks, n_classes)),
    }
    if n_classes < 2:
        return _unknown_shares(moments).assign(numbers)
    channels = sums_of_squares(repeated)
    sums = sum_by_block(channels[["within", "between"]])
    within = sums["within"] / (n_images - n_classes)
    per_class = (n_images - (count**2).sum() / n_images) / (n_classes - 1)
    between = (sums["between"] / (n_classes - 1) - within) / per_class
    components = xr.Dataset(
        {
            "within": within,
            "between": between.clip(min=0),
            "between_channels": _spread_of_channels(channels["mean"]),
        }
    )
    shares = components / components.to_array().sum("variable", skipna=False)
    moving = components["between"] + components["within"]
    shares = shares.assign(class_share=components["between"] / moving)
    return shares.sel(block=block_names(moments)).assign(numbers)


def input_dependence(moments: xr.Dataset) -> xr.DataArray:
    """How much the gates of each block depend on the image: 0 means not at all.

    The sum over the channels c of Var(g_c), divided by the sum of E[g_c**2]. Mean and
    variance are those of the recorded images themselves, classes of one image
    included: Var(g_c) divides by the number of images N (`ddof` 0), as (sum of squares
    within classes + between classes) / N, and E[g_c**2] = Var(g_c) + E[g_c]**2. It is
    the share of the gates' power that is lost when each gate is held at its mean.

    Parameters
    ----------
    moments : xr.Dataset
        From :func:`~se_probe.stats.class_moments`.

    Returns
    -------
    xr.DataArray, dims (block,)
        Between 0 and 1; 0 for a block whose gates are all 0. NaN where only one image
        was recorded.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> from se_probe.stats import class_moments
    >>> gates = make_gates({"SE_2_1": [[0.0], [1.0]]}, ["pug", "cliff"])
    >>> input_dependence(class_moments(gates)).item()
    0.5
    """
    n_images = int(moments["count"].sum())
    channels = sums_of_squares(moments)
    variance = (channels["within"] + channels["between"]) / n_images
    power = variance + channels["mean"] ** 2
    parts = sum_by_block(xr.Dataset({"variance": variance, "power": power}))
    ratio = (parts["variance"] / parts["power"]).where(parts["power"] > 0, 0.0)
    known = ratio.where(n_images > 1).rename("input_dependence")
    return known.sel(block=block_names(moments))


def sums_of_squares(moments: xr.Dataset) -> xr.Dataset:
    """Each channel's sums of squares within and between classes, and its mean."""
    count = moments["count"].astype(np.float64)
    mean = xr.dot(count, moments["mean"], dim="class_name") / count.sum()
    # A class of one image has no standard deviation and no spread to add.
    within = xr.dot(count - 1, (moments["sd"] ** 2).fillna(0.0), dim="class_name")
    between = xr.dot(count, (moments["mean"] - mean) ** 2, dim="class_name")
    return xr.Dataset({"mean": mean, "within": within, "between": between})


def _spread_of_channels(mean: xr.DataArray) -> xr.DataArray:
    """Sum of squared deviations of a block's channel means from the block's mean."""
    n_channels = sum_by_block(xr.ones_like(mean))
    block_mean = (sum_by_block(mean) / n_channels).sel(block=mean["block"])
    return sum_by_block((mean - block_mean) ** 2)


def _unknown_shares(moments: xr.Dataset) -> xr.Dataset:
    blocks = block_names(moments)
    nan = ("block", np.full(len(blocks), np.nan))
    names = ("within", "between", "between_channels", "class_share")
    return xr.Dataset(dict.fromkeys(names, nan), coords={"block": blocks})
