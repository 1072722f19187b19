"""How well the gates of one block tell the classes apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import (
    Channels,
    State,
    block_channels,
    block_names,
    recorded,
    row_batches,
)
from se_probe.progress import Progress
from se_probe.stats.moments import class_moments, require_images

__all__ = [
    "MIN_IMAGES",
    "balanced",
    "nearest_class_hits",
    "separability",
    "wilson_interval",
]

# With fewer images a leave-one-out mean is of three or less: mostly noise.
MIN_IMAGES = 5
# Share of the squared lengths by which distances in single precision may be off: 2**-24
# a product, times what sums of some thousand of them make of it.
_ROUNDING = 1e-5


def balanced(record: xr.DataArray, least: int = MIN_IMAGES) -> xr.DataArray:
    """Record in which the same number of images of each class counts.

    That number is that of the smallest class with at least `least` images; of larger
    classes the first ones are taken, smaller classes are left out. The state of all
    other rows is `SKIPPED`.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    least : int, default 5

    Returns
    -------
    xr.DataArray, dims (image, channel)
        Without a single recorded row where no class is large enough.

    Examples
    --------
    >>> from se_probe.gates import make_gates, recorded
    >>> gates = make_gates({"SE_2_1": [[0.1]] * 6}, list("aababc"))
    >>> recorded(balanced(gates, 2)).tolist()
    [True, True, True, False, True, False]
    """
    is_recorded = recorded(record)
    _, class_of, count = np.unique(
        record["class_name"].values[is_recorded].astype(str),
        return_inverse=True,
        return_counts=True,
    )
    large = count[count >= least]
    n_each = int(large.min()) if len(large) else 0
    order = np.argsort(class_of, kind="stable")
    position = np.empty(len(class_of), np.intp)
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    position[order] = np.arange(len(class_of)) - np.repeat(starts, count)
    taken = (position < n_each) & (count[class_of] >= least)
    state = record["state"].values.copy()
    state[np.flatnonzero(is_recorded)[~taken]] = State.SKIPPED
    return record.assign_coords(state=("image", state))


def separability(
    record: xr.DataArray,
    moments: xr.Dataset | None = None,
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Nearest-class-mean (NCM) accuracy of the gates.

    For each block by itself, over the classes with at least five images, and over the
    same number of images of each (:func:`balanced`): otherwise a few large classes
    would decide. Every image is given to the class whose mean gates are nearest in
    squared Euclidean distance, its own class's mean being taken without it
    (leave-one-out); at a tie to the class that comes first.

    The chance level is 1/K for K classes. On shuffled labels the accuracy is near it,
    or a little below: a mean without one image lies a little farther off than the
    others, which shows where classes are small and channels independent.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    moments : xr.Dataset, optional
        The record's moments, where they are known already: one pass fewer where all
        classes are equally large.
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    xr.Dataset, dims (block,)
        `separability`, its 95 % Wilson interval `separability_low` and
        `separability_high` (as if images were independent), `chance`; all between 0 and
        1, and NaN with fewer than two classes of five images. `separability_images`
        and `separability_classes` that took part.

    Raises
    ------
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> values = [[0.1]] * 5 + [[0.9]] * 5
    >>> gates = make_gates({"SE_2_1": values}, ["pug"] * 5 + ["cliff"] * 5)
    >>> separability(gates)["separability"].item()
    1.0
    """
    require_images(record)
    same = balanced(record)
    n_images = int(recorded(same).sum())
    blocks = block_names(record)
    n_classes = len(set(record["class_name"].values[recorded(same)]))
    if n_classes < 2:
        table = np.full((len(blocks), 4), np.nan)
    else:
        is_whole = moments is not None and n_images == int(moments["count"].sum())
        known = (
            moments
            if moments is not None and is_whole
            else class_moments(same, progress=progress)
        )
        hits = _hits(same, known, blocks, progress).sum(axis=0)
        table = np.array(
            [
                (h / n_images, 1 / n_classes, *wilson_interval(int(h), n_images))
                for h in hits
            ]
        )
    names = ("separability", "chance", "separability_low", "separability_high")
    columns = dict(zip(names, table.T, strict=True))
    columns["separability_images"] = np.full(len(blocks), n_images)
    columns["separability_classes"] = np.full(len(blocks), n_classes)
    return xr.Dataset(
        {name: ("block", column) for name, column in columns.items()},
        coords={"block": blocks},
    )


def nearest_class_hits(
    record: xr.DataArray, *, progress: Progress | None = None
) -> xr.DataArray:
    """Which images have their own class's mean gates nearest, block by block.

    Their shares are what :func:`separability` gives.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Of its rows in state `RECORDED` the same number of each class
        counts (:func:`balanced`).
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    xr.DataArray of bool, dims (image, block)
        Of the images that count, with the coordinate `class_name`; none of them where
        fewer than two classes have five images.
    """
    same = balanced(record)
    blocks, takes_part = block_names(record), recorded(same)
    names = record["class_name"].values[takes_part]
    if len(set(names)) < 2:
        names, hits = names[:0], np.zeros((0, len(blocks)), np.bool_)
    else:
        hits = _hits(same, class_moments(same, progress=progress), blocks, progress)
    return xr.DataArray(
        hits,
        dims=("image", "block"),
        coords={"block": blocks, "class_name": ("image", names)},
        name="is_nearest",
    )


def wilson_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion.

    Parameters
    ----------
    hits, n : int
        Successes among `n` independent trials.
    confidence : float, default 0.95
        Between 0 and 1.

    Returns
    -------
    low, high : float
        Between 0 and 1; NaN for no trials.

    Raises
    ------
    UsageError
        If `hits` is not between 0 and `n`, or `confidence` not between 0 and 1.

    References
    ----------
    Wilson. Probable Inference, the Law of Succession, and Statistical Inference.
    Journal of the American Statistical Association 22, 1927.
    https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> low, high = wilson_interval(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    if not 0 <= hits <= n:
        raise UsageError(f"expected between 0 and {n} hits in {n} trials, got {hits}")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence must be between 0 and 1, got {confidence}")
    if n == 0:
        return float("nan"), float("nan")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / n
    centre = share + z**2 / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    # At the ends the two terms cancel but for rounding.
    low = 0.0 if hits == 0 else (centre - reach) / scale
    high = 1.0 if hits == n else (centre + reach) / scale
    return low, high


@dataclass(frozen=True)
class _BlockMeans:
    """Class means of one block, about a common centre.

    Distances come out of a matrix product, |x|^2 - 2 x.m + |m|^2, which loses the
    digits of whatever x and m have in common; so the centre is taken off both.
    """

    channels: Channels
    centre: npt.NDArray[np.float64]  # (channels of the block,)
    means: npt.NDArray[np.float64]  # (classes, channels of the block)
    lengths: npt.NDArray[np.float64]  # (classes,), squared
    factors: npt.NDArray[np.float32]  # (channels of the block, classes), -2 m

    @classmethod
    def of(cls, channels: Channels, means: npt.NDArray[np.float64]) -> "_BlockMeans":
        """Means about their own mean.

        Returns
        -------
        _BlockMeans
        """
        centre = means.mean(axis=0).astype(np.float32).astype(np.float64)
        means = means - centre
        factors = np.ascontiguousarray(-2 * means.T, dtype=np.float32)
        return cls(channels, centre, means, _squared_lengths(means), factors)

    def hits(
        self,
        gates: npt.NDArray[np.floating],
        own: npt.NDArray[np.intp],
        farther: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.bool_]:
        """Which rows are nearest to the mean of their own class.

        In single precision, which takes half the time, and again in double precision
        where two distances are closer than its rounding.

        Returns
        -------
        np.ndarray of bool, shape (rows,)
        """
        # The centre is a float32, and so is a difference of gates to it but for one
        # rounding; distances do not depend on which centre is taken off.
        rows = gates[:, self.channels] - self.centre.astype(gates.dtype)
        lengths = _squared_lengths(rows)
        # |x|^2 is the same to all classes, and added to the two that are compared.
        distances = rows.astype(np.float32, copy=False) @ self.factors
        distances += self.lengths.astype(np.float32)
        at = np.arange(len(own)), own
        mine = (distances[at] + lengths) * farther[own]
        distances[at] = np.inf
        gap = distances.min(axis=1) + lengths - mine
        # Sums of C products round to at most C eps, in practice to sqrt(C) eps.
        # Equal distances are close too, if they are all 0.
        close = np.abs(gap) <= _ROUNDING * (lengths + self.lengths.max())
        is_hit: npt.NDArray[np.bool_] = (gap > 0) & ~close
        if close.any():
            is_hit[close] = self._exact_hits(gates[close], own[close], farther)
        return is_hit

    def _exact_hits(
        self,
        gates: npt.NDArray[np.floating],
        own: npt.NDArray[np.intp],
        farther: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.bool_]:
        """The same in double precision."""
        rows = gates[:, self.channels] - self.centre
        distances = -2 * (rows @ self.means.T)
        distances += _squared_lengths(rows)[:, None] + self.lengths
        distances[np.arange(len(own)), own] *= farther[own]
        is_hit: npt.NDArray[np.bool_] = distances.argmin(axis=1) == own
        return is_hit


def _hits(
    record: xr.DataArray,
    moments: xr.Dataset,
    names: Sequence[str],
    progress: Progress | None,
) -> npt.NDArray[np.bool_]:
    """Which recorded images have their own class nearest; shape (images, blocks)."""
    count, blocks = moments["count"], list(_block_means(moments, names))
    position = {name: k for k, name in enumerate(moments["class_name"].values)}
    # Without image x the mean of its n becomes (n m - x) / (n - 1), which is farther
    # from x by the factor n / (n - 1).
    farther = (count.values / (count.values - 1.0)) ** 2
    n_done, n_images = 0, int(recorded(record).sum())
    hits = np.zeros((n_images, len(blocks)), np.bool_)
    for batch in row_batches(record):
        own = np.array([position.get(n, -1) for n in batch["class_name"].values])
        known = np.flatnonzero(own >= 0)
        gates, own = batch.values[known], own[known]
        for b, block in enumerate(blocks):
            hits[n_done + known, b] = block.hits(gates, own, farther)
        n_done += batch.sizes["image"]
        if progress is not None:
            progress(n_done, n_images)
    return hits


def _block_means(moments: xr.Dataset, names: Sequence[str]) -> Iterator[_BlockMeans]:
    """Each block's class means."""
    for block in names:
        channels = block_channels(moments, block)
        yield _BlockMeans.of(channels, moments["mean"].values[:, channels])


def _squared_lengths(rows: npt.NDArray[np.floating]) -> npt.NDArray[Any]:
    lengths: npt.NDArray[Any] = np.einsum("ij,ij->i", rows, rows)
    return lengths
