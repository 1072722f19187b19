"""The look of the figures: the shipped style, and a colour and dash for each class."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from math import sqrt
from typing import Any

import matplotlib.style

__all__ = [
    "CLOUD",
    "COLOURS",
    "DASHES",
    "N_CLEAR",
    "N_NAMED",
    "REFERENCE",
    "REFERENCE_ON_CLOUD",
    "class_styles",
    "cloud_alpha",
    "house_style",
]

# Classes whose curves are drawn at full strength, and classes that get a name of their
# own in the legend; beyond these, curves fade, and become one cloud.
N_CLEAR = 8
N_NAMED = 20

# Six colours of Okabe and Ito's set for the colour-blind, and a dark red and a dark
# blue that stay apart from them under simulated protanopia, deuteranopia, tritanopia.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F2A1D",
    "#1B2A6B",
)
# On and off lengths in line widths; each tells the class without its colour.
DASHES = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.4, 1.2, 1.4)),
    (0, (2.6, 1.2)),
    (0, (6, 1.4, 1.2, 1.4, 1.2, 1.4)),
    (0, (10, 2)),
    (0, (6, 1.2, 2.6, 1.2)),
)
REFERENCE: dict[str, Any] = {"color": "0.62", "linewidth": 2.4, "zorder": 1.5}
# On top of a cloud the grey curve would hide it, and below it would drown.
REFERENCE_ON_CLOUD: dict[str, Any] = {"color": "0.35", "linewidth": 1.2, "zorder": 3}
CLOUD: dict[str, Any] = {"colors": COLOURS[0], "linewidths": 0.5}


def cloud_alpha(n_curves: int) -> float:
    """Opacity of each of many curves: the more there are, the fainter each."""
    return max(0.03, min(1.0, N_CLEAR / n_curves))


def house_style() -> AbstractContextManager[None]:
    """Context in which matplotlib draws as `se_probe.mplstyle` says.

    Nothing is set outside the context: the look of other figures is the caller's.

    Returns
    -------
    context manager
    """
    return matplotlib.style.context("se_probe.plots.se_probe")


def class_styles(class_names: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    """Line properties for each class, told apart by colour and by dash.

    Parameters
    ----------
    class_names : sequence of str
        The first eight differ in both; up to 64 differ in the pair. Beyond eight,
        lines get thinner and fade with their number.

    Returns
    -------
    mapping of str to dict
        Keyword arguments of `Axes.plot`.

    Examples
    --------
    >>> class_styles(["goldfish", "pug"])["pug"]["color"]
    '#D55E00'
    """
    fading = min(1.0, sqrt(N_CLEAR / max(len(class_names), 1)))
    styles = {}
    for i, name in enumerate(class_names):
        turn, colour = divmod(i, len(COLOURS))
        styles[name] = {
            "color": COLOURS[colour],
            "linestyle": DASHES[(colour + turn) % len(DASHES)],
            "linewidth": 1.2 * fading,
            "alpha": fading,
        }
    return styles
