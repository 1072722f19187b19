"""Square matrices of correlations, in colours of one bar."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

__all__ = ["add_bar", "draw_matrix", "pooled"]

# Blue to red over white: told apart with any colour vision, and 0 is no colour.
_COLOURS = "RdBu_r"
_UNKNOWN = "0.8"
# A panel has at least two pixels for each of so many cells; more cells are averaged,
# or which of them is seen would be chance.
_MAX_CELLS = 200


def draw_matrix(ax: Axes, values: npt.NDArray[np.floating]) -> AxesImage:
    """Draw correlations from -1 to 1; those that are not known are grey.

    Parameters
    ----------
    ax : Axes
    values : np.ndarray, shape (n, n)

    Returns
    -------
    AxesImage
        Without interpolation, so that every colour is one of the bar's. Of more than
        200 rows, neighbours are averaged (:func:`pooled`).
    """
    values, _ = pooled(values)
    image = ax.imshow(
        np.ma.masked_invalid(values),
        cmap=_COLOURS,
        vmin=-1,
        vmax=1,
        interpolation="none",
        aspect="equal",
    )
    ax.set_facecolor(_UNKNOWN)
    ax.grid(visible=False)
    return image


def pooled(
    values: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.floating], int]:
    """A matrix of at most 200 rows, each cell the mean of neighbours that are known.

    Parameters
    ----------
    values : np.ndarray, shape (n, n)

    Returns
    -------
    values : np.ndarray
    n_together : int
        Rows that are averaged; 1 where none are.

    Examples
    --------
    >>> cells, n_together = pooled(np.ones((500, 500)))
    >>> cells.shape, n_together
    ((167, 167), 3)
    """
    n = len(values)
    step = -(-n // _MAX_CELLS)
    if step <= 1:
        return values, 1
    starts = np.arange(0, n, step)
    known = np.isfinite(values)
    parts = [
        np.add.reduceat(np.add.reduceat(each, starts, axis=0), starts, axis=1)
        for each in (np.where(known, values, 0.0), known.astype(float))
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        return parts[0] / parts[1], step


def add_bar(fig: Figure, image: AxesImage, axes: list[Axes], label: str) -> None:
    """One colour bar for all panels, on their right."""
    bar = fig.colorbar(image, ax=axes, shrink=0.8, aspect=25, pad=0.02)
    bar.set_label(label)
    bar.set_ticks([-1, -0.5, 0, 0.5, 1])
    bar.outline.set_visible(False)
