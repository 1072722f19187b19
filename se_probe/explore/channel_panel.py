"""One channel on the screen: a box for each class, the most open class first."""

from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    PlainText,
    Range1d,
)
from bokeh.plotting import figure

from se_probe.explore.look import Colours, dress, line_styles
from se_probe.explore.state import Exploration
from se_probe.explore.text import short
from se_probe.plots import gate_limits

__all__ = ["ChannelPanel"]

_BOX = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")


class ChannelPanel:
    """Gates of the chosen channel within each class.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    boxes : ColumnDataSource
        One row per class.
    """

    def __init__(self) -> None:
        names = ("y", "class_name", "count", "mean", "place", "colour")
        self.boxes = ColumnDataSource({name: [] for name in (*names, *_BOX)})
        self.figure = figure(
            height=420,
            min_width=320,
            sizing_mode="stretch_width",
            tools="pan,wheel_zoom,reset",
            toolbar_location="right",
            x_axis_label="gate",
            x_range=Range1d(0, 1),
            y_range=Range1d(1, 0),
        )
        line = {"source": self.boxes, "line_color": "colour", "line_width": 1.5}
        self.figure.segment("lowest", "y", "highest", "y", **line)
        boxes = self.figure.hbar(
            y="y",
            left="lower_quartile",
            right="upper_quartile",
            height=0.6,
            source=self.boxes,
            fill_color="colour",
            fill_alpha=0.35,
            line_color="colour",
        )
        dots = self.figure.scatter(
            "median", "y", source=self.boxes, size=8, marker="diamond", color="colour"
        )
        tips = [
            ("class", "@class_name (place @place)"),
            ("images", "@count{0,0}"),
            ("mean", "@mean{0.000}"),
            ("median", "@median{0.000}"),
            ("half of them", "@lower_quartile{0.000} to @upper_quartile{0.000}"),
            ("all of them", "@lowest{0.000} to @highest{0.000}"),
        ]
        self.figure.add_tools(HoverTool(renderers=[boxes, dots], tooltips=tips))
        self.figure.ygrid.visible = False

    def paint(self, look: Exploration, colours: Colours) -> None:
        """Draw the boxes of the chosen channel."""
        view = look.by_class()
        styles = line_styles(look.classes, colours)
        names = [str(name) for name in view["class_name"].values]
        places = [k + 0.5 for k in range(len(names))]
        self.boxes.data = {
            "y": places,
            "class_name": names,
            "colour": [
                styles[n]["color"] if n in styles else colours.faint for n in names
            ],
            **{
                name: view[name].values.tolist()
                for name in ("count", "mean", "place", *_BOX)
            },
        }
        low, high = gate_limits([view["lowest"].min(), view["highest"].max()])
        room = 0.02 * (high - low)
        self.figure.x_range.update(start=low - room, end=high + room)
        self.figure.y_range.update(start=len(names), end=0)
        self.figure.yaxis.ticker = FixedTicker(ticks=places)
        self.figure.yaxis.major_label_overrides = {
            place: PlainText(text=short(name))
            for place, name in zip(places, names, strict=True)
        }
        n_all = view.attrs["n_recorded_classes"]
        which = (
            f"{len(names)} of {n_all:,} classes" if len(names) < n_all else "by class"
        )
        title = f"Channel {look.channel} of {look.block}, {which}"
        self.figure.title.text = f"{title}\nrange, middle half and median"
        dress(self.figure, colours)
