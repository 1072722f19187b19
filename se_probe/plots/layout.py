"""Panels, margins and legends in inches.

Everything on these figures has a known height, so margins are set once, by hand.
matplotlib's layout engines measure every text of a figure before each drawing of it,
which would take longer than drawing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.errors import UsageError
from se_probe.plots.style import house_style, text_scale

__all__ = [
    "WIDTHS",
    "Width",
    "add_note",
    "add_title",
    "axes_size",
    "finish",
    "given_or_new",
    "inches",
    "letter",
    "new_panels",
    "panel_height",
    "set_margins",
    "share_legend",
]

# Inches. Seven are the text block of a paper, three and a half one of its columns.
WIDTHS = {"page": 7.0, "column": 3.5}
Width = Literal["page", "column"] | float
_SINGLE_PANEL = 4.5  # of a page: one panel across all of it would be out of proportion
_PANEL_HEIGHTS = {1: 2.4, 2: 1.9, 3: 1.5}
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.5, 0.12, 0.22, 0.36
_BETWEEN = 0.16  # panels side by side
_LEGEND_ROW = 0.145
_CHARS_PER_INCH = 17  # of DejaVu Sans at 7 points, on average
_LETTERS_PER_INCH = 14.5  # at 8 points


def inches(width: Width) -> float:
    """Width of a figure in inches.

    Parameters
    ----------
    width : "page", "column" or float
        7 inches, 3.5 inches, or as many as are said.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If it is another word, or not between 2 and 40 inches.
    """
    found = WIDTHS.get(width, width) if isinstance(width, str) else width
    if isinstance(found, str) or not 2 <= found <= 40:
        raise UsageError(
            f"expected the width page, column or a number of inches from 2 to 40, got "
            f"{width}"
        )
    return float(found)


def new_panels(
    n: int, width: Width = "page", between: float = _BETWEEN
) -> tuple[Figure, list[Axes]]:
    """Figure with `n` panels, up to three to a row, that share their y axis.

    To be called in the house style.

    Parameters
    ----------
    n : int
    width : "page", "column" or float, default "page"
        Of the figure; on a page one panel takes 4.5 inches.
    between : float
        Inches between panels side by side.

    Returns
    -------
    fig : Figure
    axes : list of Axes, length n
    """
    n_columns, total, height = _grid(n, width)
    n_rows = -(-n // n_columns)
    scale = text_scale()
    above = scale * (_TOP + _BOTTOM)
    fig = Figure((total, n_rows * (height + above)))
    grid = fig.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    set_margins(fig)
    room = total - scale * (_LEFT + _RIGHT) - (n_columns - 1) * between
    fig.subplots_adjust(wspace=between * n_columns / room, hspace=above / height)
    for unused in grid[n:]:
        unused.remove()
    return fig, list(grid[:n])


def panel_height(n: int, width: Width = "page") -> float:
    """Inches of each panel of :func:`new_panels`."""
    return _grid(n, width)[2]


def _grid(n: int, width: Width) -> tuple[int, float, float]:
    """Panels to a row, width of the figure, height of a panel."""
    total = inches(width)
    if total >= WIDTHS["page"]:
        n_columns = n if n < 4 else 2 if n == 4 else 3
        total = _SINGLE_PANEL if n == 1 and width == "page" else total
        return n_columns, total, _PANEL_HEIGHTS[n_columns] * total / _page(n_columns)
    n_columns = 1 if n == 1 or total < 3 else 2
    return n_columns, total, max(1.0, 0.62 * (total - _LEFT) / n_columns)


def _page(n_columns: int) -> float:
    return _SINGLE_PANEL if n_columns == 1 else WIDTHS["page"]


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
    """Room around the panels, in inches for letters of the style's own size."""
    width, height = fig.get_size_inches() / text_scale()
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
    room = int(fig.get_figwidth() * _CHARS_PER_INCH / text_scale())
    n_columns = _n_columns(labels, room)
    n_rows = -(-len(labels) // n_columns) + bool(title)
    _lengthen(fig, below=text_scale() * (0.08 + _LEGEND_ROW * n_rows))
    legend = fig.legend(
        handles,
        labels,
        loc="lower center",
        borderaxespad=0.2,
        ncols=n_columns,
        title=title or None,
    )
    # Samples at full strength, however faint the curves of a cloud are.
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


def add_title(fig: Figure, title: str) -> None:
    """A title over all panels, for which the figure gets longer; none for ""."""
    if not title:
        return
    room = int(_LETTERS_PER_INCH * fig.get_figwidth() / text_scale())
    lines = [part for line in title.splitlines() for part in wrap(line, room)]
    title, n_lines = "\n".join(lines), len(lines)
    _lengthen(fig, above=text_scale() * (0.08 + 0.16 * n_lines))
    fig.suptitle(title, y=1 - 0.06 / fig.get_figheight(), va="top")


def add_note(fig: Figure, note: str) -> None:
    """A line under all panels, for which the figure gets longer; none for ""."""
    if not note:
        return
    _lengthen(fig, below=text_scale() * 0.16)
    size = matplotlib.rcParams["legend.fontsize"]
    place = {"ha": "center", "va": "bottom", "fontsize": size}
    fig.text(0.5, 0.04 / fig.get_figheight(), note, **place)


def _lengthen(fig: Figure, above: float = 0.0, below: float = 0.0) -> None:
    """Make the page longer by so many inches; the panels keep their size."""
    places, height = fig.subplotpars, fig.get_figheight()
    top, bottom = (1 - places.top) * height + above, places.bottom * height + below
    longer = height + above + below
    fig.set_figheight(longer)
    fig.subplots_adjust(top=1 - top / longer, bottom=bottom / longer)


def _n_columns(labels: Sequence[str], room: int) -> int:
    """Most columns of a legend, filled one by one, that fit `room` characters."""
    for n_columns in range(len(labels), 1, -1):
        n_rows = -(-len(labels) // n_columns)
        columns = [labels[i : i + n_rows] for i in range(0, len(labels), n_rows)]
        # A handle and the gap between columns take the room of eight characters.
        if sum(max(map(len, column)) + 8 for column in columns) <= room:
            return len(columns)
    return 1
