"""What the network loses when the gates of its blocks are exchanged."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.layout import (
    Width,
    add_title,
    finish,
    given_or_new,
    inches,
    letter,
    set_margins,
    share_legend,
)
from se_probe.plots.style import (
    COLOURS,
    DASHES,
    LETTER_WIDTH,
    house_style,
    plain_numbers,
    text_scale,
)

__all__ = ["figure_exchange", "plot_exchange"]

_STYLES: dict[str, dict[str, Any]] = {
    "identity": {"color": COLOURS[1], "marker": "s", "linestyle": DASHES[1]},
    "frozen": {"color": COLOURS[0], "marker": "o", "linestyle": DASHES[0]},
    "class_mean": {"color": COLOURS[2], "marker": "^", "linestyle": DASHES[2]},
    "same_class": {"color": COLOURS[4], "marker": "v", "linestyle": DASHES[3]},
    "other_class": {"color": COLOURS[3], "marker": "D", "linestyle": DASHES[4]},
}
_LABELS = {
    "identity": "identity (gates 1)",
    "frozen": "frozen (gates held constant)",
    "class_mean": "class_mean (mean of its class)",
    "same_class": "same_class (another image of its class)",
    "other_class": "other_class (image of another class)",
}
_EXTENTS = {
    "alone": "this block alone",
    "to_output": "this block and all after it, to the classifier",
    "from_input": "this block and all before it, from the input",
}
_SHORT = {
    "alone": "alone",
    "to_output": "and all after it",
    "from_input": "and all before it",
}
_BECAME: dict[str, dict[str, Any]] = {
    "alone": {"color": COLOURS[3], "marker": "D", "linestyle": DASHES[0]},
    "to_output": {"color": COLOURS[5], "marker": ">", "linestyle": DASHES[1]},
    "from_input": {"color": COLOURS[6], "marker": "<", "linestyle": DASHES[3]},
}
_APART = 0.09  # of the distance between blocks
_PANEL_HEIGHT = 1.45
# Divergences below this many nats are drawn near 0, whatever their logarithm.
_SMALL_KL = 1e-3
_SMALL_DIFFERENCE = 1e-2


def plot_exchange(
    view: xr.Dataset, extent: str = "alone", *, ax: Axes | None = None
) -> Axes:
    """Draw the divergence of the five treatments along the depth of the network.

    Parameters
    ----------
    view : xr.Dataset, dims (extent, block, treatment)
        From :func:`~se_probe.views.exchange_costs`.
    extent : {"alone", "to_output", "from_input"}
        Which blocks are exchanged together.
    ax : Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    Axes
        Bars are 95 % intervals; the scale is logarithmic from 0.001 nats on.
    """
    one = view.sel(extent=extent)
    x = np.arange(view.sizes["block"])
    with given_or_new(ax, (7.0, 3.0)) as drawn:
        for place, name in enumerate(one["treatment"].values):
            each, style = one.sel(treatment=name), _STYLES[str(name)]
            # Side by side, so that no interval hides another.
            at = x + _APART * (place - 2)
            drawn.plot(at, each["kl"], label=_LABELS[str(name)], markersize=3, **style)
            low, high = each["kl_low"].clip(min=0), each["kl_high"]
            drawn.vlines(at, low, high, color=style["color"], linewidth=0.8)
        _scale(drawn, float(one["kl_high"].fillna(one["kl"]).max()))
        drawn.set_ylabel("KL divergence\n(nats per image)")
        _name_blocks(drawn, view)
    return drawn


def figure_exchange(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw what exchanged gates cost: each block alone, and growing sets of blocks.

    Then what the class in the gates is worth (other_class - same_class), and how often
    the prediction becomes the donor's class, where the network knows classes.

    Parameters
    ----------
    view : xr.Dataset, dims (extent, block, treatment)
        From :func:`~se_probe.views.exchange_costs`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    extents = list(_EXTENTS) if view.sizes["block"] > 1 else ["alone"]
    has_classes = int(view["n_donors_known"]) > 0
    n_panels = len(extents) + 1 + has_classes
    with house_style():
        names = [str(name) for name in view["block"].values]
        bottom = 0.35 + LETTER_WIDTH * max(map(len, names))
        height = n_panels * (_PANEL_HEIGHT + 0.25) + bottom
        fig = Figure((inches(width), height * text_scale()))
        axes = list(fig.subplots(n_panels, 1, sharex=True, squeeze=False).ravel())
        set_margins(fig, left=0.75, top=0.25, bottom=bottom)
        fig.subplots_adjust(hspace=0.25)
        for place, extent in enumerate(extents):
            ax = plot_exchange(view, extent, ax=axes[place])
            ax.set_title(letter(place, n_panels, f"exchanged: {_EXTENTS[extent]}"))
        below = axes[len(extents) :]
        _plot_class_kl(view, extents, below[0])
        titles = ["other_class - same_class: what the class in the gates is worth"]
        if has_classes:
            _plot_became(view, extents, below[1])
            titles.append("other_class: prediction becomes the donor's class")
        for place, title_below in enumerate(titles):
            name = letter(len(extents) + place, n_panels, title_below)
            below[place].set_title(name)
        for ax in axes:
            ax.label_outer()
        axes[-1].set_xlabel("SE block")
        fig.align_ylabels(axes)
        share_legend(axes, _judged(view))
        add_title(fig, title)
        finish(fig)
    return fig


def _plot_class_kl(view: xr.Dataset, extents: Sequence[str], ax: Axes) -> None:
    x = np.arange(view.sizes["block"])
    for place, extent in enumerate(extents):
        one, style = view.sel(extent=extent), _BECAME[extent]
        at = x + _APART * (place - 1)
        ax.plot(at, one["class_kl"], label=_SHORT[extent], markersize=3, **style)
        low, high = one["class_kl_low"], one["class_kl_high"]
        ax.vlines(at, low, high, color=style["color"], linewidth=0.8)
    ax.axhline(0, color="0.4", linewidth=0.6, zorder=1)
    ax.set_yscale("symlog", linthresh=_SMALL_DIFFERENCE)
    ax.yaxis.set_major_formatter(plain_numbers())
    ax.set_ylabel("difference of KL\n(nats per image)")
    ax.legend(loc="upper left", ncols=3)
    low_end, high_end = ax.get_ylim()
    ax.set_ylim(low_end, max(10 * high_end, 10 * _SMALL_DIFFERENCE))
    _name_blocks(ax, view)


def _plot_became(view: xr.Dataset, extents: Sequence[str], ax: Axes) -> None:
    x = np.arange(view.sizes["block"])
    chances = []
    for place, extent in enumerate(extents):
        one, style = view.sel(extent=extent), _BECAME[extent]
        at = x + _APART * (place - 1)
        shown: dict[str, Any] = {"label": _SHORT[extent], "markersize": 3} | style
        ax.plot(at, 100 * one["became_donor"], **shown)
        low, high = 100 * one["became_donor_low"], 100 * one["became_donor_high"]
        ax.vlines(at, low, high, color=style["color"], linewidth=0.8)
        chances.append(100 * one["became_donor_chance"])
    look: dict[str, Any] = {"color": "0.4", "marker": "_", "linestyle": DASHES[2]}
    for place, chance in enumerate(chances):
        label = None if place else "by chance"
        ax.plot(x, chance, linewidth=0.8, label=label, **look)
    ax.set_ylabel("share of images\n(%)")
    ax.set_ylim(0, 1.3 * max(1.0, ax.get_ylim()[1]))
    ax.legend(loc="upper center", ncols=4)
    _name_blocks(ax, view)


def _scale(ax: Axes, largest: float) -> None:
    ax.set_yscale("symlog", linthresh=_SMALL_KL)
    ax.axhline(_SMALL_KL, color="0.4", linewidth=0.6, linestyle=DASHES[2], zorder=1)
    ax.set_ylim(-0.2 * _SMALL_KL, 2 * max(largest, 10 * _SMALL_KL))
    ax.yaxis.set_major_formatter(plain_numbers())


def _name_blocks(ax: Axes, view: xr.Dataset) -> None:
    names = [str(name) for name in view["block"].values]
    ax.set_xticks(range(len(names)), names, rotation=90)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.grid(visible=False, axis="x")


def _judged(view: xr.Dataset) -> str:
    about = view.attrs
    judged = f"{about['architecture']}, {about['n_images']:,} images"
    if about.get("top1") is None:
        return judged
    return f"{judged}; top-1 of the unaltered network {100 * about['top1']:.1f} %"
