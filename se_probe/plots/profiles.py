"""Mean gate of each class, channel by channel: what a block tells classes apart by."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from se_probe.gates import block_names
from se_probe.plots.labels import (
    class_label,
    cloud_label,
    gate_limits,
    reference_label,
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
from se_probe.plots.style import (
    CLOUD,
    N_NAMED,
    REFERENCE,
    REFERENCE_ON_CLOUD,
    Styles,
    cloud_alpha,
    house_style,
    styles_of,
)
from se_probe.views import block_part

__all__ = ["figure_profiles", "plot_class_profile"]


def plot_class_profile(
    view: xr.Dataset,
    block: str | None = None,
    *,
    reference: bool = True,
    styles: Styles | None = None,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean gate of each class over the channels of one block.

    One panel of the paper's figure on the role of excitation. More than twenty classes
    are drawn as one cloud without names.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        From :func:`~se_probe.views.class_profiles`.
    block : str, optional
        One of the view's; the only one by default.
    reference : bool, default True
        Whether to draw the mean of all recorded classes, in grey.
    styles : mapping of str to dict, optional
        Line properties of some or all classes, by any accepted name; what is not given
        is that of :func:`~se_probe.plots.class_styles`.
    limits : tuple of float, optional
        Ends of the gate axis; :func:`~se_probe.plots.gate_limits` by default.
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
    Hu, Shen, Sun. CVPR 2018, section 7.2; figure 6 of arXiv version 4.
    https://arxiv.org/abs/1709.01507
    """
    part = block_part(view, block)
    n_classes = part.sizes["class_name"]
    is_cloud = n_classes > N_NAMED and styles is None
    with given_or_new(ax) as drawn:
        if is_cloud:
            _draw_cloud(drawn, part)
        else:
            _draw_curves(drawn, part, styles_of(part, styles))
        if reference:
            _draw_reference(drawn, part, on_cloud=is_cloud)
        drawn.set_title(block_names(part)[0])
        set_channel_axis(drawn, part)
        set_gate_axis([drawn], limits or gate_limits(part["mean"]), "mean gate")
        if ax is None:
            share_legend([drawn])
    return drawn


def figure_profiles(
    view: xr.Dataset,
    *,
    reference: bool = True,
    styles: Styles | None = None,
    limits: tuple[float, float] | None = None,
    width: Width = "page",
    title: str = "",
) -> Figure:
    """Draw the class profiles of several blocks under one legend: the paper's figure.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        From :func:`~se_probe.views.class_profiles`.
    reference, styles, limits
        See :func:`plot_class_profile`.
    width : "page", "column" or float, default "page"
        7 inches (4.5 for one block), 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    blocks, limits = block_names(view), limits or gate_limits(view["mean"])
    with house_style():
        fig, axes = new_panels(len(blocks), width)
        for i, (block, ax) in enumerate(zip(blocks, axes, strict=True)):
            plot_class_profile(view, block, reference=reference, styles=styles, ax=ax)
            ax.set_title(letter(i, len(axes), block))
        set_gate_axis(axes, limits, "mean gate")
        share_legend(axes)
        add_title(fig, title)
        finish(fig)
    return fig


def _draw_curves(
    ax: Axes, shown: xr.Dataset, styles: Mapping[str, Mapping[str, Any]]
) -> None:
    x = shown["channel_in_block"].values
    facts = (shown[key].values for key in ("class_name", "count", "mean"))
    for name, n_images, mean in zip(*facts, strict=True):
        ax.plot(x, mean, label=class_label(name, int(n_images)), **styles[name])


def _draw_cloud(ax: Axes, shown: xr.Dataset) -> None:
    x = shown["channel_in_block"].values
    curves = [np.column_stack([x, y]) for y in shown["mean"].values]
    label = cloud_label(shown["count"].values.tolist())
    alpha = cloud_alpha(len(curves))
    ax.add_collection(LineCollection(curves, alpha=alpha, label=label, **CLOUD))


def _draw_reference(ax: Axes, shown: xr.Dataset, *, on_cloud: bool) -> None:
    x = shown["channel_in_block"].values
    curve = shown["reference"].values
    label = reference_label(shown)
    ax.plot(x, curve, label=label, **(REFERENCE_ON_CLOUD if on_cloud else REFERENCE))
