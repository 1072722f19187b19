"""How many independent gates a block has, whatever the number of its channels."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import Channels, block_channels, block_names, recorded, row_batches
from se_probe.progress import Progress
from se_probe.sampling import evenly
from se_probe.stats.moments import require_images

__all__ = ["effective_rank", "redundancy", "some_rows"]

# What is left of eigenvalues that are 0, by rounding, beside the largest.
_ROUNDING = 1e-12


def redundancy(
    record: xr.DataArray,
    *,
    max_images: int = 4000,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Effective rank of each block's gates, beside its channels and the images.

    Channels that open and close together count as one. The rank of few images is lower
    than that of many, so it stands beside what independent channels would have with
    the same images: the gates of each channel are dealt to the images at random,
    channel by channel, which keeps how much each moves.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    max_images : int, default 4000
        At most so many images, evenly spaced over the record, are looked at; their
        gates are held in memory.
    seed : int, default 0
        Of the independent channels.
    progress : callable, optional
        Called with how many blocks are done and how many there are.

    Returns
    -------
    xr.Dataset, dims (block,)
        `effective_rank`, from 1 to the smaller of channels and images - 1, and
        `independent_rank`, the same of independent channels; NaN for fewer than two
        images, and where no gate of the block changes. `channels`, `constant_channels`
        among them, and `n_images`. Blocks in network order.

    Raises
    ------
    GateRecordError
        If no image was recorded.
    UsageError
        If `max_images` is below 2.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> values = [[0.25, 0.5, 0.0], [0.75, 1.0, 0.5], [0.5, 0.75, 0.25]]
    >>> gates = make_gates({"SE_2_1": values}, ["pug", "pug", "cliff"])
    >>> round(redundancy(gates)["effective_rank"].item(), 6)
    1.0
    """
    gates, rng = some_rows(record, max_images), np.random.default_rng(seed)
    names = block_names(record)
    rows = []
    for n_done, name in enumerate(names, start=1):
        part = gates[:, block_channels(record, name)].astype(np.float64)
        n_constant = int((np.ptp(part, axis=0) == 0).sum())
        ranks = effective_rank(part), effective_rank(rng.permuted(part, axis=0))
        rows.append((*ranks, part.shape[1], n_constant, len(part)))
        if progress is not None:
            progress(n_done, len(names))
    columns = (
        *("effective_rank", "independent_rank"),
        *("channels", "constant_channels", "n_images"),
    )
    found = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return xr.Dataset(
        {name: ("block", list(values)) for name, values in found.items()},
        coords={"block": np.array(names, dtype=object)},
        attrs={**record.attrs, "seed": seed},
    )


def effective_rank(gates: npt.NDArray[np.floating]) -> float:
    """Effective rank exp(-sum of p log p) of the covariance of gates over images.

    Parameters
    ----------
    gates : np.ndarray, shape (n_images, channels)

    Returns
    -------
    float
        With p the eigenvalues of the covariance matrix divided by their sum: 1 where
        all channels move together, and the number of channels where they are
        independent and move equally much. NaN where no gate changes.

    References
    ----------
    Roy, Vetterli. The effective rank: a measure of effective dimensionality. EUSIPCO
    2007 (there of the singular values; here of the eigenvalues of the covariance).
    https://ieeexplore.ieee.org/document/7098875

    Examples
    --------
    >>> round(effective_rank(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), 3)
    1.755
    """
    centred = gates - gates.mean(axis=0, dtype=np.float64)
    # Images and channels have the same eigenvalues, but for those that are 0.
    wide = centred.shape[1] > len(centred)
    product = centred @ centred.T if wide else centred.T @ centred
    values = np.linalg.eigvalsh(product)
    values = values[values > _ROUNDING * max(values[-1], 0.0)]
    if not len(values) or np.ptp(gates, axis=0).max() == 0:
        return float("nan")
    shares = values / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def some_rows(
    record: xr.DataArray, max_images: int, channels: Channels | None = None
) -> npt.NDArray[np.float32]:
    """Gates of some recorded images, evenly spaced over the record, in one pass.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    max_images : int
        All images where there are no more.
    channels : slice or np.ndarray of int, optional
        Positions along `channel`; all by default.

    Returns
    -------
    np.ndarray, shape (n_images, channels)

    Raises
    ------
    GateRecordError
        If no image was recorded.
    UsageError
        If `max_images` is below 2.
    """
    if max_images < 2:
        raise UsageError(f"expected 2 images or more, got {max_images}")
    require_images(record)
    n_recorded = int(recorded(record).sum())
    is_taken = np.zeros(n_recorded, np.bool_)
    is_taken[evenly(list(range(n_recorded)), max_images)] = True
    wanted = record if channels is None else record.isel(channel=channels)
    gates = np.empty((int(is_taken.sum()), wanted.sizes["channel"]), np.float32)
    n_read = n_filled = 0
    for batch in row_batches(record, channels):
        rows = batch.values[is_taken[n_read : n_read + batch.sizes["image"]]]
        gates[n_filled : n_filled + len(rows)] = rows
        n_read, n_filled = n_read + batch.sizes["image"], n_filled + len(rows)
    return gates
