"""The painter of rows that heatmaps and pairs of records share."""

from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from se_probe.errors import UsageError
from se_probe.plots.layout import axes_size
from se_probe.plots.style import house_style
from se_probe.views import fit_rows

__all__ = ["check_cmap", "class_edges", "draw_rows", "edge_centres", "pixels"]


def draw_rows(
    ax: Axes, rows: xr.DataArray, *, cmap: str, limits: tuple[float, float]
) -> tuple[AxesImage, xr.DataArray]:
    """Draw rows of gates as one image, with its channel axis.

    Parameters
    ----------
    ax : Axes
    rows : xr.DataArray, dims (row, channel)
        Of one block.
    cmap : str
    limits : tuple of float
        Values at the ends of the colour map.

    Returns
    -------
    image : AxesImage
        Across all channels on the x axis, however many are averaged to a column.
    fitted : xr.DataArray, dims (row, channel)
        What is drawn: at most one row and one column to a pixel.
    """
    width, height = axes_size(ax)
    fitted = fit_rows(rows, *pixels(height, width))
    n_channels = rows.sizes["channel"]
    image = ax.imshow(
        fitted.values,
        aspect="auto",
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        # Resampled, the picture would have colours that the bar lacks.
        interpolation="none",
        extent=(-0.5, n_channels - 0.5, fitted.sizes["row"] - 0.5, -0.5),
    )
    ax.grid(visible=False)
    ax.set_xlabel(_channel_label(fitted))
    if rows.attrs.get("channel_order", "index") == "index":
        ax.locator_params(axis="x", integer=True)
    else:
        ax.set_xticks([])
    return image, fitted


def pixels(*inches: float) -> list[int]:
    """Whole pixels of some lengths in a saved figure."""
    with house_style():
        dpi: float = matplotlib.rcParams["savefig.dpi"]
    return [max(1, round(length * dpi)) for length in inches]


def _channel_label(fitted: xr.DataArray) -> str:
    per_column = fitted.attrs["channels_per_column"]
    order = fitted.attrs.get("channel_order", "index")
    label = {
        "index": "channel",
        "class": "channel, by class",
        "mean": "channel, sorted by mean gate",
    }[order]
    return label if per_column == 1 else f"{label} (means of {per_column})"


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
