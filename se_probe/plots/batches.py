"""Single batches of a record, as the network saw them."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import recorded
from se_probe.plots.labels import gate_limits
from se_probe.plots.selection import block_names, listed

__all__ = ["batch_limits", "check_batches", "one_batch"]


def check_batches(numbers: Sequence[int], n_images: int, batch_size: int) -> None:
    """Check that there are such batches.

    Parameters
    ----------
    numbers : sequence of int
        From 0.
    n_images, batch_size : int

    Raises
    ------
    UsageError
        Naming the first that is not there, and those that are.

    Examples
    --------
    >>> check_batches([0, 4], n_images=500, batch_size=100)
    """
    n_batches = -(-n_images // batch_size)
    for number in numbers:
        if not 0 <= number < n_batches:
            raise UsageError(
                f"there is no batch {number}: {n_images:,} images in batches of "
                f"{batch_size:,} make the batches 0 to {n_batches - 1:,}"
            )


def one_batch(
    record: xr.DataArray, number: int, classes: Sequence[str]
) -> xr.DataArray:
    """Recorded rows of one batch and some classes, in the batch's order.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record that says its batch size.
    number : int
        From 0.
    classes : sequence of str
        Names as recorded; the batch need not hold them all.

    Returns
    -------
    xr.DataArray, dims (image, channel)
        With at least one row.

    Raises
    ------
    UsageError
        If there is no such batch, or it holds nothing of these classes.
    GateRecordError
        If the record does not say its batch size.
    """
    size = record.attrs.get("batch_size")
    if not size:
        raise GateRecordError(
            "the gate record does not say its batch size, so it has no batches to draw"
        )
    check_batches([number], record.sizes["image"], size)
    batch = record.isel(image=slice(number * size, (number + 1) * size))
    is_asked = recorded(batch) & np.isin(batch["class_name"].values, list(classes))
    if not is_asked.any():
        raise UsageError(
            f"batch {number} of the record has no gates of {listed(classes)}"
        )
    return batch.isel(image=is_asked)


def batch_limits(
    batches: Sequence[xr.DataArray], blocks: Sequence[str] | None = None
) -> tuple[float, float]:
    """Ends of a colour bar that several batches share, so that they can be compared.

    Parameters
    ----------
    batches : sequence of xr.DataArray, dims (image, channel)
        From :func:`one_batch`.
    blocks : sequence of str, optional
        As in :func:`~se_probe.plots.figure_heatmaps`.

    Returns
    -------
    low, high : float

    Raises
    ------
    BlockNameError
        If a name means no block.
    """
    ends = []
    for batch in batches:
        is_shown = np.isin(batch["block"].values, block_names(batch, blocks))
        gates = batch.isel(channel=is_shown).values
        ends += [gates.min(), gates.max()]
    return gate_limits(ends)
