"""How far statistics of two records would move with other images: the bootstrap."""

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
    """Class share and correlation of class means with images drawn anew.

    Images are drawn with replacement within their class, the same for both records.
    One pass over the classes, so that memory does not grow with their number.

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
    rng = np.random.default_rng(seed)
    gates = [each.astype(np.float64) for each in (first, second)]
    gates = [each - each.mean(axis=0) for each in gates]
    sides = [_Side.zeros(max(n_resamples, 1), each.shape[1]) for each in gates]
    is_alike = gates[0].shape[1] == gates[-1].shape[1]
    product = np.zeros(max(n_resamples, 1))
    for k in range(int(class_of.max()) + 1):
        rows = np.flatnonzero(class_of == k)
        weights = _weights(len(rows), n_resamples, rng)
        means = [
            side.add(each[rows], weights)
            for side, each in zip(sides, gates, strict=True)
        ]
        if is_alike:
            product += np.einsum("rc,rc->r", means[0], means[-1])
    correlation = np.full(len(product), np.nan)
    if is_alike:
        correlation = _correlation(sides[0], sides[-1], product)
    return BlockSums((sides[0].class_share(), sides[-1].class_share()), correlation)


def bootstrap_means(
    values: npt.NDArray[np.floating],
    class_of: npt.NDArray[np.intp],
    n_resamples: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """Means of a value of each image, with images drawn anew within their class.

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


@dataclass
class _Side:
    """Sums over the classes of one record, for each resampling."""

    total: npt.NDArray[np.float64]  # (resamplings, channels), sum of class means
    weighted: npt.NDArray[np.float64]  # the same over classes of two images or more
    lengths: npt.NDArray[np.float64]  # (resamplings,), sum of squared class means
    within: npt.NDArray[np.float64]
    between: npt.NDArray[np.float64]
    counts: list[int]

    @classmethod
    def zeros(cls, n: int, n_channels: int) -> "_Side":
        shape = (n, n_channels)
        return cls(
            np.zeros(shape), np.zeros(shape), np.zeros(n), np.zeros(n), np.zeros(n), []
        )

    def add(
        self, gates: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Take in one class; its means, shape (resamplings, channels)."""
        n = len(gates)
        self.counts.append(n)
        means: npt.NDArray[np.float64] = weights @ gates / n
        length = np.einsum("rc,rc->r", means, means)
        self.total += means
        self.lengths += length
        if n >= 2:
            squares = weights @ np.einsum("ic,ic->i", gates, gates)
            self.within += squares - n * length
            self.between += n * length
            self.weighted += n * means
        return means

    def class_share(self) -> npt.NDArray[np.float64]:
        """Intraclass correlation, as :func:`~se_probe.stats.variance_shares` has it."""
        counts = np.array([n for n in self.counts if n >= 2], dtype=np.float64)
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


def _correlation(
    one: _Side, other: _Side, product: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    n_classes = len(one.counts)
    common = np.einsum("rc,rc->r", one.total, other.total) / n_classes
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (product - common) / np.sqrt(one.spread() * other.spread())
    return np.asarray(found if n_classes > 1 else np.full_like(found, np.nan))


def _weights(
    n: int, n_resamples: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """How often each of `n` images is drawn, shape (resamplings, n)."""
    if n_resamples == 0:
        return np.ones((1, n))
    return rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)
