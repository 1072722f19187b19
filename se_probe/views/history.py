"""Loss and accuracy of a training run, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.errors import UsageError

__all__ = ["gate_health", "learning_curve"]

_GATES = ("mean", "sd", "input_dependence", "saturated_closed", "saturated_open")
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


def gate_health(history: Sequence[Mapping[str, Any]]) -> xr.Dataset | None:
    """How the gates of each SE block were over the training images of each epoch.

    Parameters
    ----------
    history : sequence of mapping
        One per epoch, with `epoch` and `gates`, as they are in a checkpoint's
        ``metrics["history"]``.

    Returns
    -------
    xr.Dataset, dims (epoch, block), or None
        `mean`, `sd`, `input_dependence`, `saturated_closed` and `saturated_open`; see
        :meth:`~se_probe.monitor.GateMonitor.summary`. NaN where they are not known.
        Blocks in network order. None where nothing was recorded of gates: a network
        without SE blocks, or a training of an earlier version.

    Examples
    --------
    >>> history = [{"epoch": 1, "gates": {"SE_2_1": {"mean": 0.5, "sd": None}}}]
    >>> gate_health(history)["mean"].item()
    0.5
    """
    watched = [result for result in history if result.get("gates")]
    if not watched:
        return None
    blocks = list(dict.fromkeys(name for each in watched for name in each["gates"]))
    columns = {
        key: [
            [_number(each["gates"], block, key) for block in blocks] for each in watched
        ]
        for key in _GATES
    }
    return xr.Dataset(
        {key: (("epoch", "block"), values) for key, values in columns.items()},
        coords={"epoch": [each["epoch"] for each in watched], "block": blocks},
    )


def _number(gates: Mapping[str, Mapping[str, Any]], block: str, key: str) -> float:
    value = gates.get(block, {}).get(key)
    return float("nan") if value is None else float(value)
