"""Rows of a heatmap: images sorted by class, averaged down to what can be seen."""

from collections.abc import Sequence
from typing import Literal, Unpack, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import State, block_names, recorded, row_batches
from se_probe.progress import Progress
from se_probe.views.selection import (
    Choices,
    Selection,
    block_part,
    pick_channels,
)

__all__ = ["MAX_ROWS", "ChannelOrder", "rows_table", "sorted_rows"]

# Rows of pixels in the smallest panel of a saved figure.
MAX_ROWS = 300

ChannelOrder = Literal["index", "class"]


def sorted_rows(
    record: xr.DataArray,
    selection: Selection | None = None,
    /,
    *,
    max_rows: int = MAX_ROWS,
    channel_order: ChannelOrder = "index",
    progress: Progress | None = None,
    **choices: Unpack[Choices],
) -> xr.DataArray:
    """Every gate of some blocks, with the images sorted by class.

    Images are averaged within their class, in the record's order, until the rows fit
    `max_rows`. One pass over the record, averaging while reading, so that memory does
    not grow with the number of images.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    selection : Selection, optional
        Its classes, in the order of the rows, and its blocks, of which all channels
        are taken.
    max_rows : int, default 300
        Exceeded only where there are more classes: each class has a row of its own.
    channel_order : {"index", "class"}, default "index"
        "class" puts the channels of each block side by side by the class for which
        they open most (largest standardised class mean), in the order of the rows, and
        within a class those first for which this is most pronounced. What is sorted by
        the same images that are shown looks more structured than it is: compare with
        shuffled labels.
    progress : callable, optional
        Called with how many images are done and how many there are.
    **choices
        The fields of :class:`Selection`, instead of one.

    Returns
    -------
    xr.DataArray, dims (row, channel)
        float64 means, with the coordinates `class_name` and `n_images` along `row` and
        the record's along `channel`; `channel` is the position in the record. The
        attribute `images_per_row` is how many images a row is the mean of (the last row
        of a class may have fewer), `channel_order` how the channels are sorted.

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If there are no classes, or no such order.

    References
    ----------
    Sorting columns by the group that they mark is how scanpy draws genes:
    https://scanpy.readthedocs.io/en/stable/api/generated/scanpy.pl.rank_genes_groups_heatmap.html

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.25], [0.5], [0.75]]}, ["pug", "cliff", "pug"])
    >>> sorted_rows(gates).squeeze("channel").values.tolist()
    [0.5, 0.25, 0.75]
    """
    if channel_order not in get_args(ChannelOrder):
        raise UsageError(
            f"expected the channel order index or class, got {channel_order!r}"
        )
    chosen = Selection.of(selection, choices).whole_blocks().resolve(record)
    channels = as_slice(chosen.channels)
    part = record.isel(channel=channels)
    names = part["class_name"].to_numpy()[recorded(part)]
    row_of, per_row = _rows_of_images(names, chosen.classes, max_rows)
    n_rows = int(row_of.max()) + 1
    sums = np.zeros((n_rows, part.sizes["channel"]))
    shown, start = row_of[row_of >= 0], 0
    for batch in row_batches(_only(record, row_of >= 0), channels):
        stop = start + batch.sizes["image"]
        _add_rows(sums, batch.values, shown[start:stop])
        start = stop
        if progress is not None:
            progress(start, len(shown))
    n_images = np.bincount(row_of[row_of >= 0], minlength=n_rows)
    first = np.unique(row_of[row_of >= 0], return_index=True)[1]
    class_name = names[row_of >= 0][first]
    along_channel = [name for name, c in part.coords.items() if "channel" in c.dims]
    rows = xr.DataArray(
        sums / n_images[:, None],
        dims=("row", "channel"),
        coords={name: part[name] for name in along_channel}
        | {
            "channel": chosen.channels,
            "class_name": ("row", class_name),
            "n_images": ("row", n_images),
        },
        attrs={
            **record.attrs,
            "images_per_row": per_row,
            "channel_order": channel_order,
        },
        name="gate",
    )
    return rows if channel_order == "index" else rows.isel(channel=_by_class(rows))


def rows_table(rows: xr.DataArray, channels: int | Literal["all"] = 50) -> pd.DataFrame:
    """Numbers of a heatmap, at some channels of each block.

    All channels of a large network would make a file of many megabytes, and the gate
    record holds them anyway; so evenly spaced ones are taken unless all are asked for.

    Parameters
    ----------
    rows : xr.DataArray, dims (row, channel)
        From :func:`sorted_rows`.
    channels : int or "all", default 50
        How many channels of each block.

    Returns
    -------
    pd.DataFrame
        One row per row of the heatmap: `row`, `class_name`, `n_images`, and a column
        of mean gates for each channel, such as "SE_5_1/41".

    Raises
    ------
    UsageError
        If the channels are invalid.
    """
    columns = {
        "row": range(rows.sizes["row"]),
        "class_name": rows["class_name"].to_numpy(),
        "n_images": rows["n_images"].to_numpy(),
    }
    for block in block_names(rows):
        part = block_part(rows, block)
        gates, position = part.to_numpy(), part["channel_in_block"].to_numpy()
        for i in pick_channels(part.sizes["channel"], channels):
            columns[f"{block}/{position[i]}"] = gates[:, i]
    return pd.DataFrame(columns)


def _by_class(rows: xr.DataArray) -> npt.NDArray[np.intp]:
    """Order of the channels within their blocks, by the class that opens them most."""
    names = rows["class_name"].to_numpy()
    classes = list(dict.fromkeys(names))
    class_of = np.array([classes.index(name) for name in names])
    weights = rows["n_images"].to_numpy().astype(np.float64)
    sums = np.zeros((len(classes), rows.sizes["channel"]))
    np.add.at(sums, class_of, rows.to_numpy() * weights[:, None])
    means = sums / np.bincount(class_of, weights)[:, None]
    centred = means - means.mean(axis=0)
    spread = centred.std(axis=0)
    # Channels that are the same for all classes come last.
    height = centred.max(axis=0) / np.where(spread > 0, spread, np.inf)
    opened = np.where(spread > 0, centred.argmax(axis=0), len(classes))
    block_of = np.unique(rows["block"].to_numpy().astype(str), return_inverse=True)[1]
    return np.lexsort((-height.round(9), opened, block_of))


def as_slice(positions: npt.NDArray[np.intp]) -> slice | npt.NDArray[np.intp]:
    """Positions as a slice where they are consecutive: reading goes faster by one."""
    if len(positions) and np.array_equal(
        positions, np.arange(positions[0], positions[0] + len(positions))
    ):
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def _rows_of_images(
    class_names: npt.NDArray[np.object_], names: Sequence[str], max_rows: int
) -> tuple[npt.NDArray[np.intp], int]:
    """Row of each image (-1 for classes not shown), and how many images to a row."""
    position = {name: k for k, name in enumerate(names)}
    class_of = np.array([position.get(name, -1) for name in class_names])
    counts = np.bincount(class_of[class_of >= 0], minlength=len(names))
    per_row = _images_per_row(counts, max_rows)
    first_row = np.concatenate([[0], np.cumsum(-(-counts // per_row))])
    row_of = np.full(len(class_of), -1)
    for k in range(len(names)):
        images = np.flatnonzero(class_of == k)
        row_of[images] = first_row[k] + np.arange(len(images)) // per_row
    return row_of, per_row


def _images_per_row(counts: npt.NDArray[np.intp], max_rows: int) -> int:
    """Fewest images to a row for which all classes together fit `max_rows`."""
    room = max(max_rows, len(counts))
    per_row = max(1, int(-(-counts.sum() // room)))
    while (-(-counts // per_row)).sum() > room:
        per_row += 1
    return per_row


def _only(record: xr.DataArray, shown: npt.NDArray[np.bool_]) -> xr.DataArray:
    """Record of which only some of the recorded rows are read."""
    state = record["state"].to_numpy().copy()
    state[np.flatnonzero(recorded(record))[~shown]] = State.SKIPPED
    return record.assign_coords(state=("image", state))


def _add_rows(
    sums: npt.NDArray[np.float64],
    gates: npt.NDArray[np.floating],
    row_of: npt.NDArray[np.intp],
) -> None:
    """Add each image's gates to its row; shape (images, channels)."""
    for row in np.unique(row_of[row_of >= 0]):
        sums[row] += gates[row_of == row].sum(axis=0, dtype=np.float64)
