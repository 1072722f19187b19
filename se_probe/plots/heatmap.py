"""Every gate of a block, one row per image, sorted by class."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from se_probe.gates import block_names
from se_probe.plots.labels import short_name
from se_probe.plots.layout import (
    Width,
    add_title,
    axes_size,
    finish,
    given_or_new,
    letter,
    new_panels,
    panel_height,
    set_margins,
)
from se_probe.plots.rows import (
    check_cmap,
    class_edges,
    draw_rows,
    edge_centres,
    pixels,
)
from se_probe.plots.style import house_style, text_scale
from se_probe.views import block_part

__all__ = ["Limits", "figure_heatmaps", "own_limits", "panel_rows", "plot_gate_heatmap"]

# One pair for all panels, or one for each block.
Limits = tuple[float, float] | Mapping[str, tuple[float, float]]

_NAME_HEIGHT = 0.115  # inches, of a class name at 7 points
_LABEL_WIDTH = 0.34  # inches, of the label of the rows in two lines
_BOUNDARY_HEIGHT = 0.03  # inches of a class below which lines would hide it
_BAR, _BAR_GAP, _BAR_ROOM = 0.07, 0.04, 0.52  # inches: a bar, before it, with ticks
_PERCENTILES = (1, 99)
_OWN_SCALES = "gate in colour, each panel from its own 1st to 99th percentile"
_BY_CLASS = "channels by the class that opens them most (sorted on these images)"


def plot_gate_heatmap(
    view: xr.DataArray,
    block: str | None = None,
    *,
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every gate of one block, one row per image, sorted by class.

    Rows and channels are averaged until each is at least a pixel (of a figure saved by
    :func:`~se_probe.plots.save`), and drawn without interpolation, so that every colour
    is one of the bar's; the title says what is averaged. Lines part the classes, and
    those are named that have room.

    Parameters
    ----------
    view : xr.DataArray, dims (row, channel)
        From :func:`~se_probe.views.sorted_rows`.
    block : str, optional
        Name or module path of one of the view's; the only one by default.
    cmap : str, default "viridis"
        Any colour map of matplotlib or seaborn.
    limits : tuple of float, optional
        Gates at the ends of the colour bar; the 1st and 99th percentile of the block's
        gates by default. What lies beyond has the colour of the end.
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
        image = _draw_panel(drawn, part, cmap, limits or own_limits(part))
        title = [block_names(part)[0], _averaging(part, drawn)]
        drawn.set_title("\n".join(filter(None, title)))
        figure = drawn.get_figure(root=True)
        if ax is None and figure is not None:
            left = _LABEL_WIDTH + _names_width(drawn)
            top = 0.2 + 0.14 * len(list(filter(None, title)))
            set_margins(figure, left=left, top=top, right=0.6)
        _add_bar(image, part, "gate")
    return drawn


def figure_heatmaps(
    view: xr.DataArray,
    *,
    cmap: str = "viridis",
    limits: Limits | None = None,
    title: str = "",
    width: Width = "page",
) -> Figure:
    """Draw the heatmaps of several blocks.

    Parameters
    ----------
    view : xr.DataArray, dims (row, channel)
        From :func:`~se_probe.views.sorted_rows`.
    cmap : str, default "viridis"
        Any colour map of matplotlib or seaborn.
    limits : tuple of float, or mapping of block to tuple, optional
        Gates at the ends of one colour bar for all panels, or of a small bar beside
        each; by default each block's own :func:`own_limits`.
    title : str
        Over all panels.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If there is no such colour map.
    """
    check_cmap(cmap)
    blocks = block_names(view)
    parts = {block: block_part(view, block) for block in blocks}
    is_common = isinstance(limits, tuple)
    with house_style():
        between = 0.16 if is_common else text_scale() * _BAR_ROOM
        fig, axes = new_panels(len(blocks), width, between)
        images = []
        for i, (block, ax) in enumerate(zip(blocks, axes, strict=True)):
            ends = _limits_of(parts[block], block, limits)
            images.append(_draw_panel(ax, parts[block], cmap, ends))
            ax.set_title(letter(i, len(axes), block))
            ax.set_ylabel("")
        _add_labels(fig, axes, view, right=0.7 if is_common else _BAR_ROOM + 0.06)
        is_by_class = view.attrs.get("channel_order") == "class"
        lines = [
            title,
            _averaging(view, axes[0]),
            _BY_CLASS if is_by_class else "",
            _scales(limits, len(blocks)),
        ]
        add_title(fig, "\n".join(filter(None, lines)))
        if is_common:
            _add_common_bar(fig, images[0], view)
        else:
            for block, image in zip(blocks, images, strict=True):
                _add_bar(image, parts[block], "")
        finish(fig)
    return fig


def own_limits(gates: npt.ArrayLike) -> tuple[float, float]:
    """Ends of a block's own colour bar: the 1st and 99th percentile of its gates.

    Parameters
    ----------
    gates : array of float

    Returns
    -------
    low, high : float
        A little apart where all gates are alike.

    Examples
    --------
    >>> own_limits(np.linspace(0, 1, 101))
    (0.01, 0.99)
    """
    low, high = np.nanpercentile(np.asarray(gates), _PERCENTILES)
    if high - low < 1e-6:
        return float(low) - 5e-4, float(high) + 5e-4
    return float(low), float(high)


def panel_rows(n_panels: int, width: Width = "page") -> int:
    """Rows of pixels in each panel of :func:`figure_heatmaps`."""
    with house_style():
        (n_rows,) = pixels(panel_height(n_panels, width))
    return n_rows


def _limits_of(
    part: xr.DataArray, block: str, limits: Limits | None
) -> tuple[float, float]:
    if isinstance(limits, tuple):
        return limits
    return own_limits(part) if limits is None else limits[block]


def _scales(limits: Limits | None, n_panels: int) -> str:
    if limits is None:
        one = "gate in colour, from the 1st to the 99th percentile"
        return one if n_panels == 1 else _OWN_SCALES
    return "" if isinstance(limits, tuple) else "gate in colour, each panel on its own"


def _draw_panel(
    ax: Axes, rows: xr.DataArray, cmap: str, limits: tuple[float, float]
) -> AxesImage:
    image, fitted = draw_rows(ax, rows, cmap=cmap, limits=limits)
    names, edges = class_edges(fitted["class_name"].values)
    height = axes_size(ax)[1]
    if height / len(names) > _BOUNDARY_HEIGHT:
        _draw_boundaries(ax, edges)
    named = _names_with_room(ax, edges)
    ax.set_yticks(edge_centres(edges)[named], [short_name(names[k]) for k in named])
    ax.set_ylabel(_rows_label(rows, ax))
    return image


def _add_bar(image: AxesImage, part: xr.DataArray, label: str) -> None:
    """A small colour bar beside a panel, as high as it."""
    ax = image.axes
    width, scale = axes_size(ax)[0], text_scale()
    place = (1 + _BAR_GAP * scale / width, 0.0, _BAR * scale / width, 1.0)
    bar = ax.figure.colorbar(
        image, cax=ax.inset_axes(place), label=label, extend=_beyond(image, part)
    )
    _mark_few(bar)


def _add_common_bar(fig: Figure, image: AxesImage, view: xr.DataArray) -> None:
    """One colour bar on the right of all panels."""
    width, places = fig.get_figwidth() / text_scale(), fig.subplotpars
    bar = (1 - 0.58 / width, places.bottom, 0.1 / width, places.top - places.bottom)
    fig.colorbar(
        image, cax=fig.add_axes(bar), label="gate", extend=_beyond(image, view)
    )


def _beyond(image: AxesImage, part: xr.DataArray) -> str:
    """Which ends of a colour bar have gates beyond them."""
    low, high = image.get_clim()
    is_below, is_above = bool(part.min() < low), bool(part.max() > high)
    if is_below and is_above:
        return "both"
    return "min" if is_below else "max" if is_above else "neither"


def _mark_few(bar: Colorbar) -> None:
    bar.ax.locator_params(axis="y", nbins=4)
    bar.ax.tick_params(pad=1.5)


def _add_labels(
    fig: Figure, axes: Sequence[Axes], rows: xr.DataArray, right: float
) -> None:
    """What the panels share: names of the classes and the label of the rows."""
    left = _LABEL_WIDTH + _names_width(axes[0])
    set_margins(fig, left=left, right=right)
    width = fig.get_figwidth() / text_scale()
    fig.supylabel(_rows_label(rows, axes[0]), x=0.06 / width, ha="left")


def _names_width(ax: Axes) -> float:
    """Inches at the style's own size to the far end of the longest class name."""
    widths = [label.get_window_extent().width for label in ax.get_yticklabels()]
    return float(max(widths) / ax.figure.dpi / text_scale()) + 0.1


def _rows_label(rows: xr.DataArray, ax: Axes) -> str:
    n_images, n_named = int(rows["n_images"].sum()), len(ax.get_yticks())
    n_classes = len(np.unique(rows["class_name"].values.astype(str)))
    some = f"\n({n_named} of {n_classes:,} classes named)"
    return f"{n_images:,} images by class" + (some if n_named < n_classes else "")


def _names_with_room(ax: Axes, edges: npt.NDArray[np.float64]) -> list[int]:
    """Classes whose names do not run into the name above."""
    height = axes_size(ax)[1] / text_scale()
    inches = edge_centres(edges) / (edges[-1] - edges[0]) * height
    named = [0]
    for k, place in enumerate(inches):
        if place - inches[named[-1]] >= _NAME_HEIGHT:
            named.append(k)
    return named


def _draw_boundaries(ax: Axes, edges: npt.NDArray[np.float64]) -> None:
    # White edged with black shows on any colour map.
    lines = ax.hlines(edges[1:-1], 0, 1, color="white", linewidth=0.6)
    lines.set_transform(ax.get_yaxis_transform())
    lines.set_path_effects([patheffects.withStroke(linewidth=1.4, foreground="black")])


def _averaging(rows: xr.DataArray, ax: Axes) -> str:
    """What a row is the mean of, for the title; "" where it is one image."""
    (n_pixels,) = pixels(axes_size(ax)[1])
    n_classes = len(np.unique(rows["class_name"].values.astype(str)))
    if n_classes > n_pixels:
        return f"each row: mean of up to {-(-n_classes // n_pixels)} classes"
    per_row = rows.attrs["images_per_row"]
    return f"each row: mean of up to {per_row:,} images" if per_row > 1 else ""
