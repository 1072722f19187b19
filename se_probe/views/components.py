"""Map of images: each image a point, by what one block's gates do for it."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import (
    Channels,
    block_channels,
    block_facts,
    match_blocks,
    recorded,
    row_batches,
)
from se_probe.sampling import some_of_each_class
from se_probe.stats import require_images

__all__ = ["image_map"]

_N_COMPONENTS = 2
# Up to this many channels the exact decomposition takes less than reading the gates.
_MAX_EXACT = 512
# Lanczos iterations would take many seconds where no direction stands out.
_N_RANDOM, _N_ITERATIONS = 12, 7
# Rows in double precision at a time.
_N_PROJECTED = 512


class _Axes(NamedTuple):
    """Where the origin of a map lies, and along what its axes run."""

    centre: npt.NDArray[np.float64]  # (channels,)
    components: npt.NDArray[np.float64]  # (2, channels)
    variance_share: list[float]  # of each axis

    def project(
        self, gates: npt.NDArray[np.float32], rows: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        """Coordinates of some rows of (images, channels), shape (rows, 2)."""
        places = np.empty((len(rows), _N_COMPONENTS))
        for start in range(0, len(rows), _N_PROJECTED):
            own = slice(start, start + _N_PROJECTED)
            shown = gates[rows[own]] - self.centre
            # Not a product of matrices, whose rounding depends on how many rows it has.
            places[own] = np.einsum("ij,kj->ik", shown, self.components)
        return places


def image_map(
    record: xr.DataArray, block: str, *, n_fitted: int = 4000, n_drawn: int = 10_000
) -> xr.Dataset:
    """Images by the first two principal components of one block's gates.

    The components are fitted on some images and the shown ones are projected on them.
    Both are taken evenly by class: a class gives all of its images or as many as every
    other class that has more. One pass over the record; memory holds only the gates of
    images that are taken.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    block : str
        Name or module path of one block.
    n_fitted, n_drawn : int, default 4000 and 10,000
        At most so many images are fitted, and shown.

    Returns
    -------
    xr.Dataset, dims (image,)
        `first` and `second`, the coordinates of each image in units of the gate; with
        the record's coordinates along `image`, and `image`, the position in the record.
        A component that does not exist (one image, one channel, constant gates) is 0.
        As attributes `block`, `n_recorded`, `n_fitted` and `variance_share`, the share
        of the fitted images' variance along each axis (0 where the gates are constant).

    Raises
    ------
    BlockNameError
        If no block, or more than one, has that name.
    GateRecordError
        If no image was recorded.
    UsageError
        If fewer than one image is to be fitted or shown.

    References
    ----------
    Jolliffe. Principal Component Analysis. Springer 2002.
    https://doi.org/10.1007/b98835

    Halko, Martinsson, Tropp. Finding structure with randomness. SIAM Review 53, 2011,
    algorithm 4.4, for blocks of many channels. https://doi.org/10.1137/090771806

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.25], [0.75]]}, ["pug", "cliff"])
    >>> np.abs(image_map(gates, "SE_2_1")["first"].values).tolist()
    [0.25, 0.25]
    """
    if min(n_fitted, n_drawn) < 1:
        raise UsageError(
            f"expected at least 1 image to fit and to show, got {n_fitted} and "
            f"{n_drawn}"
        )
    require_images(record)
    channels = block_channels(record, block)
    rows = np.flatnonzero(recorded(record))
    fitted, drawn = (_evenly_by_class(record, rows, n) for n in (n_fitted, n_drawn))
    kept = np.union1d(fitted, drawn)
    gates = _gates_of(record, channels, kept, np.isin(rows, kept))
    axes = _fit(gates, np.searchsorted(kept, fitted))
    first, second = axes.project(gates, np.searchsorted(kept, drawn)).T
    along_image = [name for name, c in record.coords.items() if c.dims == ("image",)]
    return xr.Dataset(
        {"first": ("image", first), "second": ("image", second)},
        coords={name: record[name].isel(image=drawn) for name in along_image}
        | {"image": drawn},
        attrs={
            "block": match_blocks([block], block_facts(record))[0],
            "n_recorded": len(rows),
            "n_fitted": len(fitted),
            "variance_share": axes.variance_share,
        },
    )


def _evenly_by_class(
    record: xr.DataArray, rows: npt.NDArray[np.intp], n_most: int
) -> npt.NDArray[np.intp]:
    """At most `n_most` of some rows, ascending, alike many of each class."""
    ids, names = (
        record[name].values[rows].tolist() for name in ("image_id", "class_name")
    )
    share = _fair_shares(Counter(names), n_most)
    return rows[some_of_each_class(ids, names, share, 0)]


def _fair_shares(counts: dict[str, int], n_most: int) -> dict[str, int | None]:
    """How many images each class gives: the small ones all, the others alike many."""
    shares: dict[str, int | None] = {}
    left = n_most
    for n_before, name in enumerate(sorted(counts, key=lambda name: counts[name])):
        # What small classes leave unused goes to the larger ones.
        shares[name] = min(counts[name], left // (len(counts) - n_before))
        left -= shares[name] or 0
    return shares


def _gates_of(
    record: xr.DataArray,
    channels: Channels,
    kept: npt.NDArray[np.intp],
    is_kept: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    """Gates of some of the recorded rows, read in one pass; shape (rows, channels)."""
    n_channels = record.isel(channel=channels).sizes["channel"]
    gates = np.empty((len(kept), n_channels), np.float32)
    start = n_done = 0
    for batch in row_batches(record, channels):
        stop = start + batch.sizes["image"]
        own = batch.values[is_kept[start:stop]]
        gates[n_done : n_done + len(own)] = own
        start, n_done = stop, n_done + len(own)
    return gates


def _fit(gates: npt.NDArray[np.float32], rows: npt.NDArray[np.intp]) -> _Axes:
    """Principal axes of some rows of (images, channels); absent ones are 0."""
    centred = gates[rows].astype(np.float64)
    centre = centred.mean(axis=0)
    centred -= centre
    n_images, n_channels = centred.shape
    components = np.zeros((_N_COMPONENTS, n_channels))
    shares = np.zeros(_N_COMPONENTS)
    total = np.einsum("ij,ij->", centred, centred)
    if n_images > 1 and np.ptp(gates[rows], axis=0).any():
        n_found = min(_N_COMPONENTS, n_images - 1, n_channels)
        is_small = n_channels <= _MAX_EXACT
        lengths, axes = (_exact if is_small else _randomized)(centred)
        components[:n_found] = axes[:n_found]
        shares[:n_found] = lengths[:n_found] ** 2 / total
    return _Axes(centre, components, shares.tolist())


def _exact(
    centred: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Singular values and right singular vectors, the largest first."""
    squares, axes = np.linalg.eigh(centred.T @ centred)
    return np.sqrt(squares[::-1].clip(min=0)), _turned(axes.T[::-1])


def _randomized(
    centred: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The first of them, by iterating on a random subspace."""
    # As scikit-learn's PCA does, whose import takes longer than the map itself.
    rng = np.random.default_rng(0)
    size = (centred.shape[1], min(_N_RANDOM, *centred.shape))
    inside = rng.standard_normal(size, dtype=np.float32)
    single = centred.astype(np.float32)  # which is enough to find the subspace
    for _ in range(_N_ITERATIONS):
        outside = np.linalg.qr(single @ inside)[0]
        inside = np.linalg.qr(single.T @ outside)[0]
    basis = np.linalg.qr(inside.astype(np.float64))[0]
    _, lengths, turn = np.linalg.svd(centred @ basis, full_matrices=False)
    return lengths, _turned(turn @ basis.T)


def _turned(axes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Axes, shape (axes, channels), whose largest component is positive."""
    largest = np.abs(axes).argmax(axis=1)
    signs: npt.NDArray[np.float64] = np.sign(axes[np.arange(len(axes)), largest])
    return axes * signs[:, None]
