"""Rows of a heatmap: images sorted by class, averaged down to what can be seen."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.gates import block_names, recorded, row_batches
from se_probe.views.selection import (
    Choices,
    NChannels,
    Selection,
    block_part,
    pick_channels,
)

__all__ = ["MAX_ROWS", "rows_table", "sorted_rows"]

# Rows of pixels in the smallest panel of a saved figure.
MAX_ROWS = 300


def sorted_rows(
    record: xr.DataArray,
    selection: Selection | None = None,
    /,
    *,
    max_rows: int = MAX_ROWS,
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
    **choices
        The fields of :class:`Selection`, instead of one.

    Returns
    -------
    xr.DataArray, dims (row, channel)
        float64 means, with the coordinates `class_name` and `n_images` along `row` and
        the record's along `channel`; `channel` is the position in the record. The
        attribute `images_per_row` is how many images a row is the mean of; the last row
        of a class may have fewer.

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If there are no classes.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.25], [0.5], [0.75]]}, ["pug", "cliff", "pug"])
    >>> sorted_rows(gates).squeeze("channel").values.tolist()
    [0.5, 0.25, 0.75]
    """
    chosen = Selection.of(selection, choices).whole_blocks().resolve(record)
    channels = as_slice(chosen.channels)
    part = record.isel(channel=channels)
    names = part["class_name"].to_numpy()[recorded(part)]
    row_of, per_row = _rows_of_images(names, chosen.classes, max_rows)
    n_rows = int(row_of.max()) + 1
    sums = np.zeros((n_rows, part.sizes["channel"]))
    start = 0
    for batch in row_batches(record, channels):
        stop = start + batch.sizes["image"]
        _add_rows(sums, batch.values, row_of[start:stop])
        start = stop
    n_images = np.bincount(row_of[row_of >= 0], minlength=n_rows)
    first = np.unique(row_of[row_of >= 0], return_index=True)[1]
    class_name = names[row_of >= 0][first]
    along_channel = [name for name, c in part.coords.items() if "channel" in c.dims]
    return xr.DataArray(
        sums / n_images[:, None],
        dims=("row", "channel"),
        coords={name: part[name] for name in along_channel}
        | {
            "channel": chosen.channels,
            "class_name": ("row", class_name),
            "n_images": ("row", n_images),
        },
        attrs={**record.attrs, "images_per_row": per_row},
        name="gate",
    )


def rows_table(rows: xr.DataArray, channels: NChannels = 50) -> pd.DataFrame:
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
        If the channels cannot be meant.
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


def _add_rows(
    sums: npt.NDArray[np.float64],
    gates: npt.NDArray[np.floating],
    row_of: npt.NDArray[np.intp],
) -> None:
    """Add each image's gates to its row; shape (images, channels)."""
    for row in np.unique(row_of[row_of >= 0]):
        sums[row] += gates[row_of == row].sum(axis=0, dtype=np.float64)
