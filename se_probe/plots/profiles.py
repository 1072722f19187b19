"""Mean gate of each class, channel by channel: what a block tells classes apart by."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from se_probe.plots.labels import (
    class_label,
    cloud_label,
    fading_note,
    reference_label,
    set_channel_axis,
    set_gate_axis,
)
from se_probe.plots.layout import (
    finish,
    given_or_new,
    letter,
    new_panels,
    share_legend,
)
from se_probe.plots.selection import (
    NChannels,
    Picking,
    Sampling,
    block_name,
    block_names,
    find_classes,
    shown_channels,
)
from se_probe.plots.style import (
    CLOUD,
    N_NAMED,
    REFERENCE,
    REFERENCE_ON_CLOUD,
    class_styles,
    cloud_alpha,
    house_style,
)
from se_probe.stats import reference_curve

__all__ = ["figure_profiles", "plot_class_profile"]


def plot_class_profile(
    moments: xr.Dataset,
    block: str,
    classes: Sequence[str] | None = None,
    *,
    channels: NChannels = 50,
    sampling: Sampling = "even",
    seed: int = 0,
    reference: bool = True,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean gate of each class over the channels of one block.

    One panel of the paper's figure on the role of excitation. Images count whether or
    not the network named their class rightly: the paper does not say otherwise.

    Parameters
    ----------
    moments : xr.Dataset
        From :func:`~se_probe.stats.class_moments`.
    block : str
        Name or module path.
    classes : sequence of str, optional
        All recorded classes by default. From nine classes on curves fade; more than
        twenty are drawn as one cloud without names.
    channels, sampling, seed
        See :func:`~se_probe.plots.pick_channels`.
    reference : bool, default True
        Whether to draw the mean of all recorded classes, in grey.
    styles : mapping of str to dict, optional
        Line properties of each class; :func:`~se_probe.plots.class_styles` by default.
    ax : Axes, optional
        Where to draw, without a legend; axes of a new figure, with one, by default.

    Returns
    -------
    Axes

    Raises
    ------
    BlockNameError
        If `block` means no block, or several.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    UsageError
        If `channels` or `sampling` cannot be meant.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2; figure 6 of arXiv version 4.
    https://arxiv.org/abs/1709.01507
    """
    names = find_classes(moments, classes)
    block = block_name(moments, block)
    shown = shown_channels(
        moments, block, channels=channels, sampling=sampling, seed=seed
    )
    is_cloud = len(names) > N_NAMED and styles is None
    with given_or_new(ax) as drawn:
        if is_cloud:
            _draw_cloud(drawn, shown.sel(class_name=names))
        else:
            styles = styles or class_styles(names)
            _draw_curves(drawn, shown.sel(class_name=names), styles)
        if reference:
            _draw_reference(drawn, shown, on_cloud=is_cloud)
        drawn.set_title(block)
        set_channel_axis(drawn, shown, moments, sampling)
        set_gate_axis([drawn], shown["mean"].sel(class_name=names), "mean gate")
        if ax is None:
            share_legend([drawn], fading_note(len(names)))
    return drawn


def figure_profiles(
    moments: xr.Dataset,
    classes: Sequence[str] | None = None,
    blocks: Sequence[str] | None = None,
    *,
    reference: bool = True,
    **picking: Unpack[Picking],
) -> Figure:
    """Draw the class profiles of several blocks under one legend: the paper's figure.

    Parameters
    ----------
    moments, classes, reference
        See :func:`plot_class_profile`.
    blocks : sequence of str, optional
        Names, module paths or globs; :func:`~se_probe.plots.default_blocks` otherwise.
    **picking
        `channels`, `sampling` and `seed` of :func:`~se_probe.plots.pick_channels`.

    Returns
    -------
    Figure
        7 inches wide, or 4.5 for one block.

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    UsageError
        If the channels cannot be meant.
    """
    names = find_classes(moments, classes)
    chosen = block_names(moments, blocks)
    with house_style():
        fig, axes = new_panels(len(chosen))
        values = []
        for i, (block, ax) in enumerate(zip(chosen, axes, strict=True)):
            plot_class_profile(
                moments, block, names, reference=reference, ax=ax, **picking
            )
            ax.set_title(letter(i, len(axes), block))
            shown = shown_channels(moments, block, **picking)
            values.append(shown["mean"].sel(class_name=names).values.ravel())
        set_gate_axis(axes, np.concatenate(values), "mean gate")
        share_legend(axes, fading_note(len(names)))
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
    curve = reference_curve(shown).values
    label = reference_label(shown)
    ax.plot(x, curve, label=label, **(REFERENCE_ON_CLOUD if on_cloud else REFERENCE))
