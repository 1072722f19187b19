"""Class profiles on the screen, with the selected images as a curve of their own."""

from typing import Any

import numpy as np
import xarray as xr
from bokeh.models import ColumnDataSource, HoverTool, Range1d, Span
from bokeh.plotting import figure

from se_probe.explore.look import Colours, dress, line_styles, place_legend
from se_probe.explore.state import Exploration
from se_probe.explore.text import plain
from se_probe.plots import gate_limits

__all__ = ["ProfilePanel"]


class ProfilePanel:
    """Mean gate of each chosen class over channels of the block.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    curves : ColumnDataSource
        One row per curve: the reference, the classes, the selection.
    """

    def __init__(self) -> None:
        names = ("x", "y", "name", "colour", "dash", "width")
        self.curves = ColumnDataSource({name: [] for name in names}, name="curves")
        self.figure = figure(
            height=400,
            min_width=320,
            sizing_mode="stretch_width",
            tools="pan,wheel_zoom,box_zoom,reset",
            toolbar_location="right",
            x_axis_label="channel",
            y_axis_label="mean gate",
            y_range=Range1d(0, 1),
        )
        lines = self.figure.multi_line(
            "x",
            "y",
            source=self.curves,
            color="colour",
            line_dash="dash",
            line_width="width",
            legend_field="name",
        )
        hover = [("", "@name"), ("channel", "$x{0}"), ("mean gate", "$y{0.000}")]
        self.figure.add_tools(HoverTool(renderers=[lines], tooltips=hover))
        self.mark = Span(dimension="height", line_dash="dotted", location=0)
        self.figure.add_layout(self.mark)
        place_legend(self.figure)

    def paint(self, look: Exploration, colours: Colours) -> None:
        """Draw the profiles of the chosen block and classes."""
        view, own = look.profiles(), look.selection_profile()
        styles = line_styles(look.classes, colours)
        table: dict[str, list[Any]] = {name: [] for name in self.curves.data}

        def add(
            part: xr.DataArray, name: str, colour: str, dash: Any, width: int
        ) -> None:
            values = (view["channel_in_block"].values, part.values, plain(name))
            for key, value in zip(table, (*values, colour, dash, width), strict=True):
                table[key].append(value)

        n_all = view.attrs["n_recorded_classes"]
        reference = f"mean of {n_all:,} class{'es' * (n_all > 1)}"
        add(view["reference"], reference, colours.other, [], 4)
        for name, style in styles.items():
            part = view.sel(class_name=name)
            add(
                part["mean"],
                _label(name, part["count"]),
                style["color"],
                style["dash"],
                2,
            )
        values = [view["mean"].values.ravel()]
        if own is not None:
            part = own.isel(class_name=0)
            label = _label("selected images", part["count"])
            add(part["mean"], label, colours.text, [], 3)
            values.append(part["mean"].values)
        self.curves.data = dict(table)
        low, high = gate_limits(np.concatenate(values))
        room = 0.02 * (high - low)
        self.figure.y_range.update(start=low - room, end=high + room)
        self.figure.title.text = _title(view, look.block)
        dress(self.figure, colours)
        self.show_channel(look, colours)

    def show_channel(self, look: Exploration, colours: Colours) -> None:
        """Mark the chosen channel."""
        self.mark.update(location=look.channel, line_color=colours.accent)


def _label(name: str, count: xr.DataArray) -> str:
    return f"{name} ({int(count):,})"


def _title(view: xr.Dataset, block: str) -> str:
    n_shown, n_all = view.sizes["channel"], view.attrs["n_channels"][block]
    which = f"{n_shown} of {n_all:,} channels" if n_shown < n_all else "all channels"
    return f"Class profiles, {block}: {which}\nreference: every class weighs the same"
