"""Class by class: how alike two classes' mean gates are."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.labels import short_name
from se_probe.plots.layout import Width, finish, inches, letter
from se_probe.plots.matrix import add_bar, draw_matrix
from se_probe.plots.style import house_style, text_scale
from se_probe.views import MAX_LABELLED

__all__ = ["figure_similarity", "plot_similarity"]

_NAME_LENGTH = 24
_NAME_HEIGHT = 0.105  # inches, of a class name at 6.5 points
_LETTER_WIDTH = 0.062
_BAR = 0.65
_ONE_LINE = 4.5  # inches of a figure in which the sample and the order fit one line
_MAX_COLUMNS = 3


def plot_similarity(view: xr.Dataset, block: str, *, ax: Axes) -> Axes:
    """Draw how alike the mean gates of every two classes are in one block.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`~se_probe.views.class_similarities`.
    block : str
        Name of one of the view's.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        With the names of the classes on the left, where there are at most 60.
    """
    one = view.sel(block=block)
    draw_matrix(ax, one["similarity"].to_numpy())
    ax.set_title(block)
    names = [short_name(str(n), _NAME_LENGTH) for n in view["class_name"].to_numpy()]
    ax.set_xticks([])
    ax.set_yticks([])
    if len(names) <= MAX_LABELLED:
        ax.set_yticks(range(len(names)), names)
        ax.tick_params(axis="y", length=0, labelsize=6.5 * text_scale())
    return ax


def figure_similarity(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw the similarity of classes in several blocks, in one order of the classes.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`~se_probe.views.class_similarities`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    blocks = [str(name) for name in view["block"].to_numpy()]
    n_classes, n_images = view.sizes["class_name"], int(view["count"].sum())
    total, scale = inches(width), text_scale()
    n_columns = min(len(blocks), _MAX_COLUMNS if total >= 5 else 1)
    n_rows = -(-len(blocks) // n_columns)
    names = scale * _names_width(view)
    side = min((total - names - scale * _BAR) / n_columns, 3.4)
    if n_classes <= MAX_LABELLED:
        side = max(side, scale * _NAME_HEIGHT * n_classes)
    with house_style():
        size = n_columns * side + names + scale * _BAR, n_rows * (side + 0.3 * scale)
        fig = Figure((size[0], size[1] + 0.25 * scale), layout="constrained")
        grid = fig.subplots(n_rows, n_columns, squeeze=False).ravel()
        for position, (block, ax) in enumerate(zip(blocks, grid, strict=False)):
            plot_similarity(view, block, ax=ax)
            ax.set_title(letter(position, len(blocks), block))
            if position % n_columns:
                ax.set_yticks([])
        for unused in grid[len(blocks) :]:
            unused.remove()
        order = f"in the order of a clustering in {blocks[-1]}"
        fig.supxlabel(
            f"{n_classes:,} classes, {n_images:,} images, {order}", size=8 * scale
        )
        used = list(grid[: len(blocks)])
        add_bar(fig, used[0].images[0], used, "similarity of mean gates")
        if title:
            fig.suptitle(title)
        finish(fig)
    return fig


def _names_width(view: xr.Dataset) -> float:
    """Inches of the names of the classes."""
    names = [short_name(str(n), _NAME_LENGTH) for n in view["class_name"].to_numpy()]
    if len(names) > MAX_LABELLED:
        return 0.0
    return _LETTER_WIDTH * max(map(len, names))
