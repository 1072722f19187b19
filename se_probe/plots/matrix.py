"""Square matrices of correlations, in colours of one bar."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

__all__ = ["add_bar", "draw_matrix"]

# Blue to red over white: told apart with any colour vision, and 0 is no colour.
_COLOURS = "RdBu_r"
_UNKNOWN = "0.8"


def draw_matrix(ax: Axes, values: npt.NDArray[np.floating]) -> AxesImage:
    """Draw correlations from -1 to 1; those that are not known are grey.

    Parameters
    ----------
    ax : Axes
    values : np.ndarray, shape (n, n)

    Returns
    -------
    AxesImage
        Without interpolation, so that every colour is one of the bar's.
    """
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


def add_bar(fig: Figure, image: AxesImage, axes: list[Axes], label: str) -> None:
    """One colour bar for all panels, on their right."""
    bar = fig.colorbar(image, ax=axes, shrink=0.8, aspect=25, pad=0.02)
    bar.set_label(label)
    bar.set_ticks([-1, -0.5, 0, 0.5, 1])
    bar.outline.set_visible(False)
