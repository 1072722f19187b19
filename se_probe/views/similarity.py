"""Class by class: how alike two classes' mean gates are, along the network."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import block_channels, block_facts, match_blocks
from se_probe.progress import Progress
from se_probe.stats import class_similarity, moments_of, shuffled_class_means
from se_probe.views.clustering import cluster_order

__all__ = [
    "MAX_LABELLED",
    "class_similarities",
    "describe_similarity",
    "nearest_classes",
    "similarity_table",
]

# Above so many classes their names have no room beside the matrix.
MAX_LABELLED = 60
_N_NAMED = 5
_LEVELS = ("shuffled_q95", "shuffled_max")


def class_similarities(
    source: xr.DataArray | xr.Dataset,
    blocks: Sequence[str] | None = None,
    moments: xr.Dataset | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """How alike the mean gates of every two classes are, in some blocks.

    Parameters
    ----------
    source : xr.DataArray or xr.Dataset
        A gate record, or its :func:`~se_probe.stats.class_moments`, which cannot tell
        the level under shuffled labels.
    blocks : sequence of str, optional
        Names, module paths or globs; the first, the middle and the last by default.
    moments : xr.Dataset, optional
        The record's moments, where they are known already; spares one pass.
    seed : int, default 0
        Of the shuffled labels.
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    xr.Dataset
        `similarity`, dims (block, class_name, other_class), from -1 to 1: see
        :func:`~se_probe.stats.class_similarity`. Classes stand in the order of
        :func:`cluster_order` in the last of the blocks. `shuffled_q95` and
        `shuffled_max`, dims (block,): what 95 % and all of the pairs stay below where
        the labels are shuffled; NaN without the record. `count`, dims (class_name,).
        Blocks in network order.

    Raises
    ------
    BlockNameError
        If a name means no block.
    GateRecordError
        If fewer than three classes were recorded: what two differ in is opposite.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> values = [[0.25, 0.5], [0.25, 0.75], [0.75, 0.25]]
    >>> gates = make_gates({"SE_2_1": values}, ["pug", "beagle", "cliff"])
    >>> view = class_similarities(gates)
    >>> pair = {"class_name": "pug", "other_class": "beagle"}
    >>> view["similarity"].sel(pair).item() > 0
    True
    """
    known = moments_of(source, progress=progress) if moments is None else moments
    n_classes = known.sizes["class_name"]
    if n_classes < 3:
        raise GateRecordError(
            "similarity of classes needs three of them, because what only two differ "
            f"in is opposite; {n_classes} recorded: "
            f"{', '.join(map(str, known['class_name'].to_numpy()))}"
        )
    names = _chosen(known, blocks)
    places = [
        np.arange(known.sizes["channel"])[block_channels(known, b)] for b in names
    ]
    found = [class_similarity(known["mean"].to_numpy()[:, at]) for at in places]
    order = cluster_order(found[-1])
    levels = np.full((len(names), 2), np.nan)
    if isinstance(source, xr.DataArray):
        levels = _levels(source, known, places, seed, progress)
    ordered = known["class_name"].to_numpy()[order]
    return xr.Dataset(
        {
            "similarity": (
                ("block", "class_name", "other_class"),
                np.stack([each[np.ix_(order, order)] for each in found]),
            ),
            "shuffled_q95": ("block", levels[:, 0]),
            "shuffled_max": ("block", levels[:, 1]),
            "count": ("class_name", known["count"].to_numpy()[order]),
        },
        coords={
            "block": np.array(names, dtype=object),
            "class_name": ordered,
            "other_class": ordered,
        },
        attrs=known.attrs,
    )


def _chosen(known: xr.Dataset, blocks: Sequence[str] | None) -> list[str]:
    facts = block_facts(known)
    if blocks:
        return match_blocks(blocks, facts)
    names = [str(fact["name"]) for fact in facts]
    return list(dict.fromkeys([names[0], names[len(names) // 2], names[-1]]))


def _levels(
    record: xr.DataArray,
    known: xr.Dataset,
    places: Sequence[npt.NDArray[np.intp]],
    seed: int,
    progress: Progress | None,
) -> npt.NDArray[np.float64]:
    """What 95 % and all pairs stay below under shuffled labels, block by block."""
    every = np.concatenate(places)
    part, moments = record.isel(channel=every), known.isel(channel=every)
    means = shuffled_class_means(part, moments, seed=seed, progress=progress).to_numpy()
    pairs = np.triu_indices(len(means), k=1)
    levels, start = np.full((len(places), 2), np.nan), 0
    for level, at in zip(levels, places, strict=True):
        found = class_similarity(means[:, start : start + len(at)])[pairs]
        finite = found[np.isfinite(found)]
        if len(finite):
            level[:] = np.quantile(finite, (0.95, 1))
        start += len(at)
    return levels


def nearest_classes(view: xr.Dataset) -> pd.DataFrame:
    """The class that is most like each class, in each block.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`class_similarities`.

    Returns
    -------
    pd.DataFrame
        `block`, `class_name`, `nearest_class`, `similarity`, and `shuffled_q95` and
        `shuffled_max` of the block; blocks in network order, the most alike first.
        Classes of which nothing is known are left out.
    """
    names, rows = view["class_name"].to_numpy(), []
    for block in view["block"].to_numpy():
        one = view.sel(block=block)
        values = one["similarity"].to_numpy().copy()
        np.fill_diagonal(values, np.nan)
        known = np.flatnonzero(np.isfinite(values).any(axis=1))
        nearest = np.nanargmax(values[known], axis=1)
        found = values[known, nearest]
        rows += [
            (block, names[known[k]], names[nearest[k]], found[k])
            for k in np.argsort(-found, kind="stable")
        ]
    columns = ["block", "class_name", "nearest_class", "similarity"]
    table = pd.DataFrame(rows, columns=columns)
    for name in _LEVELS:
        table[name] = table["block"].map(view[name].to_series())
    return table


def similarity_table(view: xr.Dataset) -> pd.DataFrame:
    """The numbers of the figure, as they are written beside it.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`class_similarities`.

    Returns
    -------
    pd.DataFrame
        Every pair of classes once for each block, in the order of the figure; above 60
        classes :func:`nearest_classes`, because a thousand have half a million pairs.
    """
    if view.sizes["class_name"] > MAX_LABELLED:
        return nearest_classes(view)
    first, second = np.triu_indices(view.sizes["class_name"], k=1)
    names = view["class_name"].to_numpy()
    parts = []
    for block in view["block"].to_numpy():
        one = view.sel(block=block)
        columns = {
            "block": block,
            "class_name": names[first],
            "other_class": names[second],
            "similarity": one["similarity"].to_numpy()[first, second],
        }
        parts.append(
            pd.DataFrame(columns).assign(**{n: one[n].item() for n in _LEVELS})
        )
    return pd.concat(parts, ignore_index=True)


def describe_similarity(view: xr.Dataset) -> list[str]:
    """Which classes are most alike in each block, in sentences.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`class_similarities`.

    Returns
    -------
    list of str
        One for each block, with the level under shuffled labels where it is known.
    """
    table = nearest_classes(view)
    sentences = []
    for block in view["block"].to_numpy():
        found = _pairs(table[table["block"] == block])
        if not found:
            sentences.append(f"In {block} no gates depend on the class.")
            continue
        sentences.append(
            f"Most alike in {block}: {', '.join(found)}.{_above(view, block)}"
        )
    return sentences


def _above(view: xr.Dataset, block: str) -> str:
    """How many pairs are more alike than shuffled labels make any."""
    one = view.sel(block=block)
    level = one["shuffled_max"].item()
    if np.isnan(level):
        return ""
    values = one["similarity"].to_numpy()[np.triu_indices(view.sizes["class_name"], 1)]
    known = values[np.isfinite(values)]
    n_above = int((known > level).sum())
    return (
        f" {n_above:,} of the {len(known):,} pairs are more alike than any is with the "
        f"labels shuffled once ({level:.3f})."
    )


def _pairs(nearest: pd.DataFrame) -> list[str]:
    """The most alike pairs, each once."""
    pairs: dict[frozenset[str], str] = {}
    columns = ("class_name", "nearest_class", "similarity")
    for one, other, value in zip(*(nearest[c] for c in columns), strict=True):
        pairs.setdefault(frozenset((one, other)), f"{one} and {other} {value:.2f}")
    return list(pairs.values())[:_N_NAMED]
