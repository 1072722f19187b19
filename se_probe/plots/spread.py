"""Mean and standard deviation of the gates within classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.gates import block_names
from se_probe.plots.labels import class_label, set_channel_axis, set_gate_axis
from se_probe.plots.layout import (
    finish,
    given_or_new,
    letter,
    new_panels,
    share_legend,
)
from se_probe.plots.style import class_styles, house_style
from se_probe.views import block_part, default_pair, find_classes

__all__ = ["figure_spread", "plot_class_spread"]

_LABEL = "gate, mean ± s.d."


def plot_class_spread(
    view: xr.Dataset,
    block: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
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
        Line properties of each class; by default those of
        :func:`~se_probe.plots.class_styles` for all classes of the view, so that a
        class looks as it does among the profiles.
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
    styles = styles or class_styles(view["class_name"].values.tolist())
    part = block_part(view, block).sel(class_name=_drawn(view, classes))
    with given_or_new(ax) as drawn:
        for name in part["class_name"].values:
            _draw_band(drawn, part.sel(class_name=name), styles[name])
        drawn.set_title(block_names(part)[0])
        set_channel_axis(drawn, part)
        set_gate_axis([drawn], part["mean"], _LABEL)
        if ax is None:
            share_legend([drawn])
    return drawn


def figure_spread(
    view: xr.Dataset,
    *,
    classes: Sequence[str] | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> Figure:
    """Draw the within-class spread of several blocks under one legend.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        From :func:`~se_probe.views.class_profiles`, the view of the profiles.
    classes, styles
        See :func:`plot_class_spread`.

    Returns
    -------
    Figure
        7 inches wide, or 4.5 for one block.
    """
    blocks, names = block_names(view), _drawn(view, classes)
    with house_style():
        fig, axes = new_panels(len(blocks))
        for i, (block, ax) in enumerate(zip(blocks, axes, strict=True)):
            plot_class_spread(view, block, classes=names, styles=styles, ax=ax)
            ax.set_title(letter(i, len(axes), block))
        set_gate_axis(axes, view["mean"].sel(class_name=names), _LABEL)
        share_legend(axes)
        finish(fig)
    return fig


def _drawn(view: xr.Dataset, classes: Sequence[str] | None) -> list[str]:
    return find_classes(view, classes) if classes else default_pair(view)


def _draw_band(ax: Axes, one: xr.Dataset, style: Mapping[str, Any]) -> None:
    x, mean, sd = (one[n].values for n in ("channel_in_block", "mean", "sd"))
    label = class_label(one["class_name"].item(), one["count"].item())
    ax.plot(x, mean, label=label, **style)
    ax.fill_between(
        x, mean - sd, mean + sd, color=style["color"], alpha=0.22, linewidth=0
    )
