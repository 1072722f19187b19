"""What each channel's gate does, as one table of all channels of a network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import (
    block_channels,
    block_facts,
    block_names,
    context_of,
    match_blocks,
)
from se_probe.progress import Progress
from se_probe.stats.by_block import channel_labels
from se_probe.stats.context import context_slope
from se_probe.stats.extremes import saturation
from se_probe.stats.moments import moments_of
from se_probe.stats.shuffling import repeated_classes, shuffled_class_means
from se_probe.stats.variance import sums_of_squares

__all__ = ["BEHAVIOURS", "channel_table", "class_selectivity"]

# What a channel's gate can be like, from the least to the most alive.
BEHAVIOURS = ("dead", "always open", "constant", "varies")
# A gate whose standard deviation is below a hundred-thousandth of its size is constant:
# rounding alone moves it by a ten-millionth.
_CONSTANT = 1e-5


def channel_table(
    source: xr.DataArray | xr.Dataset,
    moments: xr.Dataset | None = None,
    *,
    blocks: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """What the gate of each channel does, over all recorded images.

    Parameters
    ----------
    source : xr.DataArray or xr.Dataset
        A gate record, of which only rows in state `RECORDED` count; it is read twice,
        slice by slice. Or its :func:`class_moments`, which cannot tell the level under
        shuffled labels.
    moments : xr.Dataset, optional
        The record's moments, where they are known already: one pass fewer.
    blocks : sequence of str, optional
        Names, module paths or globs; all blocks by default.
    seed : int, default 0
        Of the shuffled labels.
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    xr.Dataset, dims (channel,)
        `mean`, `sd` (n - 1; NaN for one image), `lowest` and `highest` gate.
        `saturated_closed` and `saturated_open`, the shares of images with a gate of at
        most 0.05 and at least 0.95; NaN where :func:`saturation` is not known.
        `selectivity` of :func:`class_selectivity`, and `selectivity_shuffled`, the same
        number after the classes were dealt to the images at random: over many channels
        it shows what chance alone gives. `opens_most` and `opens_least`, the classes
        with the largest and the smallest mean gate, and those means. All these over the
        classes with at least two images; NaN, and no class, where there are fewer than
        two of them. `behaviour`: "dead" (0.05 or less for every image), "always open"
        (0.95 or more), "constant" (the same for every image) or "varies".
        `context_slope` of :func:`context_slope`, where the squeeze was recorded.
        The attributes `n_images`, `selectivity_images`, `selectivity_classes` and
        `seed` say what it rests on.

    Raises
    ------
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.
    BlockNameError
        If a name means no block.
    UsageError
        If there are no names.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> values = [[0.5, 0.0], [0.75, 0.0], [0.25, 0.0], [0.0, 0.0]]
    >>> gates = make_gates({"SE_2_1": values}, ["pug", "pug", "cliff", "cliff"])
    >>> table = channel_table(gates)
    >>> table["behaviour"].values.tolist(), table["selectivity"].values.round(2)
    (['varies', 'dead'], array([0.67, 0.  ]))
    """
    if blocks is not None:
        channels = _channels_of(source, blocks)
        source = source.isel(channel=channels)
        moments = moments.isel(channel=channels) if moments is not None else None
    known = moments_of(source, progress=progress) if moments is None else moments
    n_images = int(known["count"].sum())
    repeated = repeated_classes(known)
    table = xr.Dataset(
        _levels(known, n_images) | _classes(repeated), coords=channel_labels(known)
    )
    table["behaviour"] = ("channel", _behaviour(table, known, n_images))
    shuffled = np.full(known.sizes["channel"], np.nan)
    if isinstance(source, xr.DataArray) and repeated.sizes["class_name"] > 1:
        means = shuffled_class_means(source, repeated, seed=seed, progress=progress)
        shuffled = class_selectivity(means).values
    table["selectivity_shuffled"] = ("channel", shuffled)
    table = table[list(_COLUMNS)]
    if isinstance(source, xr.DataArray) and "squeeze" in (context_of(source) or ()):
        slopes = context_slope(source, progress=progress)
        table["context_slope"] = slopes["context_slope"].drop_attrs()
    return table.assign_attrs(
        known.attrs,
        n_images=n_images,
        selectivity_images=int(repeated["count"].sum()),
        selectivity_classes=repeated.sizes["class_name"],
        seed=seed,
    )


_COLUMNS = (
    *("mean", "sd", "lowest", "highest", "saturated_closed", "saturated_open"),
    *("selectivity", "selectivity_shuffled", "opens_most", "opens_most_mean"),
    *("opens_least", "opens_least_mean", "behaviour"),
)


def class_selectivity(means: xr.DataArray) -> xr.DataArray:
    """How much each channel prefers one class: (largest - other) / (largest + other).

    Parameters
    ----------
    means : xr.DataArray, dims (class_name, channel)
        Mean gates of each class, two classes or more.

    Returns
    -------
    xr.DataArray, dims (channel,)
        With the largest class mean and the mean of the other class means: 0 where all
        classes have the same mean, 1 where only one class opens the channel. NaN for
        fewer than two classes, and for a channel with a negative class mean, of which
        the ratio means nothing.

    References
    ----------
    Morcos, Barrett, Rabinowitz, Botvinick. On the importance of single directions for
    generalization. ICLR 2018, section 2.3. https://arxiv.org/abs/1803.06959

    Examples
    --------
    >>> means = xr.DataArray([[0.75, 0.5], [0.25, 0.5]], dims=("class_name", "channel"))
    >>> class_selectivity(means).values.tolist()
    [0.5, 0.0]
    """
    n_classes = means.sizes["class_name"]
    if n_classes < 2:
        return xr.full_like(means.mean("class_name"), np.nan).rename("selectivity")
    largest = means.max("class_name")
    other = (means.sum("class_name") - largest) / (n_classes - 1)
    total = largest + other
    ratio = ((largest - other) / total.where(total > 0)).fillna(0.0).clip(min=0)
    return ratio.where(means.min("class_name") >= 0).rename("selectivity")


def _channels_of(
    source: xr.DataArray | xr.Dataset, blocks: Sequence[str]
) -> npt.NDArray[np.intp]:
    """Positions of the channels of some blocks, in network order."""
    names = match_blocks(blocks, block_facts(source))
    if not names:
        raise UsageError("expected at least one block, got none")
    every = np.arange(source.sizes["channel"])
    return np.concatenate([every[block_channels(source, name)] for name in names])


def _levels(known: xr.Dataset, n_images: int) -> dict[str, Any]:
    """Mean, spread, range and saturation of each channel."""
    sums = sums_of_squares(known)
    squares = (sums["within"] + sums["between"]).values
    freedom = n_images - 1 if n_images > 1 else np.nan
    is_ended = _is_ended(known)
    shares = {
        f"saturated_{end}": np.where(is_ended, known[f"n_{end}"] / n_images, np.nan)
        for end in ("closed", "open")
    }
    columns = {
        "mean": sums["mean"].values,
        "sd": np.sqrt(squares / freedom),
        "lowest": known["lowest"].values,
        "highest": known["highest"].values,
        **shares,
    }
    return {name: ("channel", values) for name, values in columns.items()}


def _is_ended(known: xr.Dataset) -> npt.NDArray[np.bool_]:
    """Whether each channel's gate ends at 0 and 1, which its whole block tells."""
    by_block = saturation(known)["saturated_open"].notnull()
    is_ended = np.zeros(known.sizes["channel"], np.bool_)
    for block in block_names(known):
        is_ended[block_channels(known, block)] = by_block.sel(block=block).item()
    return is_ended


def _classes(repeated: xr.Dataset) -> dict[str, Any]:
    """Selectivity, and the classes at both ends."""
    means, n_channels = repeated["mean"].values, repeated.sizes["channel"]
    names = repeated["class_name"].values
    columns: dict[str, Any] = {"selectivity": class_selectivity(repeated["mean"])}
    for name, find in (("opens_most", np.argmax), ("opens_least", np.argmin)):
        if len(names) < 2:
            columns[name] = np.full(n_channels, "", dtype=object)
            columns[f"{name}_mean"] = np.full(n_channels, np.nan)
            continue
        found = find(means, axis=0)
        columns[name] = names[found]
        columns[f"{name}_mean"] = means[found, np.arange(n_channels)]
    return {name: ("channel", np.asarray(column)) for name, column in columns.items()}


def _behaviour(
    table: xr.Dataset, known: xr.Dataset, n_images: int
) -> npt.NDArray[np.object_]:
    size = np.hypot(table["mean"].values, table["sd"].values)
    conditions = [
        (table["saturated_closed"] == 1).values,
        (table["saturated_open"] == 1).values,
        (table["sd"].values <= _CONSTANT * size) & (n_images > 1),
    ]
    *named, otherwise = np.array(BEHAVIOURS, dtype=object)
    return np.select(conditions, named, default=otherwise)
