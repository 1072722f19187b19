"""The numbers of every block, along the network."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.errors import UsageError
from se_probe.plots.layout import axes_size, finish, given_or_new, set_margins
from se_probe.plots.style import COLOURS, DASHES, house_style
from se_probe.stats import MARGIN

__all__ = ["QUANTITIES", "Quantity", "figure_depth", "plot_depth_summary"]

Quantity = Literal["accuracy", "between", "input_dependence", "open", "closed"]

# Variables of the summary, and what they are called in the legend.
QUANTITIES: dict[Quantity, str] = {
    "accuracy": "accuracy of the nearest\nclass mean, 95 % interval",
    "between": "between-class share\nof the gate variance",
    "input_dependence": "input dependence\n(0: constant gates)",
    "open": "saturated at 1\n(gate {open:g} or more)",
    "closed": "saturated at 0\n(gate {closed:g} or less)",
}
_MARKERS = ("o", "s", "D", "^", "v")
_PANELS: dict[str, tuple[Quantity, ...]] = {
    "separability": ("accuracy",),
    "between\nclasses": ("between",),
    "input\ndependence": ("input_dependence",),
    "share of\ngates": ("open", "closed"),
}
# Inches, of the name of a block at 7 points.
_LABEL_HEIGHT = 0.115
_LETTER_WIDTH = 0.07
# Inches: room for the legends on the right, and for names of blocks that stand upright.
_MARGINS = {"left": 0.65, "right": 1.8, "top": 0.08, "bottom": 0.55}


def plot_depth_summary(
    summary: xr.Dataset,
    quantities: Sequence[Quantity] = tuple(QUANTITIES),
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw what is known of each block, from the input of the network to its output.

    Stages are told apart by their background. What is not known (NaN) is left out.

    Parameters
    ----------
    summary : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.depth_profile`.
    quantities : sequence of str, optional
        Of "accuracy" (with its 95 % interval and the chance level), "between",
        "input_dependence", "open" and "closed"; all by default.
    ax : Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    Axes
        With its legend on the right.

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
        _shade_stages(drawn, summary)
        for name in quantities:
            _draw_quantity(drawn, summary, name)
        if not any(np.isfinite(summary[name]).any() for name in quantities):
            middle = drawn.transAxes
            drawn.text(0.5, 0.5, "too few images", transform=middle, ha="center")
        _label_blocks(drawn, [str(name) for name in summary["block"].values])
        top = _top(summary[list(quantities)])
        drawn.set_ylim(-0.04 * top, 1.04 * top)
        drawn.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def figure_depth(summary: xr.Dataset) -> Figure:
    """Draw every quantity of :func:`plot_depth_summary` in panels above each other.

    Parameters
    ----------
    summary : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.depth_profile`.

    Returns
    -------
    Figure
        7 inches wide.
    """
    with house_style():
        fig = Figure((7.0, 5.0))
        set_margins(fig, **_MARGINS)
        axes = fig.subplots(len(_PANELS), 1, sharex=True)
        for ax, (label, quantities) in zip(axes, _PANELS.items(), strict=True):
            plot_depth_summary(summary, quantities, ax=ax)
            ax.set_ylabel(label)
            ax.label_outer()
        fig.align_ylabels(axes)
        finish(fig)
    return fig


def _draw_quantity(ax: Axes, summary: xr.Dataset, name: Quantity) -> None:
    position = list(QUANTITIES).index(name)
    colour = COLOURS[position]
    margin = summary["open"].attrs.get("margin", MARGIN)
    x = np.arange(summary.sizes["block"])
    ax.plot(
        x,
        summary[name].values,
        color=colour,
        linestyle=DASHES[position],
        marker=_MARKERS[position],
        markersize=3,
        label=QUANTITIES[name].format(open=1 - margin, closed=margin),
    )
    if name == "accuracy":
        low, high, chance = (summary[n].values for n in ("low", "high", "chance"))
        ax.vlines(x, low, high, color=colour)
        ax.plot(x, chance, color="0.4", linestyle=DASHES[2], label="chance")


def _shade_stages(ax: Axes, summary: xr.Dataset) -> None:
    for x in np.flatnonzero(summary["stage"].values % 2 == 1):
        ax.axvspan(x - 0.5, x + 0.5, color="0.96", linewidth=0, zorder=0)


def _label_blocks(ax: Axes, names: Sequence[str]) -> None:
    """Names of the blocks on the x axis: all of them, or every second, third, ..."""
    room = axes_size(ax)[0] / len(names)
    is_narrow = room < _LETTER_WIDTH * max(map(len, names))
    step = max(1, math.ceil(_LABEL_HEIGHT / room))
    positions = range(0, len(names), step)
    rotation = 90 if is_narrow else 0
    ax.set_xticks(positions, [names[i] for i in positions], rotation=rotation)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.grid(visible=False, axis="x")


def _top(values: xr.Dataset) -> float:
    """Upper end of the axis: 1, or less where everything keeps to the lower half."""
    largest = max([0.0, *(float(values[name].fillna(0).max()) for name in values)])
    if largest >= 0.5:
        return 1.0
    return math.ceil(max(largest, 0.01) * 1.15 / 0.05) * 0.05
