"""The numbers along the network on the screen; a click chooses the block."""

import numpy as np
import xarray as xr
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    PlainText,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from se_probe.explore.look import Colours, dress, line_styles, place_legend
from se_probe.explore.state import Exploration

__all__ = ["DepthPanel"]

_QUANTITIES = {
    "separability": ("separability", "circle"),
    "class_share": ("class share", "square"),
    "input_dependence": ("input dependence", "diamond"),
    "saturated_open": ("saturated open", "triangle"),
    "saturated_closed": ("saturated closed", "inverted_triangle"),
}


class DepthPanel:
    """Separability, class share, input dependence and saturation of every block.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    numbers : ColumnDataSource
        One row per block, NaN where a number is not known yet, or at all.
    """

    def __init__(self, blocks: list[str]) -> None:
        self.blocks = blocks
        n = len(blocks)
        columns = {name: [float("nan")] * n for name in _QUANTITIES}
        self.numbers = ColumnDataSource(
            {"x": list(range(n)), "block": blocks, **columns}
        )
        self.figure = figure(
            height=360,
            min_width=320,
            sizing_mode="stretch_width",
            tools="reset,tap",
            toolbar_location="right",
            x_range=Range1d(-0.5, n - 0.5),
            y_range=Range1d(-0.03, 1.03),
            y_axis_label="share",
        )
        self.lines = {}
        for name, (label, marker) in _QUANTITIES.items():
            at = {"x": "x", "y": name, "source": self.numbers, "legend_label": label}
            line = self.figure.line(**at, line_width=2)
            points = self.figure.scatter(**at, marker=marker, size=8)
            self.lines[name] = (line, points)
        tips = [("block", "@block")] + [
            (label, f"@{name}{{0.000}}") for name, (label, _) in _QUANTITIES.items()
        ]
        first = self.lines["separability"][0]
        tool = HoverTool(renderers=[first], tooltips=tips, mode="vline")
        self.figure.add_tools(tool)
        self.figure.xaxis.update(
            ticker=FixedTicker(ticks=list(range(n))),
            major_label_overrides={
                k: PlainText(text=block) for k, block in enumerate(blocks)
            },
            major_label_orientation=0.9 if n > 4 else 0,
        )
        self.mark = Span(dimension="height", location=0, line_dash="dotted")
        self.figure.add_layout(self.mark)
        place_legend(self.figure, n_columns=3)
        self._entitle(n)

    def paint(self, look: Exploration, colours: Colours) -> None:
        """Give the curves the colours of the page, and mark the chosen block."""
        styles = line_styles(list(_QUANTITIES), colours)
        for name, glyphs in self.lines.items():
            style = styles[name]
            glyphs[0].glyph.update(line_color=style["color"], line_dash=style["dash"])
            glyphs[1].glyph.update(fill_color=style["color"], line_color=style["color"])
        self.mark.update(
            location=self.blocks.index(look.block), line_color=colours.accent
        )
        dress(self.figure, colours)

    def fill(self, view: xr.Dataset) -> None:
        """Show the blocks that are done."""
        done = {str(name): k for k, name in enumerate(view["block"].values)}
        columns = dict(self.numbers.data)
        for name in _QUANTITIES:
            values = view[name].values
            columns[name] = [
                float(values[done[block]]) if block in done else float("nan")
                for block in self.blocks
            ]
        self.numbers.data = columns
        n_open = len(self.blocks) - len(done)
        self._entitle(n_open, "" if n_open else _unknown(view))

    def _entitle(self, n_open: int, unknown: str = "") -> None:
        left = (
            f" ({n_open} of {len(self.blocks)} blocks still to come)" if n_open else ""
        )
        title = f"Along the network{left}{unknown}"
        self.figure.title.text = f"{title}\na click chooses the block"

    def block_at(self, x: float) -> str | None:
        """Block nearest to a place on the axis; None beside the picture."""
        place = round(x)
        return self.blocks[place] if 0 <= place < len(self.blocks) else None


def _unknown(view: xr.Dataset) -> str:
    names = [
        label
        for name, (label, _) in _QUANTITIES.items()
        if np.isnan(view[name].values).all()
    ]
    return f" (not known: {', '.join(names)})" if names else ""
