"""Map of images on paper: each image a point by the gates of one block."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.labels import short_name
from se_probe.plots.layout import (
    Width,
    add_title,
    finish,
    new_panels,
    share_legend,
)
from se_probe.plots.style import Styles, class_styles, house_style
from se_probe.views import default_classes

__all__ = ["figure_image_map"]

_MARKERS = {"right": "o", "wrong": "x", "unknown": "D"}
_WORDS = {
    "right": "dot: correctly classified",
    "wrong": "cross: wrongly classified",
    "unknown": "diamond: not known whether",
}


def figure_image_map(
    view: xr.Dataset,
    classes: Sequence[str] | None = None,
    *,
    styles: Styles | None = None,
    width: Width = "page",
    title: str = "",
) -> Figure:
    """Draw the map of images of one block.

    Parameters
    ----------
    view : xr.Dataset, dims (image,)
        From :func:`~se_probe.views.image_map`.
    classes : sequence of str, optional
        Drawn in colour, all others in grey; the paper's four, or the first ten, by
        default.
    styles : mapping of str to mapping, optional
        Line properties of classes, of which the colour is taken.
    width : "page", "column" or float, default "page"
        4.5 inches, 3.5 inches, or as many as are said.
    title : str
        Over the map.

    Returns
    -------
    Figure
    """
    names = view["class_name"].values
    shown = list(classes) if classes else default_classes(view)
    colours = {k: v["color"] for k, v in (styles or class_styles(shown)).items()}
    kinds = _kinds(view)
    with house_style():
        fig, (ax,) = new_panels(1, width)
        _draw_points(ax, view, ~np.isin(names, shown), kinds, "0.75", None)
        for name in shown:
            label = short_name(name)
            _draw_points(ax, view, names == name, kinds, colours[name], label)
        shares = [f"{100 * share:.0f} %" for share in view.attrs["variance_share"]]
        ax.set_xlabel(f"first component ({shares[0]} of variance)")
        ax.set_ylabel(f"second component ({shares[1]} of variance)")
        ax.set_title(view.attrs["block"])
        share_legend([ax])
        note = _note(view, kinds, has_others=not np.isin(names, shown).all())
        add_title(fig, "\n".join(filter(None, [title, note])))
        finish(fig)
    return fig


def _draw_points(
    ax: Axes,
    view: xr.Dataset,
    is_own: np.ndarray,
    kinds: np.ndarray,
    colour: str,
    label: str | None,
) -> None:
    for kind, marker in _MARKERS.items():
        part = view.isel(image=is_own & (kinds == kind))
        if not part.sizes["image"]:
            continue
        size = 5 if label is None else 14
        x, y = part["first"].values, part["second"].values
        width = 0 if marker == "o" else 0.8
        ax.scatter(x, y, size, colour, marker=marker, linewidths=width, label=label)
        label = None


def _kinds(view: xr.Dataset) -> np.ndarray:
    predicted, index = view["predicted"].values, view["class_index"].values
    is_known = (predicted >= 0) & (index >= 0)
    found = np.where(predicted == index, "right", "wrong")
    return np.where(is_known, found, "unknown")


def _note(view: xr.Dataset, kinds: np.ndarray, *, has_others: bool) -> str:
    n_drawn, n_all = view.sizes["image"], view.attrs["n_recorded"]
    which = (
        f"{n_drawn:,} of {n_all:,} images" if n_drawn < n_all else f"{n_all:,} images"
    )
    words = [text for kind, text in _WORDS.items() if (kinds == kind).any()]
    if has_others:
        words.append("grey: other classes")
    return "; ".join([which, *words])
