"""How far statistics of two records would move with other images: the bootstrap."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BlockSums", "bootstrap_means", "bootstrap_sums", "interval"]


@dataclass(frozen=True)
class BlockSums:
    """What class means of a block in two records come down to, for each resampling.

    Each has one value per resampling.
    """

    class_share: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    correlation: npt.NDArray[np.float64]


def bootstrap_sums(
    first: npt.NDArray[np.floating],
    second: npt.NDArray[np.floating],
    class_of: npt.NDArray[np.intp],
    n_resamples: int,
    seed: int,
) -> BlockSums:
    """Class share and correlation of class means with images resampled.

    Images are drawn with replacement within their class, the same for both records.

    Parameters
    ----------
    first : np.ndarray, shape (n_images, channels)
    second : np.ndarray, shape (n_images, channels)
        The same images; channels may be others.
    class_of : np.ndarray of int, shape (n_images,)
    n_resamples : int
        0 takes the images as they are, once.
    seed : int

    Returns
    -------
    BlockSums
        `class_share` of both over classes of two images or more, NaN where there are
        fewer than two of them; `correlation` is NaN where channels are not as many.
    """
    gates = [each.astype(np.float64) for each in (first, second)]
    gates = [each - each.mean(axis=0) for each in gates]
    counts = np.bincount(class_of)
    weights = _all_weights(class_of, counts, n_resamples, seed)
    sides = [_Side.of(each, weights, class_of, counts) for each in gates]
    correlation = np.full(len(weights), np.nan)
    if gates[0].shape[1] == gates[1].shape[1] and len(counts) > 1:
        product = np.zeros(len(weights))
        for rows, drawn in _by_class(class_of, weights):
            product += _products(drawn, gates[0][rows], gates[1][rows])
        correlation = _correlation(sides[0], sides[1], product)
    return BlockSums((sides[0].class_share(), sides[1].class_share()), correlation)


def bootstrap_means(
    values: npt.NDArray[np.floating],
    class_of: npt.NDArray[np.intp],
    n_resamples: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """Means of a value of each image, with images resampled within their class.

    Parameters
    ----------
    values : np.ndarray, shape (n_images, n_columns)
    class_of : np.ndarray of int, shape (n_images,)
    n_resamples : int
    seed : int

    Returns
    -------
    np.ndarray, shape (n_resamples, n_columns)
    """
    rng = np.random.default_rng(seed)
    sums = np.zeros((n_resamples, values.shape[1]))
    for k in np.unique(class_of):
        own = values[class_of == k]
        sums += _weights(len(own), n_resamples, rng) @ own
    return sums / max(len(values), 1)


def interval(
    estimate: float, drawn: npt.NDArray[np.float64], confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of resampled statistics, moved so that its middle fits.

    Images that are drawn twice make classes look tighter than they are, which shifts
    all resampled statistics alike; so their mean is put where the estimate is.

    Parameters
    ----------
    estimate : float
    drawn : np.ndarray, shape (n_resamples,)
    confidence : float, default 0.95

    Returns
    -------
    low, high : float
        NaN where nothing was drawn, or a statistic is not known.

    Examples
    --------
    >>> low, high = interval(0.5, np.linspace(0.6, 0.8, 101))
    >>> round(low, 3), round(high, 3)
    (0.405, 0.595)
    """
    if not len(drawn) or not np.isfinite(drawn).all() or not np.isfinite(estimate):
        return float("nan"), float("nan")
    ends = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = estimate + ends - drawn.mean()
    return float(low), float(high)


@dataclass(frozen=True)
class _Side:
    """Sums over the classes of one record, for each resampling."""

    total: npt.NDArray[np.float64]  # (resamplings, channels), sum of class means
    weighted: npt.NDArray[np.float64]  # sum over images, classes of two or more
    lengths: npt.NDArray[np.float64]  # (resamplings,), sum of squared class means
    within: npt.NDArray[np.float64]
    between: npt.NDArray[np.float64]
    counts: npt.NDArray[np.intp]  # (classes,)

    @classmethod
    def of(
        cls,
        gates: npt.NDArray[np.float64],
        weights: npt.NDArray[np.float64],
        class_of: npt.NDArray[np.intp],
        counts: npt.NDArray[np.intp],
    ) -> "_Side":
        """Take in all classes."""
        lengths, within, between = (np.zeros(len(weights)) for _ in range(3))
        squares = np.einsum("ic,ic->i", gates, gates)
        for rows, drawn in _by_class(class_of, weights):
            n, length = len(rows), _products(drawn, gates[rows], gates[rows])
            lengths += length
            if n >= 2:
                within += drawn @ squares[rows] - n * length
                between += n * length
        is_repeated = counts[class_of] >= 2
        return cls(
            (weights / counts[class_of]) @ gates,
            weights[:, is_repeated] @ gates[is_repeated],
            lengths,
            within,
            between,
            counts,
        )

    def class_share(self) -> npt.NDArray[np.float64]:
        """Intraclass correlation, as :func:`~se_probe.stats.variance_shares` has it."""
        counts = self.counts[self.counts >= 2].astype(np.float64)
        n_images, n_classes = counts.sum(), len(counts)
        if n_classes < 2:
            return np.full(len(self.within), np.nan)
        within = self.within / (n_images - n_classes)
        squares = self.between - (self.weighted**2).sum(axis=1) / n_images
        per_class = (n_images - (counts**2).sum() / n_images) / (n_classes - 1)
        between = np.maximum(0, (squares / (n_classes - 1) - within) / per_class)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(between / (between + within))

    def spread(self) -> npt.NDArray[np.float64]:
        """Sum of squared deviations of the class means from those of all classes."""
        common = (self.total**2).sum(axis=1) / len(self.counts)
        return np.asarray(self.lengths - common)


def _by_class(
    class_of: npt.NDArray[np.intp], weights: npt.NDArray[np.float64]
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
    """Rows of each class, and how often each of them is drawn."""
    order = np.argsort(class_of, kind="stable")
    ends = np.cumsum(np.bincount(class_of))
    for rows in np.split(order, ends[:-1]):
        yield rows, weights[:, rows]


def _products(
    drawn: npt.NDArray[np.float64],
    one: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Inner products of a class's means in two records, shape (resamplings,)."""
    n = len(one)
    if n < len(drawn):  # those of its images are fewer numbers than the means
        return np.asarray(((drawn @ (one @ other.T)) * drawn).sum(axis=1) / n**2)
    return np.asarray(((drawn @ one) * (drawn @ other)).sum(axis=1) / n**2)


def _all_weights(
    class_of: npt.NDArray[np.intp],
    counts: npt.NDArray[np.intp],
    n_resamples: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """How often each image is drawn, shape (resamplings, images)."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((max(n_resamples, 1), len(class_of)))
    for k, n in enumerate(counts.tolist()):
        weights[:, class_of == k] = _weights(n, n_resamples, rng)
    return weights


def _correlation(
    one: _Side, other: _Side, product: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    n_classes = len(one.counts)
    common = np.einsum("rc,rc->r", one.total, other.total) / n_classes
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (product - common) / np.sqrt(one.spread() * other.spread())
    return np.asarray(found)


def _weights(
    n: int, n_resamples: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """How often each of `n` images is drawn, shape (resamplings, n)."""
    if n_resamples == 0:
        return np.ones((1, n))
    return rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)
