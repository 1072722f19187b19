"""The images that open each channel most, and those that open it least."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import (
    block_channels,
    block_facts,
    match_blocks,
    recorded,
    row_batches,
)
from se_probe.stats import require_images
from se_probe.views.classes import find_classes
from se_probe.views.rows import as_slice

__all__ = ["ENDS", "End", "extremes"]

End = Literal["most", "least"]
ENDS: tuple[End, ...] = ("most", "least")


def extremes(
    record: xr.DataArray,
    blocks: Sequence[str] | None = None,
    channels: Sequence[int] | None = None,
    *,
    classes: Sequence[str] | None = None,
    n_images: int = 8,
) -> xr.Dataset:
    """Images for which each channel's gate is largest, and smallest.

    One pass over the record; memory grows with the channels and not with the images.
    Of images with equal gates, the earlier one in the record comes first.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    blocks : sequence of str, optional
        Names, module paths or globs; all blocks by default.
    channels : sequence of int, optional
        Positions within each of the blocks, from 0, in the order wanted; all by
        default.
    classes : sequence of str, optional
        Look among the images of these classes only; among all by default.
    n_images : int, default 8
        At each end; fewer where fewer images count.

    Returns
    -------
    xr.Dataset, dims (end, rank, channel)
        `gate`, `image` (position in the record), `image_id` and `class_name`; `end` is
        "most" (open) and "least", `rank` counts from 0 at the very end. `channel` is
        the position in the record. The attribute `n_searched` is how many images count.

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If there are no classes, a block has no such channel, or `n_images` is below 1.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.5], [0.25], [0.75]]}, ["pug", "cliff", "pug"])
    >>> extremes(gates, n_images=2)["image"].squeeze("channel").values.tolist()
    [[2, 0], [1, 0]]
    """
    if n_images < 1:
        raise UsageError(f"expected 1 image or more at each end, got {n_images}")
    require_images(record)
    positions = _positions(record, blocks, channels)
    counts = recorded(record)
    if classes is not None:
        counts &= np.isin(record["class_name"].values, find_classes(record, classes))
    found = _search(record, positions, np.flatnonzero(counts), n_images)
    gate, image = (np.stack(both) for both in zip(*found, strict=True))
    dims = ("end", "rank", "channel")
    along_channel = [n for n, c in record.coords.items() if c.dims == ("channel",)]
    return xr.Dataset(
        {
            "gate": (dims, gate),
            "image": (dims, image),
            "image_id": (dims, record["image_id"].values[image]),
            "class_name": (dims, record["class_name"].values[image]),
        },
        coords={name: record[name].isel(channel=positions) for name in along_channel}
        | {"end": list(ENDS), "rank": np.arange(image.shape[1]), "channel": positions},
        attrs={**record.attrs, "n_searched": int(counts.sum())},
    )


def _positions(
    record: xr.DataArray, blocks: Sequence[str] | None, channels: Sequence[int] | None
) -> npt.NDArray[np.intp]:
    """Positions along `channel` of some channels of some blocks, block by block."""
    facts = block_facts(record)
    names = match_blocks(list(blocks) if blocks else ["*"], facts)
    every = np.arange(record.sizes["channel"])
    found = []
    for name in names:
        own = every[block_channels(record, name)]
        numbers = record["channel_in_block"].values[own].tolist()
        place = dict(zip(numbers, own.tolist(), strict=True))
        wanted = numbers if channels is None else list(dict.fromkeys(channels))
        if not wanted:
            raise UsageError("expected at least one channel, got none")
        missing = [number for number in wanted if number not in place]
        if missing:
            raise UsageError(
                f"{name} has no channel {missing[0]}: its {len(numbers):,} channels "
                f"run from {min(numbers)} to {max(numbers)}"
            )
        found += [place[number] for number in wanted]
    return np.array(found, dtype=np.intp)


def _search(
    record: xr.DataArray,
    positions: npt.NDArray[np.intp],
    images: npt.NDArray[np.intp],
    n_kept: int,
) -> tuple[tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]], ...]:
    """Gates and images at both ends of each channel, shapes (kept, channels)."""
    most, least = (_Best(len(positions), n_kept) for _ in ENDS)
    is_searched = np.isin(np.flatnonzero(recorded(record)), images)
    start = n_seen = 0
    for batch in row_batches(record, as_slice(positions)):
        stop = start + batch.sizes["image"]
        gates = batch.values[is_searched[start:stop]]
        start = stop
        # Few of the next rows exceed what is kept of as many before them: so a slice is
        # never longer than what was seen, or everything would have to be sorted.
        while len(gates):
            n = max(n_kept, n_seen)
            most.add(gates[:n], images[n_seen : n_seen + n])
            least.add(-gates[:n], images[n_seen : n_seen + n])
            n_seen += len(gates[:n])
            gates = gates[n:]
    return (most.values(), most.images()), (-least.values(), least.images())


class _Best:
    """The largest values of each column so far, and whose they are.

    Columns, values and images lie in flat arrays, sorted by column, then from the
    largest value down, then in the order of the images.
    """

    def __init__(self, n_columns: int, n_kept: int) -> None:
        self._n_kept = n_kept
        self._bar = np.full(n_columns, -np.inf, np.float32)  # what is to be exceeded
        self._column = np.zeros(0, np.intp)
        self._value = np.zeros(0, np.float32)
        self._image = np.zeros(0, np.intp)

    def add(
        self, values: npt.NDArray[np.float32], images: npt.NDArray[np.intp]
    ) -> None:
        """Take in the rows of later images, shape (images, columns)."""
        row, column = np.nonzero(values > self._bar)
        columns = np.concatenate([self._column, column])
        gates = np.concatenate([self._value, values[row, column]])
        owners = np.concatenate([self._image, images[row]])
        order = np.lexsort((owners, -gates, columns))
        columns = columns[order]
        rank = np.arange(len(columns)) - np.searchsorted(columns, columns)
        order, columns = order[rank < self._n_kept], columns[rank < self._n_kept]
        self._column, self._value, self._image = columns, gates[order], owners[order]
        is_last = rank[rank < self._n_kept] == self._n_kept - 1
        self._bar[columns[is_last]] = self._value[is_last]

    def values(self) -> npt.NDArray[np.float32]:
        """Largest values, shape (kept, columns)."""
        return self._value.reshape(len(self._bar), -1).T

    def images(self) -> npt.NDArray[np.intp]:
        """Whose they are, shape (kept, columns)."""
        return self._image.reshape(len(self._bar), -1).T
