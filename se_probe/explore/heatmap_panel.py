"""Heatmap on the screen: one row per image; a click chooses the channel."""

from itertools import pairwise

import numpy as np
import xarray as xr
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    PlainText,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from se_probe.explore.look import Colours, dress
from se_probe.explore.state import Exploration
from se_probe.explore.text import short
from se_probe.gates import recorded
from se_probe.plots import own_limits
from se_probe.views import fit_rows

__all__ = ["HeatmapPanel"]

_MAX_ROWS, _MAX_CHANNELS = 300, 2048
_ROW = "return String(rows.data.name[Math.floor(special_vars.y)] ?? '')"
_IMAGES = "return String(rows.data.images[Math.floor(special_vars.y)] ?? '')"
_CHANNEL = "return String(columns.data.channel[Math.floor(special_vars.x)] ?? '')"


class HeatmapPanel:
    """Every gate of the block, for the chosen classes.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    image, rows, columns : ColumnDataSource
        The picture; class and images of each row; channel of each column.
    """

    def __init__(self) -> None:
        self.image = ColumnDataSource({"gate": [], "width": [], "height": []})
        self.rows = ColumnDataSource({"name": [], "images": []})
        self.columns = ColumnDataSource({"channel": [], "first": []})
        self.edges = ColumnDataSource({"y": []})
        self.figure = figure(
            height=420,
            min_width=320,
            sizing_mode="stretch_width",
            tools="pan,wheel_zoom,box_zoom,reset,tap",
            toolbar_location="right",
            x_range=Range1d(0, 1),
            y_range=Range1d(1, 0),
            x_axis_label="channel",
        )
        self.mapper = LinearColorMapper(palette="Viridis256", low=0, high=1)
        drawn = self.figure.image(
            image="gate",
            x=0,
            y=0,
            dw="width",
            dh="height",
            source=self.image,
            color_mapper=self.mapper,
        )
        self.figure.hspan(y="y", source=self.edges, line_color="white", line_width=1)
        self.bar = ColorBar(color_mapper=self.mapper, width=10)
        self.figure.add_layout(self.bar, "right")
        self.mark = Span(dimension="height", location=0, line_dash="dotted")
        self.figure.add_layout(self.mark)
        self.figure.add_tools(self._hover(drawn))
        self.figure.grid.visible = False
        self.figure.xaxis.ticker.update(desired_num_ticks=8)

    def _hover(self, drawn: object) -> HoverTool:
        tools = {
            "$y": CustomJSHover(code=_ROW, args={"rows": self.rows}),
            "$sy": CustomJSHover(code=_IMAGES, args={"rows": self.rows}),
            "$x": CustomJSHover(code=_CHANNEL, args={"columns": self.columns}),
        }
        return HoverTool(
            renderers=[drawn],
            tooltips=[
                ("class", "$y{custom}"),
                ("image", "$sy{custom}"),
                ("channel", "$x{custom}"),
                ("gate", "@gate{0.000}"),
            ],
            formatters=tools,
        )

    def paint(self, look: Exploration, colours: Colours) -> None:
        """Draw the rows of the chosen block and classes."""
        whole = look.rows()
        shown = fit_rows(whole, _MAX_ROWS, _MAX_CHANNELS)
        n_rows, n_columns = shown.shape
        self.mapper.update(**dict(zip(("low", "high"), own_limits(whole), strict=True)))
        self.image.data = {
            "gate": [shown.values.astype(np.float32)],
            "width": [n_columns],
            "height": [n_rows],
        }
        names = [str(name) for name in shown["class_name"].values]
        self.rows.data = {"name": names, "images": _images(look, whole, shown)}
        self.columns.data = _columns(whole, n_columns)
        self.figure.x_range.update(start=0, end=n_columns)
        self.figure.y_range.update(start=n_rows, end=0)
        self._name_classes(names)
        self._name_channels(look)
        self.figure.title.text = _title(look, shown)
        dress(self.figure, colours)
        self.bar.update(
            background_fill_color=colours.background,
            major_label_text_color=colours.text,
        )
        self.show_channel(look, colours)

    def channel_at(self, x: float) -> int | None:
        """Channel whose column is at a place on the axis; None beside the picture."""
        channels = self.columns.data["first"]
        return int(channels[int(x)]) if 0 <= x < len(channels) else None

    def show_channel(self, look: Exploration, colours: Colours) -> None:
        """Mark the column of the chosen channel."""
        first = np.asarray(self.columns.data["first"])
        if look.channel_order == "index":
            place = int(np.searchsorted(first, look.channel, side="right")) - 1
        else:
            place = int(np.flatnonzero(first == look.channel)[:1].sum())
        self.mark.update(location=place + 0.5, line_color="#ff5db1", line_width=2)

    def _name_classes(self, names: list[str]) -> None:
        starts = [k for k, name in enumerate(names) if not k or name != names[k - 1]]
        ends = [*starts[1:], len(names)]
        self.edges.data = {"y": starts[1:]}
        centres = [(a + b) / 2 for a, b in zip(starts, ends, strict=True)]
        self.figure.yaxis.ticker = FixedTicker(ticks=centres)
        self.figure.yaxis.major_label_overrides = {
            centre: PlainText(text=short(names[start]))
            for centre, start in zip(centres, starts, strict=True)
        }

    def _name_channels(self, look: Exploration) -> None:
        channels = self.columns.data["first"]
        if look.channel_order != "index":
            self.figure.xaxis.ticker = FixedTicker(ticks=[])
            self.figure.xaxis.axis_label = "channel, by the class that opens it most"
            return
        step = max(1, len(channels) // 8)
        places = list(range(0, len(channels), step))
        self.figure.xaxis.ticker = FixedTicker(ticks=[p + 0.5 for p in places])
        self.figure.xaxis.major_label_overrides = {
            p + 0.5: str(channels[p]) for p in places
        }
        self.figure.xaxis.axis_label = "channel"


def _columns(whole: xr.DataArray, n_columns: int) -> dict[str, list[object]]:
    """Number of the first channel of each column, and the words for all of them."""
    numbers = whole["channel_in_block"].values
    edges = np.append(np.arange(n_columns) * len(numbers) // n_columns, len(numbers))
    parts = [numbers[a:b].tolist() for a, b in pairwise(edges)]
    return {
        "first": [part[0] for part in parts],
        "channel": [", ".join(map(str, part)) for part in parts],
    }


def _images(look: Exploration, whole: xr.DataArray, shown: xr.DataArray) -> list[str]:
    """The image of each row, or how many a row is the mean of."""
    counts = shown["n_images"].values.tolist()
    if max(counts) > 1 or len(counts) < whole.sizes["row"]:
        return [f"mean of {n:,}" if n > 1 else "1 image" for n in counts]
    is_recorded = recorded(look.record)
    names = look.record["class_name"].values
    ids = look.record["image_id"].values
    of_class = [ids[is_recorded & (names == name)] for name in look.classes]
    return [str(image_id) for image_id in np.concatenate(of_class)]


def _title(look: Exploration, shown: xr.DataArray) -> str:
    n_images, per_row = int(shown["n_images"].sum()), shown.attrs["images_per_row"]
    each = f"; a row is the mean of up to {per_row:,}" if per_row > 1 else ""
    return (
        f"Gates, {look.block}: {n_images:,} images sorted by class{each}\n"
        "colours: 1st to 99th percentile; a click chooses the channel"
    )
