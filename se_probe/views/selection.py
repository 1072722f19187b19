"""Which classes, blocks and channels a view shows: names become positions, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import BlockNameError, UsageError
from se_probe.gates import block_channels, block_facts, block_names, match_blocks
from se_probe.views.classes import find_classes, listed

__all__ = [
    "MAX_PANELS",
    "Choices",
    "Chosen",
    "NChannels",
    "Sampling",
    "Selection",
    "block_part",
    "default_blocks",
    "pick_channels",
]

MAX_PANELS = 6

Sampling = Literal["even", "random"]
NChannels = int | Literal["all"] | Sequence[int]
Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


class Choices(TypedDict, total=False):
    """The fields of :class:`Selection`, where a view is asked for by keywords."""

    classes: str | Sequence[str] | None
    blocks: str | Sequence[str] | None
    channels: NChannels
    sampling: Sampling
    seed: int


@dataclass(frozen=True)
class Chosen:
    """What a :class:`Selection` means in one record.

    Parameters
    ----------
    classes : list of str
        Recorded names, in the order asked.
    blocks : list of str
        In network order.
    channels : np.ndarray
        Positions along `channel` in the record, block by block.
    n_channels : dict of str to int
        Channels of each block in the record.
    """

    classes: list[str]
    blocks: list[str]
    channels: npt.NDArray[np.intp]
    n_channels: dict[str, int]


@dataclass(frozen=True)
class Selection:
    """Which classes, blocks and channels a view shows.

    Parameters
    ----------
    classes : str or sequence of str, optional
        Recorded names, or what :meth:`~se_probe.class_names.LabelSet.find` takes. All
        recorded classes, by class index, by default.
    blocks : str or sequence of str, optional
        Names, module paths or globs of either; :func:`default_blocks` otherwise.
    channels : int, "all" or sequence of int, default 50
        How many channels of each block (all of them where the block has no more), or
        which ones, by their number within the block.
    sampling : {"even", "random"}, default "even"
        Evenly spaced from the first channel to the last, or drawn without replacement.
    seed : int, default 0
        Of the random draw.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.1, 0.9]], "SE_3_1": [[0.5]]}, ["pug"])
    >>> Selection(blocks=["SE_3_*"]).resolve(gates).channels
    array([2])
    """

    classes: str | Sequence[str] | None = None
    blocks: str | Sequence[str] | None = None
    channels: NChannels = 50
    sampling: Sampling = "even"
    seed: int = 0

    @classmethod
    def of(cls, selection: "Selection | None", choices: Choices) -> "Selection":
        """The selection that was given, or the one that keywords describe.

        Returns
        -------
        Selection

        Raises
        ------
        UsageError
            If both are given.
        """
        if selection is None:
            return cls(**choices)
        if choices:
            raise UsageError(
                "a view takes a Selection or its fields by keyword, not both; got "
                f"{', '.join(choices)} beside a Selection"
            )
        return selection

    def resolve(self, source: xr.DataArray | xr.Dataset) -> Chosen:
        """Find what is meant in a record or its moments.

        Parameters
        ----------
        source : xr.DataArray or xr.Dataset
            A gate record or its moments, whole or cut down.

        Returns
        -------
        Chosen

        Raises
        ------
        BlockNameError
            If a name means no block.
        ClassNameError
            If a class is unknown, ambiguous, or was not recorded.
        UsageError
            If there are no classes, or the channels are invalid.
        """
        classes = find_classes(source, _several(self.classes))
        facts = block_facts(source)
        blocks = (
            match_blocks(_several(self.blocks) or (), facts)
            if self.blocks
            else default_blocks(facts)
        )
        every = np.arange(source.sizes["channel"])
        places = {block: every[block_channels(source, block)] for block in blocks}
        number = source["channel_in_block"].values
        picked = [
            channels[self._pick(block, number[channels])]
            for block, channels in places.items()
        ]
        return Chosen(
            classes,
            blocks,
            np.concatenate(picked),
            {block: len(channels) for block, channels in places.items()},
        )

    @property
    def how(self) -> str:
        """How channels are chosen: "even", "random", or "given" by their numbers."""
        is_counted = isinstance(self.channels, int | str)
        return self.sampling if is_counted else "given"

    def whole_blocks(self) -> "Selection":
        """The same classes and blocks, with every channel."""
        return replace(self, channels="all")

    def _pick(
        self, block: str, numbers: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.intp]:
        """Which of a block's channels are shown, given their numbers within it."""
        if isinstance(self.channels, int | str):
            return pick_channels(len(numbers), self.channels, self.sampling, self.seed)
        asked = list(dict.fromkeys(self.channels))
        missing = [number for number in asked if number not in numbers]
        if missing or not asked:
            raise UsageError(
                f"{block} has the channels {numbers.min()} to {numbers.max()}"
                + (", of which some were cut" * int(len(numbers) <= numbers.max()))
                + f"; got {listed([str(each) for each in missing]) or 'none'}"
            )
        position = {int(number): k for k, number in enumerate(numbers)}
        return np.array([position[number] for number in asked], dtype=np.intp)


def default_blocks(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """At most six blocks that show how gates change along the network.

    The last block of each earlier stage, then of the last stage the first, the last
    and evenly spaced ones between. For a network of ResNet-50's shape these are the
    panels of the paper's figure: SE_2_3, SE_3_4, SE_4_6, SE_5_1, SE_5_2, SE_5_3. Where
    none of them is in the first quarter of the network, its first block is shown too.

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
    names = [str(fact["name"]) for fact in facts]
    first = (ends or last_stage)[0]
    if names.index(first) >= max(1, len(names) / 4):
        ends = [names[0], *ends[-(MAX_PANELS - n_kept - 1) :]]
    picked = pick_channels(len(last_stage), MAX_PANELS - len(ends))
    return ends + [last_stage[i] for i in picked]


def pick_channels(
    n_channels: int,
    channels: int | Literal["all"] = 50,
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


def block_part(view: Labelled, block: str | None = None) -> Labelled:
    """Channels of one block of a view.

    Parameters
    ----------
    view : xr.DataArray or xr.Dataset
        With the coordinate `block` along `channel`.
    block : str, optional
        Name or module path; the block of the view where it has only one.

    Returns
    -------
    xr.DataArray or xr.Dataset

    Raises
    ------
    BlockNameError
        If the view does not show this block, or several and none is named.
    """
    shown = block_names(view)
    if block is None:
        if len(shown) > 1:
            raise BlockNameError(f"which block? The view shows {listed(shown)}")
        return view
    # In the order of the view, which may be sorted otherwise than the block.
    channels = np.arange(view.sizes["channel"])[block_channels(view, block)]
    return view.isel(channel=np.sort(channels))


def _several(names: str | Sequence[str] | None) -> Sequence[str] | None:
    """A single name is a list of one, not of its letters."""
    return [names] if isinstance(names, str) else names
