"""What removing SE blocks costs, and what that saves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.plots.layout import (
    Width,
    add_title,
    axes_size,
    finish,
    inches,
    set_margins,
    share_legend,
)
from se_probe.plots.style import (
    COLOURS,
    DASHES,
    LETTER_WIDTH,
    house_style,
    plain_numbers,
    text_scale,
)

__all__ = ["figure_block_costs", "figure_freezing_curve"]

_STYLES: dict[str, dict[str, Any]] = {
    "frozen": {"color": COLOURS[0], "marker": "o", "linestyle": DASHES[0]},
    "identity": {"color": COLOURS[1], "marker": "s", "linestyle": DASHES[1]},
    "random": {"color": COLOURS[2], "marker": "^", "linestyle": DASHES[2]},
}
_TREATMENTS = {
    "frozen": "frozen (gates held constant)",
    "identity": "identity (block replaced)",
}
_LINES = {
    "frozen": "frozen, in the order above",
    "identity": "identity, in the order above",
    "random": "frozen, other blocks in random order",
}
# Inches of one character at 7 points.
# Divergences below this many nats are drawn near 0, whatever their logarithm.
_SMALL_KL = 1e-3


def figure_block_costs(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw what each SE block costs if it goes, against the parameters it saves.

    Blocks stand in the order of what they save; those that save the same stand together
    on one background, with the number above. Bars are 95 % intervals. Divergences are
    on a logarithmic scale from 0.001 nats on.

    Parameters
    ----------
    view : xr.Dataset, dims (block, treatment)
        From :func:`~se_probe.views.block_costs`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    saving = np.argsort(view["parameters"].to_numpy(), kind="stable")
    ordered = view.isel(block=saving)
    names = [str(name) for name in ordered["block"].to_numpy()]
    x = np.arange(len(names), dtype=float)
    with house_style():
        fig, upper, lower = _two_panels(x, names, 0.45, width)
        for name, at in (("frozen", x - 0.15), ("identity", x + 0.15)):
            each = ordered.sel(treatment=name)
            style = _STYLES[name] | {"label": _TREATMENTS[name], "linestyle": "none"}
            _draw(upper, at, each["kl"], style)
            _draw(lower, at, 100 * each["top1_change"], style)
            low, high = _interval(each)
            lower.vlines(at, low, high, color=style["color"], linewidth=0.8)
        _shade_savings(fig, upper, lower, ordered["parameters"].to_numpy())
        lower.set_xlabel("SE block")
        _finish(fig, upper, lower, view)
        add_title(fig, title)
    return fig


def figure_freezing_curve(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw what removing 1, 2, ... all SE blocks costs.

    One line each for gates frozen and for the identity in the order given, and for
    gates frozen in a random order. Bands are 95 % intervals.

    Parameters
    ----------
    view : xr.Dataset, dims (line, n_blocks)
        From :func:`~se_probe.views.freezing_costs`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    added = [str(name) for name in view["added"].sel(line="frozen").to_numpy()]
    x = view["n_blocks"].to_numpy().astype(float)
    counts = [f"{n:.0f}" for n in x]
    with house_style():
        above = 0.3 + LETTER_WIDTH * max(map(len, added))
        fig, upper, lower = _two_panels(x, counts, above, width)
        lower.tick_params(axis="x", labelrotation=0)
        for name, label in _LINES.items():
            each, style = view.sel(line=name), _STYLES[name] | {"label": label}
            _draw(upper, x, each["kl"], style)
            _draw(lower, x, 100 * each["top1_change"], style)
            low, high = _interval(each)
            shade = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
            lower.fill_between(x, low, high, **shade)
        _name_added(upper, x, added)
        lower.set_xlabel("number of SE blocks frozen or replaced by the identity")
        _finish(fig, upper, lower, view)
        add_title(fig, title)
    return fig


def _two_panels(
    x: npt.NDArray[np.floating], names: list[str], top: float, width: Width
) -> tuple[Figure, Axes, Axes]:
    """Panels for KL and accuracy above each other, with names below."""
    fig = Figure((inches(width), 4.4 * text_scale()))
    upper, lower = fig.subplots(2, 1, sharex=True)
    longest = LETTER_WIDTH * max(map(len, names))
    set_margins(fig, left=0.85, top=top, bottom=0.3 + longest)
    fig.subplots_adjust(hspace=0.1)
    lower.set_xticks(x, names, rotation=90)
    lower.set_xlim(x[0] - 0.6, x[-1] + 0.6)
    upper.set_ylabel("KL divergence\n(nats per image)")
    lower.set_ylabel("change of top-1\naccuracy\n(percentage points)")
    return fig, upper, lower


def _name_added(ax: Axes, x: npt.NDArray[np.floating], added: Sequence[str]) -> None:
    """Names above: which block each step of the ranked order adds."""
    above = ax.secondary_xaxis("top")
    above.set_xticks(x, added, rotation=90)
    above.tick_params(length=0)
    above.spines["top"].set_visible(False)


def _draw(
    ax: Axes,
    x: npt.NDArray[np.floating],
    values: xr.DataArray,
    style: dict[str, Any],
) -> None:
    ax.plot(x, values.to_numpy(), markersize=3.5, **style)


def _interval(
    each: xr.Dataset,
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Ends of the interval of the accuracy change, in points."""
    low, high = each["top1_change_low"], each["top1_change_high"]
    return 100 * low.to_numpy(), 100 * high.to_numpy()


def _shade_savings(
    fig: Figure, upper: Axes, lower: Axes, parameters: npt.NDArray[np.int64]
) -> None:
    """A background for each group of blocks that save the same, with the number."""
    edges = (np.flatnonzero(np.diff(parameters)) + 1).tolist()
    starts, stops = [0, *edges], [*edges, len(parameters)]
    groups = list(zip(starts, stops, strict=True))
    n_letters = axes_size(upper)[0] / len(parameters) / LETTER_WIDTH
    is_narrow = any((b - a) * n_letters < len(f"{parameters[a]:,}") for a, b in groups)
    for number, (start, stop) in enumerate(groups):
        if number % 2 == 1:
            for ax in (upper, lower):
                ax.axvspan(start - 0.5, stop - 0.5, color="0.96", linewidth=0, zorder=0)
        upper.annotate(
            f"{parameters[start]:,}",
            ((start + stop - 1) / 2, 1.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            fontsize=7,
            rotation=90 if is_narrow else 0,
        )
    upper.set_title("parameters saved by each block", pad=38 if is_narrow else 14)
    if is_narrow:
        fig.subplots_adjust(top=1 - 0.75 / fig.get_figheight())


def _finish(fig: Figure, upper: Axes, lower: Axes, view: xr.Dataset) -> None:
    _scale_kl(upper, view["kl"].to_numpy())
    lower.axhline(0, color="0.4", linewidth=0.6, zorder=1)
    if view.attrs.get("top1") is None:
        reason = "no image of a class that the network knows"
        lower.text(0.5, 0.6, reason, transform=lower.transAxes, ha="center")
    for ax in (upper, lower):
        ax.grid(visible=False, axis="x")
    fig.align_ylabels([upper, lower])
    share_legend([upper, lower], _title(view))
    finish(fig)


def _scale_kl(ax: Axes, kl: npt.NDArray[np.floating]) -> None:
    """Logarithmic but near 0, for divergences that span more than a decade or so."""
    largest = np.nanmax(kl, initial=0)
    if largest <= 10 * _SMALL_KL:
        ax.set_ylim(bottom=-0.05 * largest)
        return
    ax.set_yscale("symlog", linthresh=_SMALL_KL)
    ax.set_ylabel(f"KL divergence\n(nats per image, logarithmic\nabove {_SMALL_KL:g})")
    ax.axhline(_SMALL_KL, color="0.4", linewidth=0.6, linestyle=DASHES[2], zorder=1)
    ax.set_ylim(-0.2 * _SMALL_KL, 2 * largest)
    ax.yaxis.set_major_formatter(plain_numbers())


def _title(view: xr.Dataset) -> str:
    attrs = view.attrs
    judged = f"{attrs['architecture']}, {attrs['n_images']:,} images"
    if attrs.get("top1") is None:
        return judged
    top1 = f"{100 * attrs['top1']:.1f} % of {attrs['n_known']:,}"
    return f"{judged}; top-1 of the unaltered network {top1}"
