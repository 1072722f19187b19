"""How many gates of a block are independent, and which move together."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from se_probe.plots.block_axis import label_blocks, room_for_blocks, shade_stages
from se_probe.plots.layout import (
    Width,
    add_title,
    finish,
    given_or_new,
    inches,
    set_margins,
    share_legend,
)
from se_probe.plots.matrix import add_bar, draw_matrix
from se_probe.plots.style import COLOURS, DASHES, house_style, plain_numbers, text_scale

__all__ = ["figure_correlations", "figure_redundancy", "plot_redundancy"]

_LINES: dict[str, dict[str, Any]] = {
    "channels": {"label": "channels", "color": COLOURS[1], "linestyle": DASHES[1]},
    "n_images": {"label": "images", "color": COLOURS[2], "linestyle": DASHES[2]},
    "independent_rank": {
        "label": "effective rank of independent channels",
        "color": "0.45",
        "linestyle": DASHES[3],
        "marker": "s",
    },
    "effective_rank": {
        "label": "effective rank of the gates",
        "color": COLOURS[0],
        "linestyle": DASHES[0],
        "marker": "o",
    },
}
_SQUARE = 3.4  # inches, of the side of a single matrix


def plot_redundancy(view: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the effective rank of each block's gates beside channels and images.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.redundancy_profile`.
    ax : Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    Axes
        With a logarithmic axis.
    """
    x = np.arange(view.sizes["block"])
    with given_or_new(ax, (7.0, 3.0)) as drawn:
        shade_stages(drawn, view)
        for name, style in _LINES.items():
            drawn.plot(x, view[name].values, markersize=3, **style)
        drawn.set_yscale("log")
        drawn.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        drawn.yaxis.set_major_formatter(plain_numbers(",g"))
        drawn.yaxis.set_minor_formatter(NullFormatter())
        least = float(view[list(_LINES)].to_array().min(skipna=True))
        drawn.set_ylim(bottom=max(0.9, 0.6 * least))
        drawn.set_ylabel("number\n(logarithmic)")
        drawn.set_xlabel("SE block")
        label_blocks(drawn, [str(name) for name in view["block"].values])
    return drawn


def figure_redundancy(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw :func:`plot_redundancy` with its legend below.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.redundancy_profile`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over the panel.

    Returns
    -------
    Figure
    """
    with house_style():
        fig = Figure((inches(width), 3.0 * text_scale()))
        ax = fig.subplots()
        set_margins(fig, left=0.75, right=0.12, top=0.1, bottom=0.55)
        plot_redundancy(view, ax=ax)
        set_margins(fig, left=0.75, right=0.12, top=0.1, bottom=room_for_blocks(ax))
        share_legend([ax])
        add_title(fig, title)
        finish(fig)
    return fig


def figure_correlations(
    view: xr.DataArray, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw the correlations of one block's gates, channels ordered by clustering.

    Parameters
    ----------
    view : xr.DataArray, dims (channel, other_channel)
        From :func:`~se_probe.views.gate_correlations`.
    width : "page", "column" or float, default "page"
        The matrix is square and takes at most 3.4 inches with its bar.
    title : str
        Over the panel.

    Returns
    -------
    Figure
    """
    n_shown, n_all = view.sizes["channel"], view.attrs["n_channels"]
    which = "all" if n_shown == n_all else f"{n_shown:,} of {n_all:,}"
    with house_style():
        side = min(inches(width), _SQUARE * text_scale())
        fig = Figure((side, 0.9 * side), layout="compressed")
        ax = fig.subplots()
        image = draw_matrix(ax, view.values)
        ax.set_title(f"{view.attrs['block']}, {view.attrs['n_images']:,} images")
        ax.set_xlabel(f"channels ({which}), ordered by clustering")
        ax.set_ylabel("the same channels")
        ax.set_xticks([])
        ax.set_yticks([])
        add_bar(fig, image, [ax], "correlation of two gates")
        if title:
            fig.suptitle(title)
        finish(fig)
    return fig
