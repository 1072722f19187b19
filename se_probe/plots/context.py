"""Gates beside what they are computed from: by depth, and for one block."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from se_probe.plots.block_axis import label_blocks, shade_stages
from se_probe.plots.layout import (
    Width,
    add_title,
    finish,
    given_or_new,
    inches,
    set_margins,
    share_legend,
)
from se_probe.plots.style import COLOURS, DASHES, house_style, plain_numbers, text_scale

__all__ = ["figure_context", "figure_gates_by_squeeze", "plot_context"]

_N_HEXAGONS = 40  # from the least to the largest squeeze
_SINGLE = 4.5  # inches, of a page: one panel across all of it would be too flat


def plot_context(view: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how gates go with their own squeeze, block by block.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.context_profile`.
    ax : Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    Axes
        Medians over the channels of a block, with the middle half and the middle 90 %.
    """
    x = np.arange(view.sizes["block"])
    with given_or_new(ax, (7.0, 3.0)) as drawn:
        shade_stages(drawn, view)
        drawn.axhline(0, color="0.4", linewidth=0.6, zorder=1)
        colour = COLOURS[0]
        drawn.vlines(
            x, view["low"], view["high"], color=colour, linewidth=0.8, label="90 %"
        )
        drawn.vlines(
            x, view["lower"], view["upper"], color=colour, linewidth=3, label="50 %"
        )
        drawn.plot(
            x,
            view["median"],
            color=COLOURS[1],
            marker="o",
            markersize=3.5,
            linestyle=DASHES[0],
            label="median of the channels",
        )
        if not np.isfinite(view["median"]).any():
            why = "gates or squeezes are the same for every image"
            drawn.text(0.5, 0.6, why, transform=drawn.transAxes, ha="center")
        drawn.set_ylim(-1.05, 1.05)
        drawn.set_ylabel("context slope\n(correlation)")
        drawn.set_xlabel("SE block")
        label_blocks(drawn, [str(name) for name in view["block"].values])
    return drawn


def figure_context(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw :func:`plot_context` with its legend below.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.context_profile`.
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
        plot_context(view, ax=ax)
        share_legend([ax], f"{int(view['n_images'].max()):,} images; of the channels:")
        add_title(fig, title)
        finish(fig)
    return fig


def figure_gates_by_squeeze(
    view: xr.Dataset, *, cmap: str = "viridis", width: Width = "page", title: str = ""
) -> Figure:
    """Draw the gates of one block against the squeeze that each is computed from.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`~se_probe.views.gates_by_squeeze`.
    cmap : str, default "viridis"
    width : "page", "column" or float, default "page"
        On a page the panel takes 4.5 inches.
    title : str
        Over the panel.

    Returns
    -------
    Figure
    """
    about = view.attrs
    with house_style():
        side = min(inches(width), _SINGLE * text_scale())
        fig = Figure((side, 0.75 * side), layout="constrained")
        ax = fig.subplots()
        hexagons = ax.hexbin(
            view["squeeze"],
            view["gate"],
            gridsize=_N_HEXAGONS,
            bins="log",
            mincnt=1,
            cmap=cmap,
            linewidths=0.1,
        )
        ax.plot(
            view["bin_squeeze"],
            view["bin_gate"],
            color=COLOURS[1],
            marker="o",
            markersize=3,
            label="mean gate, by squeeze",
        )
        ax.set_title(
            f"{about['block']}: {about['n_images']:,} images, "
            f"{about['n_channels']:,} channels"
        )
        ax.set_xlabel("squeeze (mean of the channel's feature map)")
        ax.set_ylabel("gate")
        ax.grid(visible=False)
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.2), borderaxespad=0)
        plain = plain_numbers()
        label = "pairs of image and channel\n(logarithmic)"
        bar = fig.colorbar(hexagons, ax=ax, label=label, format=plain)
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
        if title:
            fig.suptitle(title)
        finish(fig)
    return fig
