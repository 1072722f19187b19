"""The gates of one block in two records beside each other, and their difference."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.errors import UsageError
from se_probe.gates import block_names
from se_probe.plots.labels import gate_limits, short_name
from se_probe.plots.layout import Width, add_title, finish, inches, set_margins
from se_probe.plots.rows import check_cmap, class_edges, draw_rows, edge_centres
from se_probe.plots.style import house_style, text_scale
from se_probe.views import block_part

__all__ = ["figure_pairs"]

_MAX_NAMES = 14
_ROW_HEIGHT = 2.35  # inches, with its title and axis
_LETTER = 0.055  # inches, of a class name at 7 points
_SIDE_BY_SIDE = 5.0  # inches of a figure with room for three panels in a row


def figure_pairs(
    views: Sequence[xr.Dataset],
    block: str | None = None,
    *,
    cmap: str = "viridis",
    width: Width = "page",
    title: str = "",
) -> Figure:
    """Draw each pair as one row: two heatmaps of the gates, and their difference.

    Below five inches the three stand under each other.

    Rows of a heatmap are images sorted by class, averaged within the class where they
    are many.

    Parameters
    ----------
    views : sequence of xr.Dataset, dims (row, channel)
        From :func:`~se_probe.views.paired_rows`, one of each pair.
    block : str, optional
        One of the views'; the only one by default.
    cmap : str, default "viridis"
        Of the gates; differences are blue below zero and red above.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
        All gates on one scale, all differences on another.

    Raises
    ------
    BlockNameError
        If the views do not show `block`.
    UsageError
        If there are no pairs, or no such colour map.
    """
    if not views:
        raise UsageError("there are no pairs of records to draw; give at least two")
    check_cmap(cmap)
    parts = [block_part(view, block) for view in views]
    gates = [part[name].values for part in parts for name in ("first", "second")]
    limits = gate_limits([end(each) for each in gates for end in (np.min, np.max)])
    largest = max(float(np.abs(part["difference"].values).max()) for part in parts)
    with house_style():
        fig, axes = _panels(parts, inches(width))
        for row, part in zip(axes, parts, strict=True):
            for ax, name, label in zip(
                row, ("first", "second"), part.attrs["labels"], strict=False
            ):
                _draw(ax, part, name, "gate", cmap=cmap, limits=limits)
                ax.set_title(label)
            reach = (-largest, largest) if largest else (-1.0, 1.0)
            which = "second \N{MINUS SIGN} first"
            _draw(row[2], part, "difference", which, cmap="RdBu_r", limits=reach)
            row[2].set_title(_title(part["difference"]))
        what = f"{block_names(parts[0])[0]}: {_same_images(parts[0])}"
        add_title(fig, "\n".join(filter(None, [title, what])))
        finish(fig)
    return fig


def _panels(
    parts: Sequence[xr.Dataset], width: float
) -> tuple[Figure, npt.NDArray[np.object_]]:
    """Figure, and its panels with shape (pairs, 3)."""
    n_columns = 3 if width >= _SIDE_BY_SIDE else 1
    n_rows = 3 * len(parts) // n_columns
    scale = text_scale()
    fig = Figure((width, scale * _ROW_HEIGHT * n_rows))
    axes = fig.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    left = 0.4 + _LETTER * max(map(len, _labels(parts[0])[1]))
    set_margins(fig, left=left, right=0.62, top=0.25, bottom=0.38)
    fig.subplots_adjust(wspace=0.32, hspace=0.62 / (_ROW_HEIGHT - 0.62))
    for ax in axes[:, 0]:
        ax.set_ylabel("images by class")
    return fig, axes.reshape(len(parts), 3)


def _draw(
    ax: Axes,
    part: xr.Dataset,
    name: str,
    label: str,
    *,
    cmap: str,
    limits: tuple[float, float],
) -> None:
    rows = part[name].assign_attrs(part.attrs)
    image, fitted = draw_rows(ax, rows, cmap=cmap, limits=limits)
    ax.set_yticks(*_labels(fitted))
    ax.figure.colorbar(image, ax=ax, label=label, pad=0.04, fraction=0.08)


def _title(difference: xr.DataArray) -> str:
    largest = float(np.abs(difference.values).max())
    return f"difference: {f'at most {largest:.2g}' if largest else '0 everywhere'}"


def _labels(part: xr.DataArray | xr.Dataset) -> tuple[list[float], list[str]]:
    """Places and names of the classes beside the rows, as many as there is room for."""
    names, edges = class_edges(part["class_name"].values.astype(str))
    every = -(-len(names) // _MAX_NAMES)
    shown = [short_name(str(name), 14) for name in names[::every]]
    return edge_centres(edges)[::every].tolist(), shown


def _same_images(part: xr.Dataset) -> str:
    n_images, per_row = int(part["n_images"].sum()), part.attrs["images_per_row"]
    averaged = f", each row the mean of up to {per_row}" if per_row > 1 else ""
    return f"gates of the same {n_images:,} images{averaged}"
