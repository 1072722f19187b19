"""One channel on paper: a box for each class, the most open class first."""

from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from se_probe.plots.labels import gate_limits, short_name
from se_probe.plots.layout import Width, add_title, finish, inches, set_margins
from se_probe.plots.style import COLOURS, house_style, text_scale

__all__ = ["figure_channel"]

_ROW, _AROUND = 0.18, 0.62  # inches: a class, and what is above and below all
_LETTER_WIDTH = 0.075


def figure_channel(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw the gates of one channel, class by class.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name,)
        From :func:`~se_probe.views.gates_by_class`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over the boxes.

    Returns
    -------
    Figure
    """
    names = [short_name(str(name), 24) for name in view["class_name"].values]
    counts = view["count"].values.tolist()
    labels = [f"{name} ({n:,})" for name, n in zip(names, counts, strict=True)]
    places = list(range(len(names)))
    with house_style():
        height = text_scale() * (_ROW * len(names) + _AROUND)
        fig = Figure((inches(width), height))
        ax = fig.subplots()
        set_margins(fig, left=0.2 + _LETTER_WIDTH * max(map(len, labels)))
        line: dict[str, Any] = {"color": COLOURS[0], "linewidth": 1}
        ax.hlines(places, view["lowest"], view["highest"], **line)
        low, high = view["lower_quartile"], view["upper_quartile"]
        box: dict[str, Any] = {
            "color": COLOURS[5],
            "edgecolor": COLOURS[0],
            "linewidth": 0.8,
        }
        ax.barh(places, high - low, 0.6, left=low, **box)
        ax.plot(view["median"], places, "D", color=COLOURS[0], markersize=3.5)
        ax.set_yticks(places, labels)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ends = gate_limits([view["lowest"].min(), view["highest"].max()])
        room = 0.02 * (ends[1] - ends[0])
        ax.set_xlim(ends[0] - room, ends[1] + room)
        ax.set_xlabel("gate: range, middle half and median of the images of a class")
        ax.set_title(f"{view.attrs['block']}, channel {view.attrs['channel']}")
        add_title(fig, title)
        finish(fig)
    return fig
