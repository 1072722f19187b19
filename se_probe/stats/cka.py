"""How alike two sets of gates of the same images are, whatever their channels."""

import numpy as np
import numpy.typing as npt

__all__ = ["linear_cka"]

_MIN_IMAGES = 4


def linear_cka(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> float:
    """Linear centred kernel alignment of two sets of gates of the same images.

    It asks whether images that have similar gates in one have similar gates in the
    other, so that channels need not correspond, nor be equally many. The unbiased
    estimate of HSIC is used: the usual one is near 1 for any two networks where images
    are fewer than channels.

    Parameters
    ----------
    first, second : np.ndarray, shapes (n_images, channels) and (n_images, channels)
        Row i of both is the same image.

    Returns
    -------
    float
        1 where they are alike up to rotation, scale and shift; around 0, and a little
        below at times, where they have nothing in common. NaN for fewer than four
        images, and where gates do not vary.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton. Similarity of Neural Network Representations
    Revisited. ICML 2019. https://arxiv.org/abs/1905.00414

    Song, Smola, Gretton, Bedo, Borgwardt. Feature Selection via Dependence
    Maximization. JMLR 13, 2012, equation 5.
    https://jmlr.org/papers/v13/song12a.html

    Examples
    --------
    >>> gates = np.random.default_rng(0).random((20, 5))
    >>> round(linear_cka(gates, 0.5 * gates[:, ::-1]), 6)
    1.0
    """
    if len(first) < _MIN_IMAGES:
        return float("nan")
    one, other = (_similarity(gates) for gates in (first, second))
    scale = _hsic(one, one) * _hsic(other, other)
    return float(_hsic(one, other) / np.sqrt(scale)) if scale > 0 else float("nan")


def _similarity(gates: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Inner products of every two images, 0 of an image with itself."""
    centred = gates.astype(np.float64) - gates.mean(axis=0, dtype=np.float64)
    products: npt.NDArray[np.float64] = centred @ centred.T
    np.fill_diagonal(products, 0)
    return products


def _hsic(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Unbiased HSIC, but for a factor that cancels."""
    n, rows, other_rows = len(one), one.sum(axis=0), other.sum(axis=0)
    trace = float(np.einsum("ij,ij->", one, other))
    both = float(rows.sum() * other_rows.sum()) / ((n - 1) * (n - 2))
    return trace + both - 2 * float(rows @ other_rows) / (n - 2)
