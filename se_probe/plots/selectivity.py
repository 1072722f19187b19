"""How much channels prefer one class, along the network."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from se_probe.plots.style import COLOURS, DASHES, house_style, text_scale

__all__ = ["figure_selectivity", "plot_selectivity"]

_BOX = 0.5  # width of a box, where blocks are 1 apart
_CHANCE = 0.05
_FILL = "#BFDDF0"
_BAND: dict[str, Any] = {"color": "0.55", "alpha": 0.35, "linewidth": 0, "zorder": 1.5}
_LINE: dict[str, Any] = {"color": "0.35", "linestyle": DASHES[1], "linewidth": 1}


def plot_selectivity(view: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how the class selectivity of each block's channels is distributed.

    A box holds the middle half of a block's channels, with their median; its line
    reaches from the 5th to the 95th percentile. In grey the same under shuffled labels.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.selectivity_profile`.
    ax : Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    Axes
    """
    with given_or_new(ax, (7.0, 3.0)) as drawn:
        shade_stages(drawn, view)
        _draw_level(drawn, view)
        _draw_boxes(drawn, view)
        if not np.isfinite(view["selectivity_median"]).any():
            why = "not known: needs two classes with two images each"
            drawn.text(0.5, 0.5, why, transform=drawn.transAxes, ha="center")
        drawn.set_ylabel("class selectivity\nof a block's channels")
        drawn.set_ylim(bottom=0)
        label_blocks(drawn, [str(name) for name in view["block"].values])
    return drawn


def figure_selectivity(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw the selectivity of the channels and how many are above the shuffled level.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.selectivity_profile`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    with house_style():
        fig = Figure((inches(width), 3.9 * text_scale()))
        ratios = {"height_ratios": [2, 1]}
        upper, lower = fig.subplots(2, 1, sharex=True, gridspec_kw=ratios)
        set_margins(fig, left=0.8, right=0.12, top=0.1, bottom=0.55)
        fig.subplots_adjust(hspace=0.12)
        plot_selectivity(view, ax=upper)
        _draw_above(lower, view)
        upper.tick_params(labelbottom=False)
        set_margins(fig, left=0.8, right=0.12, top=0.1, bottom=room_for_blocks(lower))
        fig.align_ylabels([upper, lower])
        share_legend([upper], _sample(view))
        add_title(fig, title)
        finish(fig)
    return fig


def _draw_boxes(ax: Axes, view: xr.Dataset) -> None:
    x = np.arange(view.sizes["block"])
    low, first, middle, third, high = (
        view[f"selectivity_{q}"].values for q in ("q05", "q25", "median", "q75", "q95")
    )
    colour = COLOURS[0]
    ax.vlines(x, low, high, color=colour, linewidth=0.8, zorder=2.5)
    label = "channels: median, middle half, 5 % to 95 %"
    box: dict[str, Any] = {
        "facecolor": "#BFDDF0",
        "edgecolor": colour,
        "linewidth": 0.8,
    }
    ax.bar(x, third - first, _BOX, bottom=first, label=label, zorder=3, **box)
    ax.hlines(middle, x - _BOX / 2, x + _BOX / 2, color=colour, linewidth=1.8, zorder=4)


def _draw_level(ax: Axes, view: xr.Dataset) -> None:
    x = np.arange(view.sizes["block"])
    low, middle, high = (view[f"shuffled_{q}"].values for q in ("q05", "median", "q95"))
    if not np.isfinite(middle).any():
        return
    # Steps as wide as a block, so that a single block has a band too.
    edges = np.repeat(np.concatenate([x - 0.5, x[-1:] + 0.5]), 2)[1:-1]
    wide = [np.repeat(values, 2) for values in (low, middle, high)]
    label = "shuffled labels: 5 % to 95 %"
    ax.fill_between(edges, wide[0], wide[2], label=label, **_BAND)
    ax.plot(edges, wide[1], label="shuffled labels: median", zorder=2, **_LINE)


def _draw_above(ax: Axes, view: xr.Dataset) -> None:
    """Share of the channels above what chance gives, and how much chance gives."""
    shade_stages(ax, view)
    x = np.arange(view.sizes["block"])
    style: dict[str, Any] = {"color": COLOURS[0], "marker": "o", "markersize": 3}
    ax.plot(x, 100 * view["share_above"].values, **style)
    ax.axhline(100 * _CHANCE, **_LINE)
    ax.set_ylim(-4, 104)
    ax.set_ylabel("channels above\nshuffled 95 % (%)")
    ax.set_xlabel("SE block")
    label_blocks(ax, [str(name) for name in view["block"].values])


def _sample(view: xr.Dataset) -> str:
    n_images, n_classes = (
        view.attrs[f"selectivity_{what}"] for what in ("images", "classes")
    )
    return f"{n_images:,} images of {n_classes:,} classes"
