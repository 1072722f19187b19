"""The numbers of every block, along the network."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.errors import UsageError
from se_probe.plots.block_axis import label_blocks, shade_stages
from se_probe.plots.layout import (
    Width,
    add_note,
    add_title,
    finish,
    given_or_new,
    inches,
    set_margins,
)
from se_probe.plots.style import COLOURS, DASHES, house_style, text_scale
from se_probe.stats import MARGIN

__all__ = [
    "QUANTITIES",
    "Quantity",
    "figure_depth",
    "plot_depth_summary",
]

Quantity = Literal[
    "separability",
    "class_share",
    "input_dependence",
    "saturated_open",
    "saturated_closed",
]

# Variables of the view, and what they are called in the legend.
QUANTITIES: dict[Quantity, str] = {
    "separability": "separability, 95 % interval",
    "class_share": "class share",
    "input_dependence": "input dependence\n(0: constant gates)",
    "saturated_open": "saturated open\n(gate {open:g} or more)",
    "saturated_closed": "saturated closed\n(gate {closed:g} or less)",
}
_MARKERS = ("o", "s", "D", "^", "v")
_PANELS: dict[str, tuple[Quantity, ...]] = {
    "separability": ("separability",),
    "class\nshare": ("class_share",),
    "input\ndependence": ("input_dependence",),
    "share of\ngates": ("saturated_open", "saturated_closed"),
}
_PANEL_HEIGHT = 0.98
# Inches of a figure in which legends find no room beside the panels.
_NARROW = 5.0
# Inches: room for the legends on the right, and for names of blocks that stand upright.
_MARGINS = {"left": 0.65, "right": 1.95, "top": 0.08, "bottom": 0.55}


def plot_depth_summary(
    view: xr.Dataset,
    quantities: Sequence[Quantity] = tuple(QUANTITIES),
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw what is known of each block, from the input of the network to its output.

    Stages are told apart by their background. What is not known (NaN) is left out.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.depth_profile`.
    quantities : sequence of str, optional
        Of "separability" (with its 95 % interval and the chance level), "class_share",
        "input_dependence", "saturated_open" and "saturated_closed"; all by default.
    ax : Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    Axes
        With its legend on the right, which says how many images and classes a quantity
        rests on.

    Raises
    ------
    UsageError
        If a quantity is unknown.
    """
    unknown = [name for name in quantities if name not in QUANTITIES]
    if unknown:
        raise UsageError(
            f"expected quantities of {', '.join(QUANTITIES)}, got {', '.join(unknown)}"
        )
    with given_or_new(ax, (7.0, 3.0)) as drawn:
        figure = drawn.get_figure(root=True)
        if ax is None and figure is not None:
            set_margins(figure, **_MARGINS)
        shade_stages(drawn, view)
        for name in quantities:
            _draw_quantity(drawn, view, name)
        if not any(np.isfinite(view[name]).any() for name in quantities):
            why = _why_unknown(quantities)
            drawn.text(0.5, 0.5, why, transform=drawn.transAxes, ha="center")
        label_blocks(drawn, [str(name) for name in view["block"].values])
        top = _top(view[list(quantities)])
        drawn.set_ylim(-0.04 * top, 1.04 * top)
        drawn.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def figure_depth(view: xr.Dataset, *, width: Width = "page", title: str = "") -> Figure:
    """Draw every quantity of :func:`plot_depth_summary` in panels above each other.

    One block has no depth to be drawn along: its numbers are written as a table.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.depth_profile`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    with house_style():
        if view.sizes["block"] == 1:
            return _figure_of_one(view.isel(block=0), inches(width), title)
        scale, total = text_scale(), inches(width)
        margins = dict(_MARGINS)
        is_narrow = total < _NARROW
        if is_narrow:
            margins |= {"right": 0.12, "top": 0.3}
        bottom = scale * (margins["top"] + margins["bottom"])
        fig = Figure((total, len(_PANELS) * _PANEL_HEIGHT * 1.12 + bottom))
        set_margins(fig, **margins)
        axes = fig.subplots(len(_PANELS), 1, sharex=True)
        for ax, (label, quantities) in zip(axes, _PANELS.items(), strict=True):
            plot_depth_summary(view, quantities, ax=ax)
            ax.set_ylabel(label)
            ax.label_outer()
            if is_narrow:
                _legend_above(ax)
        if is_narrow:
            fig.subplots_adjust(hspace=0.75 * scale)
        fig.align_ylabels(axes)
        if len({ax.get_ylim() for ax in axes}) > 1:
            add_note(fig, "The panels have different scales.")
        add_title(fig, title)
        finish(fig)
    return fig


def _legend_above(ax: Axes) -> None:
    """The legend of a panel over it, where there is no room beside it."""
    handles, labels = ax.get_legend_handles_labels()
    lines = [label.replace("\n", " ") for label in labels]
    ax.legend(
        handles,
        lines,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.1,
        handlelength=1.4,
        labelspacing=0.1,
        ncols=1 if max(map(len, lines)) > 30 else 2,
    )


def _figure_of_one(block: xr.Dataset, width: float, title: str) -> Figure:
    """The numbers of a single block, written out."""
    lines = [(_legend(block, name), _written(block, name)) for name in QUANTITIES]
    scale = text_scale()
    heights = [scale * 0.15 * (label.count("\n") + 1.4) for label, _ in lines]
    height = sum(heights) + scale * 0.4
    fig = Figure((min(width, 4.5 * scale), height))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(height, 0)
    ax.text(0.03, scale * 0.15, str(block["block"].item()), va="center", weight="bold")
    y = scale * 0.3
    for (label, value), room in zip(lines, heights, strict=True):
        ax.axhline(y, 0.03, 0.97, color="0.8", linewidth=0.5)
        ax.text(0.03, y + room / 2, label, va="center")
        ax.text(0.97, y + room / 2, value, va="center", ha="right")
        y += room
    add_title(fig, title)
    return fig


def _written(block: xr.Dataset, name: Quantity) -> str:
    value = block[name].item()
    if not math.isfinite(value):
        return "not known"
    if name == "separability":
        low, high, chance = (
            block[n].item() for n in ("separability_low", "separability_high", "chance")
        )
        return f"{value:.3g} ({low:.3g} to {high:.3g})\nchance {chance:.3g}"
    return f"{value:.3g}"


def _draw_quantity(ax: Axes, view: xr.Dataset, name: Quantity) -> None:
    position = list(QUANTITIES).index(name)
    colour = COLOURS[position]
    x = np.arange(view.sizes["block"])
    ax.plot(
        x,
        view[name].values,
        color=colour,
        linestyle=DASHES[position],
        marker=_MARKERS[position],
        markersize=3,
        label=_legend(view, name),
    )
    if name == "separability":
        low, high, chance = (
            view[n].values for n in ("separability_low", "separability_high", "chance")
        )
        ax.vlines(x, low, high, color=colour)
        ax.plot(x, chance, color="0.4", linestyle=DASHES[2], label="chance")


def _legend(view: xr.Dataset, name: Quantity) -> str:
    margin = view["saturated_open"].attrs.get("margin", MARGIN)
    label = QUANTITIES[name].format(open=1 - margin, closed=margin)
    if not np.isfinite(view[name]).any():
        return label
    if f"{name}_images" in view:
        n_images, n_classes = (
            int(view[f"{name}_{what}"].max()) for what in ("images", "classes")
        )
        return f"{label}\n({n_images:,} images, {n_classes:,} classes)"
    if name == "input_dependence" and "n_images" in view:
        return f"{label}\n({int(view['n_images'].max()):,} images)"
    return label


def _why_unknown(quantities: Sequence[Quantity]) -> str:
    if all(name.startswith("saturated") for name in quantities):
        return "not known: gates do not end at 0 and 1"
    return "too few images"


def _top(values: xr.Dataset) -> float:
    """Upper limit of the axis: 1, or less where everything keeps to the lower half."""
    largest = max([0.0, *(float(values[name].fillna(0).max()) for name in values)])
    if largest >= 0.5:
        return 1.0
    return math.ceil(max(largest, 0.01) * 1.15 / 0.05) * 0.05
