"""Map of images on the screen: points to hover over and to draw a lasso around."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from bokeh.models import BoxSelectTool, ColumnDataSource, HoverTool, LassoSelectTool
from bokeh.plotting import figure

from se_probe.explore.look import Colours, dress, line_styles
from se_probe.explore.state import Exploration

__all__ = ["MapPanel"]

# A picture of one pixel that shows nothing: what stands in before there is one.
_NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
# A word in braces after a name would switch off the escaping of what data say.
_TOOLTIP = """
<div style="max-width: 16em; overflow-wrap: anywhere">
  <img src="@picture" alt="" style="max-width: 96px; display: block">
  <div><b>@class_name</b></div>
  <div>@predicted</div>
  <div>@image_id</div>
</div>
"""
_MARKERS = {"right": "circle", "wrong": "x", "unknown": "diamond"}
_LEGEND = {
    "right": "correctly classified",
    "wrong": "wrongly classified",
    "unknown": "not known whether",
}


class MapPanel:
    """Images by the first two principal components of a block's gates.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    source : ColumnDataSource
        One row per point; `row` is the position in the record.
    """

    def __init__(self) -> None:
        self.source = ColumnDataSource(_columns(), name="images")
        self.figure = figure(
            height=400,
            min_width=320,
            sizing_mode="stretch_width",
            tools="pan,wheel_zoom,reset",
            toolbar_location="right",
        )
        lasso = LassoSelectTool(continuous=False)
        self.figure.add_tools(lasso, BoxSelectTool(continuous=False))
        self.figure.toolbar.active_drag = lasso
        self.points = self.figure.scatter(
            "x",
            "y",
            source=self.source,
            marker="marker",
            size="size",
            color="colour",
            alpha=0.75,
            nonselection_alpha=0.12,
            selection_alpha=1.0,
            line_width=1.5,
        )
        hover = HoverTool(renderers=[self.points], tooltips=_TOOLTIP)
        self.hover = hover
        self.figure.add_tools(hover)

    def paint(self, look: Exploration, colours: Colours) -> None:
        """Draw the map of the chosen block."""
        view = look.map()
        styles = line_styles(look.classes, colours)
        names = view["class_name"].values.tolist()
        kinds = _kinds(view)
        rows = view["image"].values
        # Chosen classes lie on top of the others.
        order = np.argsort([name in styles for name in names], kind="stable")
        columns: dict[str, Any] = {
            "x": view["first"].values,
            "y": view["second"].values,
            "row": rows,
            "class_name": np.array(names, dtype=object),
            "image_id": view["image_id"].values,
            "predicted": np.array([_said(look, int(row)) for row in rows], object),
            "marker": np.array([_MARKERS[kind] for kind in kinds], object),
            "colour": np.array(
                [styles[n]["color"] if n in styles else colours.other for n in names],
                object,
            ),
            "size": np.array([8 if name in styles else 5 for name in names]),
            "picture": np.full(len(names), _NOTHING, object),
        }
        self.source.data = {
            key: list(values[order]) if values.dtype == object else values[order]
            for key, values in columns.items()
        }
        self.show_selection(look)
        dress(self.figure, colours)
        self.figure.title.text = _title(view, sorted(set(kinds)))
        shares = [round(100 * share) for share in view.attrs["variance_share"]]
        self.figure.xaxis.axis_label = f"first component ({shares[0]} % of variance)"
        self.figure.yaxis.axis_label = f"second component ({shares[1]} % of variance)"

    def show_selection(self, look: Exploration) -> None:
        """Mark the points of the selected images."""
        is_selected = np.isin(self.source.data["row"], look.selected)
        self.source.selected.indices = np.flatnonzero(is_selected).tolist()

    def rows(self, points: list[int]) -> npt.NDArray[np.intp]:
        """Positions in the record of some points."""
        return np.asarray(self.source.data["row"], dtype=np.intp)[points]

    def show_picture(self, look: Exploration, point: int) -> None:
        """Put the picture of an image beside its words, if it is not there yet."""
        if not 0 <= point < len(self.source.data["picture"]):
            return
        if self.source.data["picture"][point] == _NOTHING:
            uri = look.thumbnails.data_uri(self.source.data["image_id"][point])
            if uri:
                self.source.patch({"picture": [(point, uri)]})


def _columns() -> dict[str, list[Any]]:
    names = ("x", "y", "row", "class_name", "image_id", "predicted", "marker")
    return {name: [] for name in (*names, "colour", "size", "picture")}


def _kinds(view: xr.Dataset) -> list[str]:
    predicted, index = view["predicted"].values, view["class_index"].values
    is_known = (predicted >= 0) & (index >= 0)
    found = np.where(
        is_known, np.where(predicted == index, "right", "wrong"), "unknown"
    )
    return [str(kind) for kind in found]


def _said(look: Exploration, row: int) -> str:
    name = look.predicted_name(row)
    return f"predicted {name}" if name else "no prediction"


def _title(view: xr.Dataset, kinds: list[str]) -> str:
    n_drawn, n_all = view.sizes["image"], view.attrs["n_recorded"]
    drawn = (
        f"{n_drawn:,} images"
        if n_drawn == n_all
        else f"{n_drawn:,} of {n_all:,} images, evenly by class"
    )
    marks = {"circle": "dot", "x": "cross", "diamond": "diamond"}
    legend = ", ".join(f"{marks[_MARKERS[kind]]}: {_LEGEND[kind]}" for kind in kinds)
    return f"Map of images, {view.attrs['block']}: {drawn}\n{legend}"
