"""Every gate of a block, one row per image, sorted by class."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from se_probe.gates import block_names
from se_probe.plots.labels import gate_limits, short_name
from se_probe.plots.layout import (
    axes_size,
    finish,
    given_or_new,
    letter,
    new_panels,
    panel_height,
    set_margins,
)
from se_probe.plots.rows import check_cmap, class_edges, draw_rows, edge_centres
from se_probe.plots.style import house_style
from se_probe.views import block_part

__all__ = ["figure_heatmaps", "panel_rows", "plot_gate_heatmap"]

_NAME_HEIGHT = 0.115  # inches, of a class name at 7 points
_LABEL_WIDTH = 0.34  # inches, of the label of the rows in two lines
_BOUNDARY_HEIGHT = 0.03  # inches of a class below which lines would hide it


def plot_gate_heatmap(
    view: xr.DataArray,
    block: str | None = None,
    *,
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every gate of one block, one row per image, sorted by class.

    All is drawn as one image, with lines between classes and the names that have room;
    the title says how many images are averaged to a row.

    Parameters
    ----------
    view : xr.DataArray, dims (row, channel)
        From :func:`~se_probe.views.sorted_rows`.
    block : str, optional
        One of the view's; the only one by default.
    cmap : str, default "viridis"
        Any colour map of matplotlib or seaborn.
    limits : tuple of float, optional
        Gates at the ends of the colour bar; :func:`~se_probe.plots.gate_limits` of
        what is drawn by default.
    ax : Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    BlockNameError
        If the view does not show `block`.
    UsageError
        If there is no such colour map.
    """
    check_cmap(cmap)
    part = block_part(view, block)
    with given_or_new(ax) as drawn:
        image = _draw_panel(drawn, part, cmap, limits or gate_limits(part))
        title = [block_names(part)[0], _averaging(part)]
        drawn.set_title("\n".join(filter(None, title)))
        figure = drawn.get_figure(root=True)
        if ax is None and figure is not None:
            left = _LABEL_WIDTH + _names_width(drawn)
            set_margins(figure, left=left, top=0.36, right=0.1)
        drawn.figure.colorbar(image, ax=drawn, label="gate", pad=0.03)
    return drawn


def figure_heatmaps(
    view: xr.DataArray,
    *,
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw the heatmaps of several blocks with one colour bar.

    Parameters
    ----------
    view : xr.DataArray, dims (row, channel)
        From :func:`~se_probe.views.sorted_rows`.
    cmap, limits
        See :func:`plot_gate_heatmap`.
    title : str
        Over all panels.

    Returns
    -------
    Figure
        7 inches wide, or 4.5 for one block.

    Raises
    ------
    UsageError
        If there is no such colour map.
    """
    check_cmap(cmap)
    blocks = block_names(view)
    limits = limits or gate_limits([view.values.min(), view.values.max()])
    with house_style():
        fig, axes = new_panels(len(blocks))
        for i, (block, ax) in enumerate(zip(blocks, axes, strict=True)):
            image = _draw_panel(ax, block_part(view, block), cmap, limits)
            ax.set_title(letter(i, len(axes), block))
            ax.set_ylabel("")
        _add_bar_and_labels(fig, axes, image, view, title)
        finish(fig)
    return fig


def panel_rows(n_panels: int) -> int:
    """Rows of pixels in each panel of :func:`figure_heatmaps`."""
    (n_rows,) = _pixels(panel_height(n_panels))
    return n_rows


def _pixels(*inches: float) -> list[int]:
    """Whole pixels of some lengths in a saved figure."""
    with house_style():
        dpi: float = matplotlib.rcParams["savefig.dpi"]
    return [max(1, round(length * dpi)) for length in inches]


def _draw_panel(
    ax: Axes, rows: xr.DataArray, cmap: str, limits: tuple[float, float]
) -> AxesImage:
    # matplotlib's antialiasing is for images that are larger than the screen; it would
    # blur a block of few channels.
    width, height = axes_size(ax)
    room = _pixels(height, width)
    fits = all(n <= n_fit for n, n_fit in zip(rows.shape, room, strict=True))
    image = draw_rows(
        ax,
        rows.values,
        cmap=cmap,
        limits=limits,
        interpolation="nearest" if fits else "antialiased",
    )
    names, edges = class_edges(rows["class_name"].values)
    if height / len(names) > _BOUNDARY_HEIGHT:
        _draw_boundaries(ax, edges)
    named = _names_with_room(ax, edges)
    ax.set_yticks(edge_centres(edges)[named], [short_name(names[k]) for k in named])
    ax.set_ylabel(_rows_label(rows, ax))
    return image


def _add_bar_and_labels(
    fig: Figure,
    axes: Sequence[Axes],
    image: AxesImage,
    rows: xr.DataArray,
    title: str,
) -> None:
    """What the panels share: colour bar, label of the rows, title and averaging."""
    width, height = fig.get_size_inches()
    left = _LABEL_WIDTH + _names_width(axes[0])
    lines = [line for line in (title, _averaging(rows)) if line]
    set_margins(fig, left=left, right=0.7, top=0.22 + 0.2 * len(lines))
    fig.suptitle("\n".join(lines), y=1 - 0.06 / height, va="top")
    fig.supylabel(_rows_label(rows, axes[0]), x=0.06 / width, ha="left")
    places = fig.subplotpars
    bar = (1 - 0.58 / width, places.bottom, 0.1 / width, places.top - places.bottom)
    fig.colorbar(image, cax=fig.add_axes(bar), label="gate")


def _names_width(ax: Axes) -> float:
    """Inches from the axes to the far end of the longest class name."""
    widths = [label.get_window_extent().width for label in ax.get_yticklabels()]
    return float(max(widths) / ax.figure.dpi) + 0.1


def _rows_label(rows: xr.DataArray, ax: Axes) -> str:
    n_images, n_named = int(rows["n_images"].sum()), len(ax.get_yticks())
    n_classes = len(np.unique(rows["class_name"].values.astype(str)))
    some = f"\n({n_named} of {n_classes:,} classes named)"
    return f"{n_images:,} images by class" + (some if n_named < n_classes else "")


def _names_with_room(ax: Axes, edges: npt.NDArray[np.float64]) -> list[int]:
    """Classes whose names do not run into the name above."""
    inches = edge_centres(edges) / (edges[-1] - edges[0]) * axes_size(ax)[1]
    named = [0]
    for k, height in enumerate(inches):
        if height - inches[named[-1]] >= _NAME_HEIGHT:
            named.append(k)
    return named


def _draw_boundaries(ax: Axes, edges: npt.NDArray[np.float64]) -> None:
    # White edged with black shows on any colour map.
    lines = ax.hlines(edges[1:-1], 0, 1, color="white", linewidth=0.6)
    lines.set_transform(ax.get_yaxis_transform())
    lines.set_path_effects([patheffects.withStroke(linewidth=1.4, foreground="black")])


def _averaging(rows: xr.DataArray) -> str:
    """How many images a row is the mean of, for the title; "" where it is one."""
    per_row = rows.attrs["images_per_row"]
    return f"each row: mean of up to {per_row:,} images" if per_row > 1 else ""
