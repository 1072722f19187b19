"""The painter of rows that heatmaps and pairs of records share."""

from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from se_probe.errors import UsageError

__all__ = ["check_cmap", "class_edges", "draw_rows", "edge_centres"]


def draw_rows(
    ax: Axes,
    values: npt.NDArray[np.floating],
    *,
    cmap: str,
    limits: tuple[float, float],
    xlabel: str = "channel",
    interpolation: str = "nearest",
) -> AxesImage:
    """Draw rows of gates as one image, with its channel axis.

    Parameters
    ----------
    ax : Axes
    values : np.ndarray, shape (rows, channels)
    cmap : str
    limits : tuple of float
        Values at the ends of the colour map.
    xlabel : str, default "channel"
    interpolation : str, default "nearest"

    Returns
    -------
    AxesImage
    """
    image = ax.imshow(
        values,
        aspect="auto",
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        interpolation=interpolation,
    )
    ax.grid(visible=False)
    ax.set_xlabel(xlabel)
    ax.locator_params(axis="x", integer=True)
    return image


def class_edges(
    class_names: npt.NDArray[Any],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Name of each class from top to bottom, and the edges between them in rows."""
    starts = np.flatnonzero(
        np.concatenate([[True], class_names[1:] != class_names[:-1]])
    )
    return class_names[starts], np.append(starts, len(class_names)) - 0.5


def edge_centres(edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Middle of each class, in rows."""
    return (edges[:-1] + edges[1:]) / 2


def check_cmap(cmap: str) -> None:
    """Refuse a colour map that does not exist; seaborn's are known too.

    Raises
    ------
    UsageError
    """
    if cmap not in matplotlib.colormaps:
        import seaborn  # noqa: F401  (brings rocket, mako, flare, crest, vlag, icefire)
    if cmap not in matplotlib.colormaps:
        raise UsageError(
            f"there is no colour map {cmap!r}; there are viridis, magma, hot, rocket "
            "and many more"
        )
