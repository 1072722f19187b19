"""Colours on the screen, light and dark, and the styles of what stands around."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.plotting import figure

from se_probe.plots import class_styles

__all__ = [
    "DARK",
    "LIGHT",
    "SHEET",
    "Colours",
    "dress",
    "line_styles",
    "place_legend",
    "variables",
]


@dataclass(frozen=True)
class Colours:
    """Colours of a page.

    Parameters
    ----------
    name : str
    background, text, faint, grid, other : str
        Behind all; letters and axes; lesser words; lines of the grid; points of
        classes that are not chosen.
    """

    name: str
    background: str
    text: str
    faint: str
    grid: str
    other: str
    accent: str


LIGHT = Colours(
    "light", "#ffffff", "#1f2328", "#59636e", "#e3e6ea", "#a9b0b8", "#0072B2"
)
DARK = Colours("dark", "#16191d", "#e6e8ea", "#9aa4ae", "#31373e", "#5f6973", "#56B4E9")

# Okabe and Ito's set and its lighter kin, for a dark page: each apart from the
# background by 3:1 or more.
_ON_DARK = (
    "#56B4E9",
    "#E69F00",
    "#00B386",
    "#CC79A7",
    "#F0E442",
    "#F2784B",
    "#C7CDD3",
    "#A594F9",
)
_DASHES: tuple[list[int], ...] = (
    [],
    [6, 3],
    [2, 2],
    [8, 3, 2, 3],
    [4, 2],
    [8, 3, 2, 3, 2, 3],
    [12, 3],
    [8, 2, 4, 2],
)

SHEET = """
:host { color: var(--se-text); font-family: system-ui, sans-serif; }
h1 { font-size: 1.15rem; margin: 0 0 .2rem; }
h2 { font-size: .85rem; font-weight: 600; margin: .5rem 0 .3rem; }
p { margin: .2rem 0; font-size: .85rem; }
label { color: var(--se-text); }
.bk-input, .bk-input option:not(:checked) {
  background-color: var(--se-background) !important; color: var(--se-text) !important;
  border-color: var(--se-faint) !important;
}
/* Bokeh's arrows are black pictures: turned white on a dark page. */
.bk-spin-btn { filter: var(--se-invert); }
select.bk-input:not([multiple]) { background-image: none !important;
  appearance: auto !important; }
.bk-btn { background-color: var(--se-background) !important;
  color: var(--se-text) !important; border-color: var(--se-faint) !important; }
.bk-input:focus-visible, .bk-btn:focus-visible { outline: 2px solid var(--se-accent); }
.se-error { border-left: 4px solid #D55E00; padding: .3rem .6rem; }
.se-note { border-left: 4px solid var(--se-accent); padding: .3rem .6rem; }
.se-cards { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; margin: 0;
  padding: 0; }
.se-cards li { width: 96px; font-size: .72rem; display: flex; flex-direction: column;
  overflow-wrap: anywhere; color: var(--se-faint); }
.se-cards li span:nth-child(2) { color: var(--se-text); }
.se-cards img { width: 96px; height: 96px; object-fit: contain; }
.se-id { min-height: 2.5em; border: 1px solid var(--se-grid); padding: .2rem; }
"""


def variables(colours: Colours) -> dict[str, str]:
    """Styles of the outermost element, from which all others take their colours."""
    names = ("background", "text", "faint", "grid", "accent")
    own = {f"--se-{name}": str(getattr(colours, name)) for name in names}
    return own | {
        "background-color": colours.background,
        "color": colours.text,
        "color-scheme": colours.name,
        "--se-invert": "invert(1)" if colours is DARK else "none",
        "padding": "8px",
    }


def line_styles(names: Sequence[str], colours: Colours) -> dict[str, dict[str, Any]]:
    """Colour and dash of each class: those of the figures, lighter on a dark page."""
    styles = class_styles(list(names))
    return {
        name: {
            "color": _ON_DARK[i % len(_ON_DARK)]
            if colours is DARK
            else str(styles[name]["color"]),
            "dash": _DASHES[(i + i // len(_ON_DARK)) % len(_DASHES)],
        }
        for i, name in enumerate(names)
    }


def place_legend(fig: figure, n_columns: int = 4) -> None:
    """Put the legend of a figure below it, in a few columns."""
    legend = fig.legend[0]
    legend.update(
        orientation="horizontal",
        ncols=n_columns,
        label_text_font_size="9pt",
        spacing=8,
        padding=2,
        margin=2,
        location="left",
    )
    fig.add_layout(legend, "below")


def dress(fig: figure, colours: Colours) -> None:
    """Give a figure the colours of the page."""
    fig.update(
        background_fill_color=colours.background,
        border_fill_color=colours.background,
        outline_line_color=colours.grid,
    )
    for axis in fig.axis:
        axis.update(
            axis_label_text_color=colours.text,
            major_label_text_color=colours.text,
            axis_line_color=colours.faint,
            major_tick_line_color=colours.faint,
            minor_tick_line_color=None,
        )
    for grid in fig.grid:
        grid.grid_line_color = colours.grid
    for legend in fig.legend:
        legend.update(
            background_fill_color=colours.background,
            background_fill_alpha=0.85,
            label_text_color=colours.text,
            border_line_color=None,
        )
    fig.title.update(text_color=colours.text, text_font_size="10pt")
