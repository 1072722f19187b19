"""Every gate of a block, one row per image, sorted by class."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from se_probe.errors import UsageError
from se_probe.gates import block_channels
from se_probe.plots.binning import label_sorted_rows
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
from se_probe.plots.selection import block_name, block_names
from se_probe.plots.style import house_style

__all__ = ["figure_heatmaps", "panel_rows", "plot_gate_heatmap"]

_NAME_HEIGHT = 0.115  # inches, of a class name at 7 points
_LABEL_WIDTH = 0.34  # inches, of the label of the rows in two lines
_BOUNDARY_HEIGHT = 0.03  # inches of a class below which lines would hide it


def plot_gate_heatmap(
    record: xr.DataArray,
    block: str,
    *,
    classes: Sequence[str] | None = None,
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every gate of one block, one row per image, sorted by class.

    Images are averaged within their class when they outnumber the rows of pixels (of a
    figure saved by :func:`~se_probe.plots.save`), and the title says how many to a row.
    All is drawn as one image, with lines between classes and the names that have room.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record; only the channels of `block` are read.
    block : str
        Name or module path.
    classes : sequence of str, optional
        From top to bottom; all recorded classes, by class index, by default.
    cmap : str, default "viridis"
        Any colour map of matplotlib.
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
        If `block` means no block, or several.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If there is no such colour map.
    """
    _check_cmap(cmap)
    channels = block_channels(record, block)
    with given_or_new(ax) as drawn:
        (max_rows,) = _pixels(axes_size(drawn)[1])
        rows = label_sorted_rows(record, channels, classes=classes, max_rows=max_rows)
        image = _draw_rows(drawn, rows, cmap, limits or gate_limits(rows))
        title = [block_name(record, block), _averaging(rows)]
        drawn.set_title("\n".join(filter(None, title)))
        figure = drawn.get_figure(root=True)
        if ax is None and figure is not None:
            left = _LABEL_WIDTH + _names_width(drawn)
            set_margins(figure, left=left, top=0.36, right=0.1)
        drawn.figure.colorbar(image, ax=drawn, label="gate", pad=0.03)
    return drawn


def figure_heatmaps(
    record: xr.DataArray,
    blocks: Sequence[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw the heatmaps of several blocks with one colour bar.

    Parameters
    ----------
    record, classes, cmap, limits
        See :func:`plot_gate_heatmap`. One pass over the record serves all blocks.
    blocks : sequence of str, optional
        Names, module paths or globs; :func:`~se_probe.plots.default_blocks` otherwise.
    title : str
        Over all panels.

    Returns
    -------
    Figure
        7 inches wide, or 4.5 for one block.

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If there is no such colour map.
    """
    _check_cmap(cmap)
    chosen = block_names(record, blocks)
    rows = label_sorted_rows(
        record,
        block_channels(record, chosen[0]) if len(chosen) == 1 else None,
        classes=classes,
        max_rows=panel_rows(len(chosen)),
    )
    parts = [rows.isel(channel=(rows["block"] == block).values) for block in chosen]
    limits = limits or gate_limits(
        [end(part.values) for part in parts for end in (np.min, np.max)]
    )
    with house_style():
        fig, axes = new_panels(len(chosen))
        for i, (block, part, ax) in enumerate(zip(chosen, parts, axes, strict=True)):
            image = _draw_rows(ax, part, cmap, limits)
            ax.set_title(letter(i, len(axes), block))
            ax.set_ylabel("")
        _add_bar_and_labels(fig, axes, image, rows, title)
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


def _draw_rows(
    ax: Axes, rows: xr.DataArray, cmap: str, limits: tuple[float, float]
) -> AxesImage:
    # matplotlib's antialiasing is for images that are larger than the screen; it would
    # blur a block of few channels.
    width, height = axes_size(ax)
    room = _pixels(height, width)
    fits = all(n <= n_fit for n, n_fit in zip(rows.shape, room, strict=True))
    image = ax.imshow(
        rows.values,
        aspect="auto",
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest" if fits else "antialiased",
    )
    names, edges = _class_edges(rows["class_name"].values)
    if axes_size(ax)[1] / len(names) > _BOUNDARY_HEIGHT:
        _draw_boundaries(ax, edges)
    named = _names_with_room(ax, edges)
    ax.set_yticks(_centres(edges)[named], [short_name(names[k]) for k in named])
    ax.set_ylabel(_rows_label(rows, ax))
    ax.set_xlabel("channel")
    ax.locator_params(axis="x", integer=True)
    ax.grid(visible=False)
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


def _class_edges(
    class_names: npt.NDArray[Any],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Name of each class from top to bottom, and the edges between them in rows."""
    starts = np.flatnonzero(
        np.concatenate([[True], class_names[1:] != class_names[:-1]])
    )
    return class_names[starts], np.append(starts, len(class_names)) - 0.5


def _centres(edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return (edges[:-1] + edges[1:]) / 2


def _names_with_room(ax: Axes, edges: npt.NDArray[np.float64]) -> list[int]:
    """Classes whose names do not run into the name above."""
    inches = _centres(edges) / (edges[-1] - edges[0]) * axes_size(ax)[1]
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


def _check_cmap(cmap: str) -> None:
    if cmap not in matplotlib.colormaps:
        import seaborn  # noqa: F401  (brings rocket, mako, flare, crest, vlag, icefire)
    if cmap not in matplotlib.colormaps:
        raise UsageError(
            f"there is no colour map {cmap!r}; there are viridis, magma, hot, rocket "
            "and many more"
        )
