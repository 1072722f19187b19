"""Class by class: how alike two classes' mean gates are."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.labels import short_name
from se_probe.plots.layout import Width, finish, inches, letter
from se_probe.plots.matrix import add_bar, draw_matrix, pooled
from se_probe.plots.style import LETTER_WIDTH, house_style, text_scale
from se_probe.views import MAX_LABELLED

__all__ = ["figure_similarity", "plot_similarity"]

_NAME_LENGTH = 24
_NAME_HEIGHT = 0.105  # inches, of a class name at 6.5 points
_BAR = 0.65
_ONE_LINE = 4.5  # inches of a figure in which the sample and the order fit one line
_MAX_COLUMNS = 3
_MANY, _LARGEST = 5.0, 3.4  # inches: a figure of several columns, a panel


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
    with house_style():
        size, n_columns = _layout(view, inches(width))
        fig = Figure(size, layout="compressed")
        grid = fig.subplots(-(-len(blocks) // n_columns), n_columns, squeeze=False)
        axes = list(grid.ravel())
        for position, (block, ax) in enumerate(zip(blocks, axes, strict=False)):
            plot_similarity(view, block, ax=ax)
            ax.set_title(letter(position, len(blocks), block))
            if position % n_columns:
                ax.set_yticks([])
        for unused in axes[len(blocks) :]:
            unused.remove()
        fig.supxlabel(_sample(view, size[0]), fontsize=7 * text_scale())
        used = axes[: len(blocks)]
        add_bar(fig, used[0].images[0], used, "similarity of mean gates")
        if title:
            fig.suptitle(title)
        finish(fig)
    return fig


def _layout(view: xr.Dataset, total: float) -> tuple[tuple[float, float], int]:
    """Size of the figure in inches, and how many panels stand side by side."""
    n_blocks, n_classes, scale = (
        view.sizes["block"],
        view.sizes["class_name"],
        text_scale(),
    )
    n_columns = min(n_blocks, _MAX_COLUMNS if total >= _MANY else 1)
    beside = scale * (_names_width(view) + _BAR)
    side = min((total - beside) / n_columns, _LARGEST)
    if n_classes <= MAX_LABELLED:
        side = max(side, scale * _NAME_HEIGHT * n_classes)
    n_rows = -(-n_blocks // n_columns)
    height = n_rows * (side + 0.3 * scale) + 0.35 * scale
    return (n_columns * side + beside, height), n_columns


def _sample(view: xr.Dataset, width: float) -> str:
    n_classes, n_images = view.sizes["class_name"], int(view["count"].sum())
    between = ", " if width > _ONE_LINE * text_scale() else ",\n"
    order = f"in the order of a clustering in {view['block'].to_numpy()[-1]}"
    _, step = pooled(view["similarity"].to_numpy()[0])
    means = f",\neach cell the mean of {step} x {step} classes" if step > 1 else ""
    return f"{n_classes:,} classes, {n_images:,} images{between}{order}{means}"


def _names_width(view: xr.Dataset) -> float:
    """Inches of the names of the classes."""
    names = [short_name(str(n), _NAME_LENGTH) for n in view["class_name"].to_numpy()]
    if len(names) > MAX_LABELLED:
        return 0.0
    return LETTER_WIDTH * max(map(len, names))
