"""Loss and accuracy of a training run, epoch by epoch."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from se_probe.plots.layout import Width, finish, inches
from se_probe.plots.style import COLOURS, DASHES, house_style, text_scale

__all__ = ["figure_learning_curve"]

_SPLITS = {"train": "training images", "test": "held-out images"}
# Up to so many epochs each is a point of its own.
_N_MARKED = 30
# Up to so many blocks have a legend.
_N_NAMED = 12


def figure_learning_curve(
    view: xr.Dataset,
    gates: xr.Dataset | None = None,
    *,
    width: Width = "page",
    title: str = "",
) -> Figure:
    """Draw the loss and the accuracy after each epoch, and how the gates were.

    Parameters
    ----------
    view : xr.Dataset, dims (epoch,)
        From :func:`~se_probe.views.learning_curve`.
    gates : xr.Dataset, dims (epoch, block), optional
        From :func:`~se_probe.views.gate_health`: two more panels, with the input
        dependence and the saturated share of the gates of each block.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.

    Returns
    -------
    Figure
    """
    n_rows = 1 if gates is None else 2
    with house_style():
        size = inches(width), (0.6 + 2.2 * n_rows) * text_scale()
        fig = Figure(size, layout="constrained")
        if title:
            fig.suptitle(title)
        grid = fig.subplots(n_rows, 2, squeeze=False)
        for ax, quantity in zip(grid[0], ("loss", "accuracy"), strict=True):
            _draw(ax, view, quantity)
        left, right = grid[0]
        left.set_ylabel("cross-entropy (nats)")
        left.set_ylim(bottom=0)
        right.set_ylabel("accuracy (%)")
        _mark_last(right, view)
        if gates is not None:
            _draw_gates(grid[1], gates)
        fig.legend(
            *left.get_legend_handles_labels(), loc="outside lower center", ncols=2
        )
        finish(fig)
    return fig


def _draw_gates(axes: Sequence[Axes], gates: xr.Dataset) -> None:
    """Input dependence, and share of gates at an end, of each block by its depth."""
    n_blocks = gates.sizes["block"]
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, n_blocks))
    epochs = gates["epoch"].values
    ends = gates["saturated_closed"] + gates["saturated_open"]
    for ax, values in zip(axes, (gates["input_dependence"], ends), strict=True):
        for k, block in enumerate(gates["block"].values):
            style = {"color": colours[k], "linestyle": DASHES[k % len(DASHES)]}
            ax.plot(
                gates["epoch"].values, values.sel(block=block), **style, label=block
            )
            if gates.sizes["epoch"] <= _N_MARKED:
                ax.lines[-1].set(marker="o", markersize=2.5)
        ax.set_xlabel("epoch")
        ax.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set_ylim(bottom=0)
        if not np.isfinite(values).any():
            reason = "not known: gates do not end at 0 and 1"
            ax.text(0.5, 0.5, reason, transform=ax.transAxes, ha="center")
    axes[0].set_ylabel("input dependence\n(0: constant gates)")
    axes[1].set_ylabel("share of gates\nat 0 or at 1")
    _name_blocks(axes[1], [str(name) for name in gates["block"].values], colours)


def _name_blocks(
    ax: Axes, names: Sequence[str], colours: npt.NDArray[np.floating]
) -> None:
    """A legend of few blocks; of more a bar, on which the first and last are named."""
    if len(names) <= _N_NAMED:
        ax.legend(title="SE block", loc="center left", bbox_to_anchor=(1, 0.5))
        return
    figure = ax.get_figure(root=True)
    if figure is None:
        return
    scale = ScalarMappable(Normalize(0, len(names) - 1), ListedColormap(colours))
    bar = figure.colorbar(scale, ax=ax, ticks=[0, len(names) - 1], aspect=30)
    bar.ax.set_yticklabels([names[0], names[-1]])
    bar.set_label(f"{len(names)} SE blocks")


def _draw(ax: Axes, view: xr.Dataset, quantity: str) -> None:
    epochs = view["epoch"].values
    scale = 100 if quantity == "accuracy" else 1
    for position, (split, label) in enumerate(_SPLITS.items()):
        ax.plot(
            epochs,
            scale * view[f"{split}_{quantity}"].values,
            color=COLOURS[position],
            linestyle=DASHES[position],
            marker="o" if len(epochs) <= _N_MARKED else "",
            markersize=3,
            label=label,
        )
    ax.set_xlabel("epoch")
    ax.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _mark_last(ax: Axes, view: xr.Dataset) -> None:
    """Write the accuracy that the training ended with."""
    last = view.isel(epoch=-1)
    percent = 100 * last["test_accuracy"].item()
    ax.set_title(f"held out: {percent:.1f} % after epoch {last['epoch'].item():.0f}")
