"""Axes and labels that the figures share: gates, channels, classes."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes

__all__ = [
    "FEW_IMAGES",
    "class_label",
    "cloud_label",
    "gate_limits",
    "reference_label",
    "set_channel_axis",
    "set_gate_axis",
    "short_name",
]


# With fewer images the standard error of a class mean is more than a third of the
# spread between images.
FEW_IMAGES = 10


def gate_limits(values: npt.ArrayLike) -> tuple[float, float]:
    """Ends of a gate axis: 0 to 1, unless gates leave it, or keep to less than half.

    Parameters
    ----------
    values : array of float

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> gate_limits([0.2, 0.9]), gate_limits([0.48, 0.52]), gate_limits([-0.5, 0.7])
    ((0.0, 1.0), (0.45, 0.55), (-0.5, 1.0))
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low < 0 or high > 1 or high - low >= 0.5:
        return min(0.0, low), max(1.0, high)
    step = 0.05
    steps = math.floor(low / step - 0.2), math.ceil(high / step + 0.2)
    return max(0.0, round(steps[0] * step, 2)), min(1.0, round(steps[1] * step, 2))


def set_gate_axis(
    axes: Sequence[Axes], limits: tuple[float, float], label: str
) -> None:
    """Range of the gate axis that panels share, and its label on the left ones.

    A little more on either side, so that curves at the ends do not run in the frame.
    """
    low, high = limits
    room = 0.02 * (high - low)
    axes[0].set_ylim(low - room, high + room)
    for ax in axes:
        place = ax.get_subplotspec()
        ax.set_ylabel(label if place is None or place.is_first_col() else "")


def set_channel_axis(ax: Axes, part: xr.Dataset) -> None:
    """Channel axis of one block of a view, with how many of its channels are shown."""
    n_channels = int(part.attrs["n_channels"][part["block"].values[0]])
    n_shown = part.sizes["channel"]
    how = ", at random" if part.attrs["sampling"] == "random" else ""
    which = f"{n_shown} of {n_channels:,}{how}" if n_shown < n_channels else "all"
    ax.set_xlabel(f"channel ({which})")
    room = max(0.5, 0.02 * n_channels)
    ax.set_xlim(-room, n_channels - 1 + room)
    ax.locator_params(axis="x", integer=True)


def class_label(name: str, n_images: int) -> str:
    """Entry of the legend for one class; few images are marked."""
    only = "only " if n_images < FEW_IMAGES else ""
    label = f"{short_name(name)} ({only}{_images(n_images)})"
    # matplotlib leaves out entries that begin with an underscore.
    return f" {label}" if label.startswith("_") else label


def short_name(name: str, length: int = 36) -> str:
    """Name of a class, cut where a figure would have no room for it."""
    return name if len(name) <= length else f"{name[: length - 3]}..."


def cloud_label(counts: Iterable[int]) -> str:
    """Entry of the legend for more classes than can be named."""
    numbers = sorted(counts)
    least, most = numbers[0], numbers[-1]
    each = _images(most) if least == most else f"{least:,} to {_images(most)}"
    return f"{len(numbers):,} classes ({each} each)"


def reference_label(view: xr.Dataset) -> str:
    """Entry of the legend for the grey curve: how many classes it is the mean of."""
    n_recorded: int = view.attrs["n_recorded_classes"]
    n_known: int | None = view.attrs["n_network_classes"]
    if n_known is None:
        return f"mean of the {n_recorded:,} recorded classes"
    if n_recorded == n_known:
        return f"mean of all {n_known:,} classes"
    return f"mean of {n_recorded:,} of {n_known:,} classes"


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n:,} images"
