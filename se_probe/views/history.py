"""Loss and accuracy of a training run, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.errors import UsageError

__all__ = ["learning_curve"]

_COLUMNS = (
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "lr",
    "seconds",
)


def learning_curve(history: Sequence[Mapping[str, Any]]) -> xr.Dataset:
    """Loss and accuracy after each epoch.

    Parameters
    ----------
    history : sequence of mapping
        One per epoch: `epoch`, `train_loss`, `train_accuracy`, `test_loss`,
        `test_accuracy`, `lr`, `seconds`, as they are in a checkpoint's
        ``metrics["history"]``.

    Returns
    -------
    xr.Dataset, dims (epoch,)
        The same names. Losses in nats, accuracies between 0 and 1.

    Raises
    ------
    UsageError
        If there are no epochs, or something is not said of one.
    """
    if not history:
        raise UsageError("there are no epochs to draw; was the network trained?")
    asked = ("epoch", *_COLUMNS)
    missing = sorted({c for result in history for c in asked if c not in result})
    if missing:
        raise UsageError(
            f"expected {', '.join(asked)} of each epoch, but {', '.join(missing)} "
            "is missing"
        )
    return xr.Dataset(
        {name: ("epoch", [result[name] for result in history]) for name in _COLUMNS},
        coords={"epoch": [result["epoch"] for result in history]},
    )
