"""Which blocks, classes and channels a figure shows."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar, Unpack

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.class_names import label_set
from se_probe.errors import BlockNameError, ClassNameError, UsageError
from se_probe.gates import match_blocks

__all__ = [
    "MAX_PANELS",
    "NChannels",
    "Picking",
    "Sampling",
    "block_name",
    "block_names",
    "block_part",
    "default_blocks",
    "find_classes",
    "listed",
    "n_classes_of_network",
    "pick_channels",
    "shown_channels",
]

MAX_PANELS = 6

Sampling = Literal["even", "random"]
NChannels = int | Literal["all"]


class Picking(TypedDict, total=False):
    """Which channels of a block are shown: the arguments of :func:`pick_channels`."""

    channels: NChannels
    sampling: Sampling
    seed: int


Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


def default_blocks(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """At most six blocks that show how gates change along the network.

    The last block of each earlier stage, then of the last stage the first, the last
    and evenly spaced ones between. For a network of ResNet-50's shape these are the
    panels of the paper's figure: SE_2_3, SE_3_4, SE_4_6, SE_5_1, SE_5_2, SE_5_3.

    Parameters
    ----------
    facts : sequence of mappings
        Each block's `name` and `stage`, in network order.

    Returns
    -------
    list of str
        In network order.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2. https://arxiv.org/abs/1709.01507

    Examples
    --------
    >>> names = ["SE_2_1", "SE_2_2", "SE_3_1", "SE_3_2", "SE_3_3"]
    >>> default_blocks([{"name": n, "stage": int(n[3])} for n in names])
    ['SE_2_2', 'SE_3_1', 'SE_3_2', 'SE_3_3']
    """
    stages: dict[int, list[str]] = {}
    for fact in facts:
        stages.setdefault(int(fact["stage"]), []).append(str(fact["name"]))
    if not stages:
        return []
    *earlier, last_stage = stages.values()
    n_kept = min(2, len(last_stage))
    ends = [blocks[-1] for blocks in earlier][n_kept - MAX_PANELS :]
    picked = pick_channels(len(last_stage), MAX_PANELS - len(ends))
    return ends + [last_stage[i] for i in picked]


def pick_channels(
    n_channels: int,
    channels: NChannels = 50,
    sampling: Sampling = "even",
    seed: int = 0,
) -> npt.NDArray[np.intp]:
    """Channels of a block that a figure shows, the same for every class.

    The paper takes "fifty uniformly sampled channels", which may mean either sampling.

    Parameters
    ----------
    n_channels : int
        Channels of the block.
    channels : int or "all", default 50
        How many to show; all of them where the block has no more.
    sampling : {"even", "random"}, default "even"
        Evenly spaced from the first channel to the last, or drawn without replacement.
    seed : int, default 0
        Of the random draw.

    Returns
    -------
    np.ndarray, length min(channels, n_channels)
        Positions within the block, ascending.

    Raises
    ------
    UsageError
        If `channels` is below 1, or the sampling unknown.

    Examples
    --------
    >>> pick_channels(256, 5)
    array([  0,  64, 128, 191, 255])
    """
    if channels != "all" and channels < 1:
        raise UsageError(f"expected 1 channel or more, or 'all', got {channels}")
    if sampling not in {"even", "random"}:
        raise UsageError(f"expected sampling 'even' or 'random', got {sampling!r}")
    if channels == "all" or channels >= n_channels:
        return np.arange(n_channels)
    if sampling == "even":
        return np.linspace(0, n_channels - 1, channels).round().astype(np.intp)
    drawn = np.random.default_rng(seed).choice(n_channels, channels, replace=False)
    return np.sort(drawn)


def block_name(labelled: xr.DataArray | xr.Dataset, block: str) -> str:
    """Name of the one block that a name, module path or glob means.

    Returns
    -------
    str

    Raises
    ------
    BlockNameError
        If it means no block, or several.
    """
    names = match_blocks([block], _facts(labelled))
    if len(names) > 1:
        raise BlockNameError(f"{block!r} means several blocks: {', '.join(names)}")
    return names[0]


def block_names(
    labelled: xr.DataArray | xr.Dataset, blocks: Sequence[str] | None
) -> list[str]:
    """Names of the blocks to draw: those asked for, else :func:`default_blocks`.

    Returns
    -------
    list of str
        In network order.

    Raises
    ------
    BlockNameError
        If a name means no block.
    """
    facts = _facts(labelled)
    return match_blocks(blocks, facts) if blocks else default_blocks(facts)


def block_part(labelled: Labelled, block: str) -> Labelled:
    """Channels of one block of moments or of a record.

    Returns
    -------
    xr.DataArray or xr.Dataset

    Raises
    ------
    BlockNameError
        If `block` means no block, or several.
    """
    is_block = labelled["block"].values == block_name(labelled, block)
    return labelled.isel(channel=np.flatnonzero(is_block))


def shown_channels(
    moments: xr.Dataset, block: str, **picking: Unpack[Picking]
) -> xr.Dataset:
    """Moments of the channels of a block that a figure shows.

    Returns
    -------
    xr.Dataset

    Raises
    ------
    BlockNameError
        If `block` means no block, or several.
    UsageError
        If the channels cannot be meant.
    """
    part = block_part(moments, block)
    return part.isel(channel=pick_channels(part.sizes["channel"], **picking))


def find_classes(
    labelled: xr.DataArray | xr.Dataset, queries: Sequence[str] | None
) -> list[str]:
    """Recorded class names that queries mean.

    Parameters
    ----------
    labelled : xr.DataArray or xr.Dataset
        A gate record or its moments; anything with the coordinates `class_name` and
        `class_index`.
    queries : sequence of str, optional
        Recorded names, or what :meth:`~se_probe.class_names.LabelSet.find` takes. All
        recorded classes by default.

    Returns
    -------
    list of str
        In the order asked, each once.

    Raises
    ------
    ClassNameError
        If a query means no class, several, or one of which no image was recorded.
    UsageError
        If there are no queries.
    """
    names = labelled["class_name"].values
    index_of = dict(zip(names, labelled["class_index"].values.tolist(), strict=True))
    if queries is None:
        return sorted(index_of, key=lambda name: (index_of[name], name))
    if not queries:
        raise UsageError("expected at least one class, got none")
    found = [_find_class(query, index_of, labelled.attrs) for query in queries]
    return list(dict.fromkeys(found))


def _find_class(
    query: str, index_of: Mapping[str, int], attrs: Mapping[Any, Any]
) -> str:
    if query in index_of:
        return query
    names = list(index_of)
    spec = attrs.get("label_set")
    if not spec:
        return names[label_set(names).find(query).index]
    label = label_set(spec).find(query)
    for name in names:
        if index_of[name] == label.index:
            return name
    raise ClassNameError(f"no image of {label} was recorded, but of {listed(names)}")


def n_classes_of_network(labelled: xr.DataArray | xr.Dataset) -> int | None:
    """Number of classes the network tells apart, where the record says so.

    Returns
    -------
    int or None
    """
    spec = labelled.attrs.get("label_set")
    return len(label_set(spec)) if spec else None


def _facts(labelled: xr.DataArray | xr.Dataset) -> list[dict[str, Any]]:
    names = dict.fromkeys(labelled["block"].values)
    known = {fact["name"]: fact for fact in labelled.attrs.get("blocks", [])}
    stages = dict(zip(labelled["block"].values, labelled["stage"].values, strict=True))
    return [
        {"name": name, "stage": stages[name]} | known.get(name, {}) for name in names
    ]


def listed(names: Sequence[str], n_shown: int = 8) -> str:
    """Names as a sentence lists them: the first few, and how many more.

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["goldfish", "pug", "plane"], 2)
    'goldfish, pug and 1 more'
    """
    shown = ", ".join(names[:n_shown])
    n_more = len(names) - n_shown
    return f"{shown} and {n_more} more" if n_more > 0 else shown
