"""Rows of a heatmap: images sorted by class, averaged down to what can be seen."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.gates import Channels, recorded, row_batches
from se_probe.plots.selection import find_classes
from se_probe.stats.moments import require_images

__all__ = ["label_sorted_rows"]


def label_sorted_rows(
    record: xr.DataArray,
    channels: Channels | None = None,
    *,
    classes: Sequence[str] | None = None,
    max_rows: int = 400,
) -> xr.DataArray:
    """Gates with the images sorted by class, averaged until they fit `max_rows`.

    One pass over the record, averaging while reading, so that memory does not grow
    with the number of images. Only images of one class are averaged with each other,
    in the record's order.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    channels : slice or np.ndarray of int, optional
        Positions along `channel`; all by default.
    classes : sequence of str, optional
        In the order of the rows; all recorded ones, by class index, by default.
    max_rows : int, default 400
        Exceeded only where there are more classes: each class has a row of its own.

    Returns
    -------
    xr.DataArray, dims (row, channel)
        float64 means, with the coordinates `class_name` and `n_images` along `row` and
        the record's along `channel`. The attribute `images_per_row` is how many images
        a row is the mean of; the last row of a class may have fewer.

    Raises
    ------
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If `classes` is empty.
    """
    require_images(record)
    done = record.coords.to_dataset().isel(image=recorded(record))
    names = find_classes(done.assign_attrs(record.attrs), classes)
    row_of, per_row = _rows_of_images(done["class_name"].values, names, max_rows)
    labelled = record if channels is None else record.isel(channel=channels)
    n_rows = int(row_of.max()) + 1
    sums = np.zeros((n_rows, labelled.sizes["channel"]))
    start = 0
    for batch in row_batches(record, channels):
        stop = start + batch.sizes["image"]
        _add_rows(sums, batch.values, row_of[start:stop])
        start = stop
    n_images = np.bincount(row_of[row_of >= 0], minlength=n_rows)
    first = np.unique(row_of[row_of >= 0], return_index=True)[1]
    class_name = done["class_name"].values[row_of >= 0][first]
    along_channel = [name for name, c in labelled.coords.items() if "channel" in c.dims]
    return xr.DataArray(
        sums / n_images[:, None],
        dims=("row", "channel"),
        coords={name: labelled[name] for name in along_channel}
        | {"class_name": ("row", class_name), "n_images": ("row", n_images)},
        attrs={**record.attrs, "images_per_row": per_row},
        name="gate",
    )


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
