"""Mean and standard deviation of the gates within classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.gates import block_names
from se_probe.plots.labels import (
    class_label,
    gate_limits,
    set_channel_axis,
    set_gate_axis,
)
from se_probe.plots.layout import (
    Width,
    add_title,
    finish,
    given_or_new,
    letter,
    new_panels,
    share_legend,
)
from se_probe.plots.style import Styles, house_style, styles_of
from se_probe.views import block_part, default_pair, find_classes

__all__ = ["figure_spread", "plot_class_spread", "spread_limits"]

_LABEL = "gate, mean ± s.d."


def plot_class_spread(
    view: xr.Dataset,
    block: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    styles: Styles | None = None,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how far the gates of one block vary from image to image within classes.

    The mean of each class, in a band of one standard deviation (n - 1) on either side.
    A class of one image has no band.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        From :func:`~se_probe.views.class_profiles`.
    block : str, optional
        One of the view's; the only one by default.
    classes : sequence of str, optional
        Those of the view to draw; :func:`~se_probe.views.default_pair` by default.
    styles : mapping of str to dict, optional
        Line properties of some or all classes, by any accepted name; what is not given
        is that of :func:`~se_probe.plots.class_styles` for all classes of the view, so
        that a class looks as it does among the profiles.
    limits : tuple of float, optional
        Ends of the gate axis; by default :func:`spread_limits`, so that no band is cut.
    ax : Axes, optional
        Where to draw, without a legend; axes of a new figure, with one, by default.

    Returns
    -------
    Axes

    Raises
    ------
    BlockNameError
        If the view does not show `block`.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2; figure 7 of arXiv version 4.
    https://arxiv.org/abs/1709.01507
    """
    styles = styles_of(view, styles)
    part = block_part(view, block).sel(class_name=_drawn(view, classes))
    with given_or_new(ax) as drawn:
        for name in part["class_name"].values:
            _draw_band(drawn, part.sel(class_name=name), styles[name])
        drawn.set_title(block_names(part)[0])
        set_channel_axis(drawn, part)
        set_gate_axis([drawn], limits or spread_limits(part), _LABEL)
        if ax is None:
            share_legend([drawn])
    return drawn


def figure_spread(
    view: xr.Dataset,
    *,
    classes: Sequence[str] | None = None,
    styles: Styles | None = None,
    limits: tuple[float, float] | None = None,
    width: Width = "page",
    title: str = "",
) -> Figure:
    """Draw the within-class spread of several blocks under one legend.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        From :func:`~se_probe.views.class_profiles`, the view of the profiles.
    classes, styles, limits
        See :func:`plot_class_spread`.
    width : "page", "column" or float, default "page"
        7 inches (4.5 for one block), 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    blocks, names = block_names(view), _drawn(view, classes)
    limits = limits or spread_limits(view.sel(class_name=names))
    with house_style():
        fig, axes = new_panels(len(blocks), width)
        for i, (block, ax) in enumerate(zip(blocks, axes, strict=True)):
            plot_class_spread(view, block, classes=names, styles=styles, ax=ax)
            ax.set_title(letter(i, len(axes), block))
        set_gate_axis(axes, limits, _LABEL)
        share_legend(axes)
        add_title(fig, title)
        finish(fig)
    return fig


def spread_limits(view: xr.Dataset) -> tuple[float, float]:
    """Ends of a gate axis on which no band of one standard deviation is cut.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        The classes that are drawn.

    Returns
    -------
    low, high : float
    """
    mean, sd = view["mean"].values, view["sd"].fillna(0).values
    return gate_limits(np.stack([mean - sd, mean + sd]))


def _drawn(view: xr.Dataset, classes: Sequence[str] | None) -> list[str]:
    return find_classes(view, classes) if classes else default_pair(view)


def _draw_band(ax: Axes, one: xr.Dataset, style: Mapping[str, Any]) -> None:
    x, mean, sd = (one[n].values for n in ("channel_in_block", "mean", "sd"))
    label = class_label(one["class_name"].item(), one["count"].item())
    ax.plot(x, mean, label=label, **style)
    ax.fill_between(
        x, mean - sd, mean + sd, color=style["color"], alpha=0.22, linewidth=0
    )
