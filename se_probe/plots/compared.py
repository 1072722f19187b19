"""Two records of the same images, along the depth of the network."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.block_axis import label_blocks, shade_stages
from se_probe.plots.layout import (
    Width,
    add_note,
    add_title,
    finish,
    inches,
    set_margins,
)
from se_probe.plots.style import COLOURS, LETTER_WIDTH, house_style, text_scale

__all__ = ["figure_comparison"]

_PANEL_HEIGHT = 1.25
_ALIKE: dict[str, dict[str, Any]] = {
    "correlation": {"color": COLOURS[0], "marker": "o", "label": "class means"},
    # Hollow and larger, so that what lies at the same place is seen inside.
    "cka": {
        "color": COLOURS[1],
        "marker": "s",
        "markersize": 5.5,
        "markerfacecolor": "none",
        "label": "images (linear CKA)",
    },
}
_CHANGES = {
    "class_share_change": "change of\nclass share",
    "separability_change": "change of\nseparability",
}


def figure_comparison(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw how alike the gates of two records are, block by block, and what changed.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`~se_probe.views.comparison_profile`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
        Bars are 95 % bootstrap intervals over images.
    """
    names = [str(name) for name in view["block"].values]
    with house_style():
        scale = text_scale()
        bottom = 0.3 + LETTER_WIDTH * max(map(len, names))
        fig = Figure((inches(width), (4 * _PANEL_HEIGHT + bottom + 0.4) * scale))
        axes = list(fig.subplots(4, 1, sharex=True))
        set_margins(fig, left=0.85, top=0.35, bottom=bottom)
        fig.subplots_adjust(hspace=0.18)
        _draw_alike(axes[0], view)
        _draw_difference(axes[1], view)
        for ax, (name, label) in zip(axes[2:], _CHANGES.items(), strict=True):
            _draw(ax, view, name, {"color": COLOURS[2], "marker": "D"})
            ax.axhline(0, color="0.4", linewidth=0.6, zorder=1)
            ax.set_ylabel(label)
        for ax in axes:
            shade_stages(ax, view)
            label_blocks(ax, names)
        fig.align_ylabels(axes)
        one, other = view.attrs["labels"]
        n = view.attrs["n_images"]
        add_title(fig, title or f"{one} and {other}: the same {n:,} images")
        if not view.attrs["is_in_order"]:
            add_note(fig, "Channels do not correspond: sorted mean gates are compared.")
        finish(fig)
    return fig


def _draw_alike(ax: Axes, view: xr.Dataset) -> None:
    for name, style in _ALIKE.items():
        if np.isfinite(view[name]).any():
            _draw(ax, view, name, style)
    ax.set_ylabel("alike\n(1: the same)")
    values = np.concatenate([view[name].values for name in _ALIKE])
    ax.set_ylim(min(0.0, np.nanmin(values, initial=0.0)) - 0.05, 1.05)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    else:
        ax.text(0.5, 0.5, "not known", transform=ax.transAxes, ha="center")


def _draw_difference(ax: Axes, view: xr.Dataset) -> None:
    is_in_order = view.attrs["is_in_order"]
    name = "gate_difference" if is_in_order else "profile_difference"
    _draw(ax, view, name, {"color": COLOURS[3], "marker": "^", "clip_on": False})
    what = "of the gates" if is_in_order else "of sorted\nmean gates"
    ax.set_ylabel(f"difference\n{what}")
    ax.set_ylim(bottom=0)


def _draw(ax: Axes, view: xr.Dataset, name: str, style: dict[str, Any]) -> None:
    x, values = np.arange(view.sizes["block"]), view[name].values
    if not np.isfinite(values).any():
        ax.text(0.5, 0.5, "too few images", transform=ax.transAxes, ha="center")
        return
    ax.plot(x, values, **({"markersize": 3.5, "linewidth": 0.8} | style))
    if f"{name}_low" in view:
        low, high = (view[f"{name}_{end}"].values for end in ("low", "high"))
        ax.vlines(x, low, high, color=style["color"], linewidth=0.8)
