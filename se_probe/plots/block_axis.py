"""The axis of panels that go along the SE blocks of a network."""

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from se_probe.plots.layout import axes_size
from se_probe.plots.style import text_scale

__all__ = ["label_blocks", "room_for_blocks", "shade_stages"]

# Inches, of the name of a block at 7 points: capitals, wider than text is.
_LABEL_HEIGHT = 0.115
_LETTER_WIDTH = 0.07


def shade_stages(ax: Axes, view: xr.Dataset) -> None:
    """Tell the stages of a view along `block` apart by their background."""
    for x in np.flatnonzero(view["stage"].values % 2 == 1):
        ax.axvspan(x - 0.5, x + 0.5, color="0.96", linewidth=0, zorder=0)


def label_blocks(ax: Axes, names: Sequence[str]) -> None:
    """Names of the blocks on the x axis: all of them, or every second, third, ..."""
    room = axes_size(ax)[0] / len(names) / text_scale()
    is_narrow = room < _LETTER_WIDTH * max(map(len, names))
    step = max(1, math.ceil(_LABEL_HEIGHT / room))
    positions = range(0, len(names), step)
    rotation = 90 if is_narrow else 0
    ax.set_xticks(positions, [names[i] for i in positions], rotation=rotation)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.grid(visible=False, axis="x")


def room_for_blocks(ax: Axes) -> float:
    """Inches that the names of the blocks and the axis's label take below axes."""
    named = ax.get_xticklabels()
    if not named or named[0].get_rotation() == 0:
        return 0.36
    return 0.3 + _LETTER_WIDTH * max(len(text.get_text()) for text in named)
