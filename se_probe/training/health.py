"""How the gates are while a network is trained, epoch by epoch."""

import math
import warnings

import xarray as xr
from torch import Tensor, nn

from se_probe.errors import BlockError
from se_probe.monitor import GateMonitor

__all__ = ["GateHealth", "gate_health_of", "watch_health"]

# Numbers of a block by name, of each block by name.
GateHealth = dict[str, dict[str, float | None]]


def watch_health(model: nn.Module, sample: Tensor) -> GateMonitor | None:
    """Monitor of a network that tells when it is asked.

    Parameters
    ----------
    model : nn.Module
    sample : Tensor, shape (batch, channels, height, width)
        Images that it is trained on, on its device.

    Returns
    -------
    GateMonitor or None
        None for a network without SE blocks, or a single image to find them with.
    """
    if len(sample) < 2:
        return None
    with warnings.catch_warnings():
        # Gates that an untrained network does not move yet; the monitor tells of those
        # that stay so.
        warnings.filterwarnings("ignore", message="the gates of .* are the same for")
        try:
            return GateMonitor(model, sample, every=None)
        except BlockError:
            return None


def gate_health_of(summary: xr.Dataset) -> GateHealth:
    """Numbers of each block in plain JSON types, None where one is not known.

    Parameters
    ----------
    summary : xr.Dataset, dims (block,)
        From :meth:`~se_probe.monitor.GateMonitor.summary`.

    Returns
    -------
    dict
    """
    names = [str(name) for name in summary["block"].to_numpy()]
    columns = {str(name): summary[name].to_numpy().tolist() for name in summary}
    return {
        name: {key: _known(values[k]) for key, values in columns.items()}
        for k, name in enumerate(names)
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
