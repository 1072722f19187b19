"""Rows and channels averaged down to the pixels that a panel has."""

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = ["fit_rows"]


def fit_rows(rows: xr.DataArray, max_rows: int, max_channels: int) -> xr.DataArray:
    """Rows of one block, averaged until they fit so many rows and channels.

    Neighbouring rows of one class are averaged with each other, each weighing as many
    images as it stands for, and neighbouring channels. What fits is left as it is.

    Parameters
    ----------
    rows : xr.DataArray, dims (row, channel)
        From :func:`~se_probe.views.sorted_rows`, of one block.
    max_rows, max_channels : int
        Where there are more classes than rows, neighbouring classes are averaged too.

    Returns
    -------
    xr.DataArray, dims (row, channel)
        With the coordinates `class_name` (of the first image) and `n_images` along
        `row`, and the attributes `images_per_row`, `classes_per_row` and
        `channels_per_column`, the most that one is the mean of.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> from se_probe.views import sorted_rows
    >>> rows = sorted_rows(make_gates({"SE_2_1": [[0.0, 0.5, 1.0, 0.5]]}, ["pug"]))
    >>> fit_rows(rows, 10, 2).values.tolist()
    [[0.25, 0.75]]
    """
    names, n_images = rows["class_name"].to_numpy(), rows["n_images"].to_numpy()
    row_edges = _row_edges(names, max_rows)
    column_edges = _edges(rows.sizes["channel"], max_channels)
    weights = n_images[:, None].astype(np.float64)
    images = np.add.reduceat(n_images, row_edges)
    values = rows.to_numpy()
    if len(row_edges) < len(names):
        values = np.add.reduceat(values * weights, row_edges) / images[:, None]
    if len(column_edges) < values.shape[1]:
        widths = np.diff(np.append(column_edges, values.shape[1]))
        values = np.add.reduceat(values, column_edges, axis=1) / widths
    is_merged = len(row_edges) < len(names)
    per_row = int(images.max()) if is_merged else rows.attrs["images_per_row"]
    n_classes = len(dict.fromkeys(names))
    return xr.DataArray(
        values,
        dims=("row", "channel"),
        coords={
            "class_name": ("row", names[row_edges]),
            "n_images": ("row", images),
        },
        attrs={
            **rows.attrs,
            "images_per_row": per_row,
            "classes_per_row": max(1, -(-n_classes // len(row_edges))),
            "channels_per_column": -(-rows.sizes["channel"] // len(column_edges)),
        },
        name=rows.name,
    )


def _edges(n: int, n_bins: int) -> npt.NDArray[np.intp]:
    """Where each of at most `n_bins` bins of about the same size begins."""
    n_bins = max(1, min(n, n_bins))
    return np.arange(n_bins) * n // n_bins


def _row_edges(
    class_names: npt.NDArray[np.object_], max_rows: int
) -> npt.NDArray[np.intp]:
    """Where each bin of rows begins; it holds one class where they all fit."""
    starts = np.flatnonzero(
        np.concatenate([[True], class_names[1:] != class_names[:-1]])
    )
    if len(class_names) <= max_rows:
        return np.arange(len(class_names))
    if len(starts) > max_rows:
        return _edges(len(class_names), max_rows)
    counts = np.diff(np.append(starts, len(class_names)))
    per_bin = 1
    while (-(-counts // per_bin)).sum() > max_rows:
        per_bin += 1
    return np.concatenate(
        [
            start + np.arange(0, count, per_bin)
            for start, count in zip(starts, counts, strict=True)
        ]
    )
