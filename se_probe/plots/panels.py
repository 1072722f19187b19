"""What the figures of several blocks share: panels, gate axis and one legend."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.selection import Sampling, n_classes_of_network
from se_probe.plots.style import N_CLEAR, N_NAMED, house_style

__all__ = [
    "class_label",
    "cloud_label",
    "fading_note",
    "finish",
    "gate_limits",
    "given_or_new",
    "letter",
    "new_panels",
    "reference_label",
    "set_channel_axis",
    "set_gate_axis",
    "share_legend",
]

# Width and height in inches of one panel, by panels in a row: 7 inches are the text
# block of a paper.
_PANEL_SIZES = {1: (4.5, 2.6), 2: (3.5, 2.1), 3: (7 / 3, 1.65)}
_CHARS_PER_INCH = 17  # of DejaVu Sans at 7 points, on average


def new_panels(n: int) -> tuple[Figure, list[Axes]]:
    """Figure with `n` panels: one, two or three to a row, sharing their y axis.

    To be called in the house style.

    Returns
    -------
    fig : Figure
    axes : list of Axes, length n
    """
    n_columns = n if n < 4 else 2 if n == 4 else 3
    n_rows = -(-n // n_columns)
    width, height = _PANEL_SIZES[n_columns]
    fig = Figure((n_columns * width, 0.6 + n_rows * height), layout="constrained")
    grid = fig.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    for unused in grid[n:]:
        unused.remove()
    return fig, list(grid[:n])


@contextmanager
def given_or_new(
    ax: Axes | None, size: tuple[float, float] = (4.5, 3.2)
) -> Iterator[Axes]:
    """Axes to draw on: those given, else of a new figure in the house style.

    Parameters
    ----------
    ax : Axes, optional
        Drawn on as they are: their style is the caller's.
    size : tuple of float, default (4.5, 3.2)
        Of the new figure, in inches.

    Yields
    ------
    Axes
    """
    if ax is not None:
        yield ax
        return
    with house_style():
        fig = Figure(size, layout="constrained")
        yield fig.subplots()
        finish(fig)


def finish(fig: Figure) -> None:
    """Lay the figure out once, so that its ticks are made in the style that holds now.

    matplotlib makes them when first drawn, and that may be outside the style's context.
    """
    fig.draw_without_rendering()


def letter(position: int, n_panels: int, title: str) -> str:
    """Title of a panel with its letter in front, as in "(a) SE_2_3"."""
    if n_panels == 1 or position >= 26:
        return title
    return f"({chr(ord('a') + position)}) {title}"


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
    return (
        max(0.0, round((np.floor(low / step - 0.2)) * step, 2)),
        min(1.0, round((np.ceil(high / step + 0.2)) * step, 2)),
    )


def set_gate_axis(axes: Sequence[Axes], values: npt.ArrayLike, label: str) -> None:
    """Range of the gate axis that panels share, and its label on the left ones.

    The range of :func:`gate_limits`, and a little more on either side, so that curves
    at 0 or at 1 do not run in the frame.
    """
    low, high = gate_limits(values)
    room = 0.02 * (high - low)
    axes[0].set_ylim(low - room, high + room)
    for ax in axes:
        place = ax.get_subplotspec()
        ax.set_ylabel(label if place is None or place.is_first_col() else "")


def set_channel_axis(
    ax: Axes, shown: xr.Dataset, moments: xr.Dataset, sampling: Sampling = "even"
) -> None:
    """Channel axis of a block, with how many of its channels are shown."""
    n_channels = int((moments["block"] == shown["block"][0]).sum())
    n_shown = shown.sizes["channel"]
    how = ", at random" if sampling == "random" else ""
    which = f"{n_shown} of {n_channels:,}{how}" if n_shown < n_channels else "all"
    ax.set_xlabel(f"channel ({which})")
    room = max(0.5, 0.02 * n_channels)
    ax.set_xlim(-room, n_channels - 1 + room)
    ax.locator_params(axis="x", integer=True)


def class_label(name: str, n_images: int) -> str:
    """Entry of the legend for one class."""
    # matplotlib leaves out entries that begin with an underscore.
    name = f" {name}" if name.startswith("_") else name
    return f"{shorten(name, 36, placeholder=' ...')} ({_images(n_images)})"


def cloud_label(counts: Iterable[int]) -> str:
    """Entry of the legend for more classes than can be named."""
    numbers = sorted(counts)
    least, most = numbers[0], numbers[-1]
    each = _images(most) if least == most else f"{least:,} to {_images(most)}"
    return f"{len(numbers):,} classes ({each} each), curves faded"


def fading_note(n_classes: int) -> str:
    """Title of the legend where curves fade but are still named; else ""."""
    if N_CLEAR < n_classes <= N_NAMED:
        return f"{n_classes} classes: curves fade beyond {N_CLEAR}"
    return ""


def reference_label(moments: xr.Dataset) -> str:
    """Entry of the legend for the grey curve: how many classes it is the mean of."""
    n_recorded = moments.sizes["class_name"]
    n_known = n_classes_of_network(moments)
    if n_known is None or (moments["class_index"].values < 0).any():
        return f"mean of the {n_recorded:,} recorded classes"
    if n_recorded == n_known:
        return f"mean of all {n_known:,} classes"
    return f"mean of {n_recorded:,} of {n_known:,} classes"


def share_legend(axes: Sequence[Axes], title: str = "") -> None:
    """One legend under the panels of a figure, from what the first one shows."""
    fig = axes[0].get_figure(root=True)
    if fig is None:
        return
    handles, labels = axes[0].get_legend_handles_labels()
    n_columns = _n_columns(labels, int(fig.get_figwidth() * _CHARS_PER_INCH))
    n_rows = -(-len(labels) // n_columns) + bool(title)
    # Two rows have room; for more, the page grows instead of the panels shrinking.
    fig.set_figheight(fig.get_figheight() + 0.15 * max(0, n_rows - 2))
    legend = fig.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=n_columns,
        title=title or None,
    )
    # Samples at full strength, however faint the curves are.
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)


def _n_columns(labels: Sequence[str], room: int) -> int:
    """Most columns of a legend, filled one by one, that fit `room` characters."""
    for n_columns in range(len(labels), 1, -1):
        n_rows = -(-len(labels) // n_columns)
        columns = [labels[i : i + n_rows] for i in range(0, len(labels), n_rows)]
        # A handle and the gap between columns take the room of eight characters.
        if sum(max(map(len, column)) + 8 for column in columns) <= room:
            return len(columns)
    return 1


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n:,} images"
