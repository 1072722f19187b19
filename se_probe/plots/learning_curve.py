"""Loss and accuracy of a training run, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from se_probe.errors import UsageError
from se_probe.plots.layout import finish
from se_probe.plots.style import COLOURS, DASHES, house_style

__all__ = ["figure_learning_curve", "history_table"]

_COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "lr",
    "seconds",
)
_SPLITS = {"train": "training images", "test": "held-out images"}
# Up to so many epochs each is a point of its own.
_N_MARKED = 30


def figure_learning_curve(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the loss and the accuracy after each epoch, in two panels.

    Parameters
    ----------
    history : sequence of mapping
        One per epoch: `epoch`, `train_loss`, `train_accuracy`, `test_loss`,
        `test_accuracy`, `lr`, `seconds`, as they are in a checkpoint's
        ``metrics["history"]``. Losses in nats, accuracies between 0 and 1.

    Returns
    -------
    Figure
        7 inches wide.

    Raises
    ------
    UsageError
        If there are no epochs, or something is not said of one.
    """
    table = history_table(history)
    with house_style():
        fig = Figure((7.0, 2.8), layout="constrained")
        for ax, quantity in zip(fig.subplots(1, 2), ("loss", "accuracy"), strict=True):
            _draw(ax, table, quantity)
        left, right = fig.axes
        left.set_ylabel("cross-entropy (nats)")
        left.set_ylim(bottom=0)
        right.set_ylabel("accuracy (%)")
        _mark_last(right, table)
        fig.legend(
            *left.get_legend_handles_labels(), loc="outside lower center", ncols=2
        )
        finish(fig)
    return fig


def history_table(history: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Numbers behind :func:`figure_learning_curve`.

    Parameters
    ----------
    history : sequence of mapping
        As for the figure.

    Returns
    -------
    pd.DataFrame
        One row per epoch, one column for each of the quantities.

    Raises
    ------
    UsageError
        If there are no epochs, or something is not said of one.
    """
    if not history:
        raise UsageError("there are no epochs to draw; was the network trained?")
    missing = sorted({c for result in history for c in _COLUMNS if c not in result})
    if missing:
        raise UsageError(
            f"expected {', '.join(_COLUMNS)} of each epoch, but {', '.join(missing)} "
            "is missing"
        )
    return pd.DataFrame(list(history), columns=list(_COLUMNS))


def _draw(ax: Axes, table: pd.DataFrame, quantity: str) -> None:
    scale = 100 if quantity == "accuracy" else 1
    for position, (split, label) in enumerate(_SPLITS.items()):
        ax.plot(
            table["epoch"],
            scale * table[f"{split}_{quantity}"],
            color=COLOURS[position],
            linestyle=DASHES[position],
            marker="o" if len(table) <= _N_MARKED else "",
            markersize=3,
            label=label,
        )
    ax.set_xlabel("epoch")
    ax.set_xlim(table["epoch"].iloc[0] - 0.5, table["epoch"].iloc[-1] + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _mark_last(ax: Axes, table: pd.DataFrame) -> None:
    """Write the accuracy that the training ended with."""
    last = table.iloc[-1]
    percent = 100 * last["test_accuracy"]
    ax.set_title(f"held out: {percent:.1f} % after epoch {last['epoch']:.0f}")
