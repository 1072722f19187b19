"""The plots that answer to the mouse, painted from the views of the pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from se_probe.gates import block_names
from se_probe.plots import class_styles
from se_probe.views import block_part

__all__ = ["LivePlots", "live_plots"]

_QUANTITIES = (
    *("separability", "class_share", "input_dependence"),
    *("saturated_open", "saturated_closed"),
)
_DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")
_MARKERS = ("circle", "square", "diamond", "triangle", "inverted_triangle")
_TOOLS = "pan,box_zoom,wheel_zoom,reset,save"
_N_DIGITS = 4


@dataclass(frozen=True)
class LivePlots:
    """Scripts and places of the plots.

    Parameters
    ----------
    library : str
        Bokeh's JavaScript.
    script : str
        What fills the places.
    places : mapping of str to str
        An element for each plot.
    data : mapping
        Gates of every block, for the choice of the reader.
    n_channels : int
        Most channels of a block.
    classes : tuple of mapping
        `name`, `colour` and `dash` of each class.
    """

    library: str
    script: str
    places: Mapping[str, str]
    data: Mapping[str, Any]
    n_channels: int
    classes: tuple[Mapping[str, str], ...]


def live_plots(depth: xr.Dataset, profiles: xr.Dataset) -> LivePlots:
    """Plots of depth, class profiles and class means.

    Parameters
    ----------
    depth : xr.Dataset, dims (block,)
    profiles : xr.Dataset, dims (class_name, channel)
        Of all blocks.

    Returns
    -------
    LivePlots
    """
    from bokeh.embed import components
    from bokeh.resources import Resources

    names = [str(name) for name in profiles["class_name"].to_numpy()]
    styles = class_styles(names)
    data = {block: _numbers(profiles, block) for block in block_names(profiles)}
    first = data[block_names(profiles)[-1]]
    models = {
        "depth": _depth(depth),
        "profiles": _profiles(names, first, styles),
        "heatmap": _means(names, first),
    }
    script, places = components(models, wrap_script=False)
    resources = Resources(mode="inline", components=["bokeh"], minified=True)
    classes = tuple(
        {
            "name": name,
            "colour": str(styles[name]["color"]),
            "dash": _DASHES[k % len(_DASHES)],
        }
        for k, name in enumerate(names)
    )
    n_channels = max(len(each["channels"]) for each in data.values())
    library = "\n".join(resources.js_raw)
    return LivePlots(library, script, places, data, n_channels, classes)


def _numbers(profiles: xr.Dataset, block: str) -> dict[str, Any]:
    part = block_part(profiles, block)
    return {
        "channels": part["channel_in_block"].to_numpy().tolist(),
        "means": part["mean"].to_numpy().round(_N_DIGITS).tolist(),
        "reference": part["reference"].to_numpy().round(_N_DIGITS).tolist(),
    }


def _figure(height: int, **settings: Any) -> Any:
    from bokeh.plotting import figure

    fig = figure(
        height=height,
        sizing_mode="stretch_width",
        tools=_TOOLS,
        toolbar_location="above",
        **settings,
    )
    fig.toolbar.logo = None
    fig.toolbar.active_drag = None  # so that a finger scrolls the page
    fig.border_fill_color = fig.background_fill_color = "white"
    return fig


def _depth(depth: xr.Dataset) -> Any:
    from bokeh.models import ColumnDataSource, HoverTool

    blocks = [str(name) for name in depth["block"].to_numpy()]
    fig = _figure(430, x_range=blocks)
    for k, name in enumerate(_QUANTITIES):
        values = depth[name].to_numpy()
        if not np.isfinite(values).any():
            continue
        words = name.replace("_", " ")
        source = ColumnDataSource(
            {"block": blocks, "value": values, "quantity": [words] * len(blocks)}
        )
        colour = list(class_styles([str(n) for n in range(5)]).values())[k]["color"]
        look = {"source": source, "legend_label": words, "color": colour}
        fig.line("block", "value", line_dash=_DASHES[k], **look)
        points = fig.scatter("block", "value", marker=_MARKERS[k], size=7, **look)
        tips = [
            ("block", "@block"),
            ("quantity", "@quantity"),
            ("value", "@value{0.000}"),
        ]
        fig.add_tools(HoverTool(renderers=[points], tooltips=tips))
    fig.xaxis.major_label_orientation = 1.2
    fig.yaxis.axis_label = "share"
    if fig.legend:
        fig.legend.click_policy = "hide"
        fig.add_layout(fig.legend[0], "below")
        fig.legend.orientation = "horizontal"
        fig.legend.ncols = 2
    return fig


def _profiles(
    names: list[str], first: Mapping[str, Any], styles: Mapping[str, Any]
) -> Any:
    from bokeh.models import ColumnDataSource, HoverTool

    fig = _figure(360, name="profiles")
    channels = first["channels"]
    grey = ColumnDataSource(
        {
            "channel": channels,
            "gate": first["reference"],
            "name": ["mean of all"] * len(channels),
        },
        name="reference",
    )
    lines = [fig.line("channel", "gate", source=grey, color="#9e9e9e", width=3)]
    for k, name in enumerate(names):
        source = ColumnDataSource(
            {
                "channel": channels,
                "gate": first["means"][k],
                "name": [name] * len(channels),
            },
            name=f"class-{k}",
        )
        line = fig.line(
            "channel",
            "gate",
            source=source,
            color=styles[name]["color"],
            line_dash=_DASHES[k % len(_DASHES)],
            width=1.6,
            name=f"line-{k}",
        )
        lines.append(line)
    tips = [("class", "@name"), ("channel", "@channel"), ("mean gate", "@gate{0.000}")]
    fig.add_tools(HoverTool(renderers=lines, tooltips=tips, line_policy="nearest"))
    fig.xaxis.axis_label = "channel in the block"
    fig.yaxis.axis_label = "mean gate"
    return fig


def _means(names: list[str], first: Mapping[str, Any]) -> Any:
    from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper
    from bokeh.palettes import Viridis256

    places = [f"{k + 1}" for k in range(len(names))]
    fig = _figure(110 + 22 * len(names), y_range=places[::-1], name="means")
    mapper = LinearColorMapper(palette=Viridis256, name="colours")
    n = len(first["channels"])
    source = ColumnDataSource(
        {
            "column": list(range(n)) * len(names),
            "row": [place for place in places for _ in range(n)],
            "channel": list(first["channels"]) * len(names),
            "name": [name for name in names for _ in range(n)],
            "gate": [gate for row in first["means"] for gate in row],
        },
        name="cells",
    )
    fig.rect(
        "column",
        "row",
        1,
        1,
        source=source,
        fill_color={"field": "gate", "transform": mapper},
        line_color=None,
    )
    tips = [("class", "@name"), ("channel", "@channel"), ("mean gate", "@gate{0.000}")]
    fig.add_tools(HoverTool(tooltips=tips))
    fig.xaxis.axis_label = "channels, from the first to the last"
    fig.yaxis.axis_label = "class, by its number above"
    fig.grid.visible = False
    return fig
