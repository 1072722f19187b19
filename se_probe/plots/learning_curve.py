"""Loss and accuracy of a training run, epoch by epoch."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from se_probe.plots.layout import Width, finish, inches
from se_probe.plots.style import COLOURS, DASHES, house_style, text_scale

__all__ = ["figure_learning_curve"]

_SPLITS = {"train": "training images", "test": "held-out images"}
# Up to so many epochs each is a point of its own.
_N_MARKED = 30


def figure_learning_curve(
    view: xr.Dataset, *, width: Width = "page", title: str = ""
) -> Figure:
    """Draw the loss and the accuracy after each epoch, in two panels.

    Parameters
    ----------
    view : xr.Dataset, dims (epoch,)
        From :func:`~se_probe.views.learning_curve`.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over both panels.

    Returns
    -------
    Figure
    """
    with house_style():
        fig = Figure((inches(width), 2.8 * text_scale()), layout="constrained")
        if title:
            fig.suptitle(title)
        for ax, quantity in zip(fig.subplots(1, 2), ("loss", "accuracy"), strict=True):
            _draw(ax, view, quantity)
        left, right = fig.axes
        left.set_ylabel("cross-entropy (nats)")
        left.set_ylim(bottom=0)
        right.set_ylabel("accuracy (%)")
        _mark_last(right, view)
        fig.legend(
            *left.get_legend_handles_labels(), loc="outside lower center", ncols=2
        )
        finish(fig)
    return fig


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
