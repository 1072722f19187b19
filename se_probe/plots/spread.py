"""Mean and standard deviation of the gates within classes."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.labels import class_label, set_channel_axis, set_gate_axis
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
from se_probe.plots.style import class_styles, house_style

__all__ = ["default_pair", "figure_spread", "plot_class_spread"]

_LABEL = "gate, mean ± s.d."
_PAPERS_PAIR = ("n01443537", "n02690373")  # goldfish and plane


def plot_class_spread(
    moments: xr.Dataset,
    block: str,
    classes: Sequence[str],
    *,
    channels: NChannels = 50,
    sampling: Sampling = "even",
    seed: int = 0,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how far the gates of one block vary from image to image within classes.

    The mean of each class, in a band of one standard deviation (n - 1) on either side.
    A class of one image has no band.

    Parameters
    ----------
    moments : xr.Dataset
        From :func:`~se_probe.stats.class_moments`.
    block : str
        Name or module path.
    classes : sequence of str
        The paper shows two.
    channels, sampling, seed
        See :func:`~se_probe.plots.pick_channels`.
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
    Hu, Shen, Sun. CVPR 2018, section 7.2; figure 7 of arXiv version 4.
    https://arxiv.org/abs/1709.01507
    """
    names = find_classes(moments, classes)
    block = block_name(moments, block)
    shown = shown_channels(
        moments, block, channels=channels, sampling=sampling, seed=seed
    )
    styles = styles or class_styles(names)
    with given_or_new(ax) as drawn:
        for name in names:
            _draw_band(drawn, shown.sel(class_name=name), styles[name])
        drawn.set_title(block)
        set_channel_axis(drawn, shown, moments, sampling)
        set_gate_axis([drawn], shown["mean"].sel(class_name=names), _LABEL)
        if ax is None:
            share_legend([drawn])
    return drawn


def figure_spread(
    moments: xr.Dataset,
    classes: Sequence[str] | None = None,
    blocks: Sequence[str] | None = None,
    *,
    pair: Sequence[str] | None = None,
    **picking: Unpack[Picking],
) -> Figure:
    """Draw the within-class spread of several blocks under one legend.

    Parameters
    ----------
    moments : xr.Dataset
        From :func:`~se_probe.stats.class_moments`.
    classes : sequence of str, optional
        Those of :func:`~se_probe.plots.figure_profiles`: a class keeps its colour.
    blocks : sequence of str, optional
        Names, module paths or globs; :func:`~se_probe.plots.default_blocks` otherwise.
    pair : sequence of str, optional
        The classes to draw, usually two; :func:`default_pair` of `classes` otherwise.
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
    drawn = find_classes(moments, pair) if pair else default_pair(moments, names)
    styles = class_styles(list(dict.fromkeys([*names, *drawn])))
    chosen = block_names(moments, blocks)
    with house_style():
        fig, axes = new_panels(len(chosen))
        values = []
        for i, (block, ax) in enumerate(zip(chosen, axes, strict=True)):
            plot_class_spread(moments, block, drawn, styles=styles, ax=ax, **picking)
            ax.set_title(letter(i, len(axes), block))
            shown = shown_channels(moments, block, **picking)
            values.append(shown["mean"].sel(class_name=drawn).values.ravel())
        set_gate_axis(axes, np.concatenate(values), _LABEL)
        share_legend(axes)
        finish(fig)
    return fig


def default_pair(
    moments: xr.Dataset, classes: Sequence[str] | None = None
) -> list[str]:
    """Goldfish and plane, as in the paper, if both are there; else the first two.

    Returns
    -------
    list of str
        Recorded class names; one where there is only one class.

    Raises
    ------
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    """
    names = find_classes(moments, classes)
    wnid_of = dict(
        zip(moments["class_name"].values, moments["wnid"].values, strict=True)
    )
    papers = [name for wnid in _PAPERS_PAIR for name in names if wnid_of[name] == wnid]
    return papers if len(papers) == 2 else names[:2]


def _draw_band(ax: Axes, one: xr.Dataset, style: Mapping[str, Any]) -> None:
    x, mean, sd = (one[n].values for n in ("channel_in_block", "mean", "sd"))
    label = class_label(one["class_name"].item(), one["count"].item())
    ax.plot(x, mean, label=label, **style)
    ax.fill_between(
        x, mean - sd, mean + sd, color=style["color"], alpha=0.22, linewidth=0
    )
