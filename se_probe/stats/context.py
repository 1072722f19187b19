"""How the gate of each channel goes with the squeeze that it is computed from."""

import numpy as np
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import context_of, recorded, row_batches
from se_probe.progress import Progress
from se_probe.stats.by_block import channel_labels

__all__ = ["context_slope", "squeeze_of"]


def squeeze_of(record: xr.DataArray) -> xr.DataArray:
    """Squeeze of each gate of a record: the mean of its channel's feature map.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        From :func:`~se_probe.gates.open_gates`, or a selection of such a record.

    Returns
    -------
    xr.DataArray, dims (image, channel)

    Raises
    ------
    GateRecordError
        If it was not recorded.
    """
    context = context_of(record)
    if context is None or "squeeze" not in context:
        raise GateRecordError(
            "the squeeze was not recorded beside the gates. Record them again with "
            "`se-probe record --with squeeze,energy`"
        )
    return context["squeeze"]


def context_slope(
    record: xr.DataArray, *, progress: Progress | None = None
) -> xr.Dataset:
    """Correlation over images of each channel's gate with its own squeeze.

    Near 1 a channel opens where its own feature map is active, near -1 it closes there;
    near 0 what its gate does is decided by other channels. One pass in float64.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        Recorded with its squeeze. Only rows in state `RECORDED` count.
    progress : callable, optional
        Called with how many images are done and how many there are.

    Returns
    -------
    xr.Dataset, dims (channel,)
        `context_slope`, from -1 to 1, NaN where the gate or the squeeze is constant,
        and `mean_gate` and `mean_squeeze` over the images; attribute `n_images`.

    Raises
    ------
    GateRecordError
        If no image was recorded, or not the squeeze.
    """
    squeeze, n_images = squeeze_of(record), int(recorded(record).sum())
    if not n_images:
        raise GateRecordError("no image of the record has been recorded")
    sums = np.zeros((5, record.sizes["channel"]))
    start, n_done = np.zeros((2, 0)), 0
    for gates, beside in zip(row_batches(record), row_batches(squeeze), strict=True):
        pair = np.stack([gates.values, beside.values]).astype(np.float64)
        # Sums of what differs from the first image keep their digits.
        start = start if start.size else pair[:, 0]
        g, s = pair - start[:, None]
        sums += [each.sum(axis=0) for each in (g, s, g * g, s * s, g * s)]
        n_done += len(g)
        if progress is not None:
            progress(n_done, n_images)
    g, s, gg, ss, gs = sums / n_images
    variances = np.maximum(gg - g**2, 0) * np.maximum(ss - s**2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(variances > 0, (gs - g * s) / np.sqrt(variances), np.nan)
    values = {
        "context_slope": slope.clip(-1, 1),
        "mean_gate": g + start[0],
        "mean_squeeze": s + start[1],
    }
    columns = {name: ("channel", each) for name, each in values.items()}
    about = record.attrs | {"n_images": n_images}
    return xr.Dataset(columns, coords=channel_labels(record), attrs=about)
