"""Panels, margins and legends in inches.

Everything on these figures has a known height, so margins are set once, by hand.
matplotlib's layout engines measure every text of a figure before each drawing of it,
which would take longer than drawing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.style import house_style

__all__ = [
    "axes_size",
    "finish",
    "given_or_new",
    "letter",
    "new_panels",
    "panel_height",
    "set_margins",
    "share_legend",
]

# Inches. Seven are the text block of a paper.
_PANEL_SIZES = {1: (3.9, 2.4), 2: (3.08, 1.9), 3: (2.0, 1.5)}
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.5, 0.12, 0.22, 0.36
_LEGEND_ROW = 0.145
_CHARS_PER_INCH = 17  # of DejaVu Sans at 7 points, on average


def new_panels(n: int) -> tuple[Figure, list[Axes]]:
    """Figure with `n` panels, one, two or three to a row, that share their y axis.

    To be called in the house style.

    Returns
    -------
    fig : Figure
    axes : list of Axes, length n
    """
    n_columns = _panels_in_a_row(n)
    n_rows = -(-n // n_columns)
    width, height = _PANEL_SIZES[n_columns]
    between = _TOP + _BOTTOM
    fig = Figure(
        (
            4.5 if n_columns == 1 else 7.0,
            n_rows * (height + between),
        )
    )
    grid = fig.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    fig.subplots_adjust(wspace=0.16 / width, hspace=between / height)
    set_margins(fig)
    for unused in grid[n:]:
        unused.remove()
    return fig, list(grid[:n])


def panel_height(n: int) -> float:
    """Inches of each panel of :func:`new_panels`."""
    return _PANEL_SIZES[_panels_in_a_row(n)][1]


@contextmanager
def given_or_new(
    ax: Axes | None, size: tuple[float, float] = (4.5, 3.0)
) -> Iterator[Axes]:
    """Axes to draw on: those given, else of a new figure in the house style.

    Parameters
    ----------
    ax : Axes, optional
        Drawn on as they are: their style is the caller's.
    size : tuple of float, default (4.5, 3.0)
        Of the new figure, in inches.

    Yields
    ------
    Axes
    """
    if ax is not None:
        yield ax
        return
    with house_style():
        fig = Figure(size)
        set_margins(fig)
        yield fig.subplots()
        finish(fig)


def set_margins(
    fig: Figure,
    *,
    left: float = _LEFT,
    right: float = _RIGHT,
    top: float = _TOP,
    bottom: float = _BOTTOM,
) -> None:
    """Room around the panels, in inches."""
    width, height = fig.get_size_inches()
    fig.subplots_adjust(
        left=left / width,
        right=1 - right / width,
        top=1 - top / height,
        bottom=bottom / height,
    )


def axes_size(ax: Axes) -> tuple[float, float]:
    """Width and height in inches."""
    box = ax.get_window_extent()
    return float(box.width / ax.figure.dpi), float(box.height / ax.figure.dpi)


def letter(position: int, n_panels: int, title: str) -> str:
    """Title of a panel with its letter in front, as in "(a) SE_2_3"."""
    if n_panels == 1 or position >= 26:
        return title
    return f"({chr(ord('a') + position)}) {title}"


def share_legend(axes: Sequence[Axes], title: str = "") -> None:
    """One legend under the panels of a figure, from what the first one shows."""
    fig = axes[0].get_figure(root=True)
    if fig is None:
        return
    handles, labels = axes[0].get_legend_handles_labels()
    n_columns = _n_columns(labels, int(fig.get_figwidth() * _CHARS_PER_INCH))
    n_rows = -(-len(labels) // n_columns) + bool(title)
    _add_below(fig, 0.08 + _LEGEND_ROW * n_rows)
    legend = fig.legend(
        handles,
        labels,
        loc="lower center",
        borderaxespad=0.2,
        ncols=n_columns,
        title=title or None,
    )
    # Samples at full strength, however faint the curves are.
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)


def finish(fig: Figure) -> None:
    """Make the ticks in the style that holds now.

    matplotlib makes them when they are first needed, and that may be after the house
    style's context has ended.
    """
    for ax in fig.axes:
        ax.get_xticklabels()
        ax.get_yticklabels()


def _add_below(fig: Figure, room: float) -> None:
    """Make the page longer by `room` inches; the panels keep their size."""
    places, height = fig.subplotpars, fig.get_figheight()
    top, bottom = (1 - places.top) * height, places.bottom * height
    fig.set_figheight(height + room)
    fig.subplots_adjust(
        top=1 - top / (height + room), bottom=(bottom + room) / (height + room)
    )


def _panels_in_a_row(n: int) -> int:
    return n if n < 4 else 2 if n == 4 else 3


def _n_columns(labels: Sequence[str], room: int) -> int:
    """Most columns of a legend, filled one by one, that fit `room` characters."""
    for n_columns in range(len(labels), 1, -1):
        n_rows = -(-len(labels) // n_columns)
        columns = [labels[i : i + n_rows] for i in range(0, len(labels), n_rows)]
        # A handle and the gap between columns take the room of eight characters.
        if sum(max(map(len, column)) + 8 for column in columns) <= room:
            return len(columns)
    return 1
