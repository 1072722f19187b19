"""Single batches of a record, as the network saw them."""

from dataclasses import replace

import xarray as xr

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import recorded
from se_probe.sampling import check_batches
from se_probe.views.classes import find_classes, listed
from se_probe.views.rows import MAX_ROWS, sorted_rows
from se_probe.views.selection import Selection

__all__ = ["batch_rows"]


def batch_rows(
    record: xr.DataArray,
    number: int,
    selection: Selection | None = None,
    *,
    max_rows: int = MAX_ROWS,
) -> xr.DataArray:
    """Every gate of some blocks in one batch, its images sorted by class.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record that says its batch size.
    number : int
        From 0.
    selection : Selection, optional
        As for :func:`sorted_rows`; the batch need not hold all of its classes.
    max_rows : int, default 300
        As for :func:`sorted_rows`.

    Returns
    -------
    xr.DataArray, dims (row, channel)
        As of :func:`sorted_rows`, with the attribute `batch`.

    Raises
    ------
    UsageError
        If there is no such batch, or it holds nothing of these classes.
    GateRecordError
        If the record does not say its batch size.
    """
    selection = selection or Selection()
    classes = find_classes(record, selection.classes)
    size = record.attrs.get("batch_size")
    if not size:
        raise GateRecordError(
            "the gate record does not say its batch size, so it has no batches to draw"
        )
    check_batches([number], record.sizes["image"], size)
    batch = record.isel(image=slice(number * size, (number + 1) * size))
    held = set(batch["class_name"].values[recorded(batch)])
    shown = [name for name in classes if name in held]
    if not shown:
        raise UsageError(
            f"batch {number} of the record has no gates of {listed(classes)}"
        )
    rows = sorted_rows(batch, replace(selection, classes=shown), max_rows=max_rows)
    return rows.assign_attrs(batch=number)
