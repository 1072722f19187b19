"""How many gates of each channel are near the ends, counted while reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = ["MARGIN", "Extremes", "ends_at_0_and_1"]

# A sigmoid is within 0.05 of its end beyond +-2.94, where its slope is below a fifth of
# the largest: the gate hardly follows its input any more.
MARGIN = 0.05
# So few that they stay in a processor's cache, and that a byte can count them.
_ROWS = 32
# What older records say instead of `bounds`.
_ENDING_AT_0_AND_1 = {"sigmoid", "hardsigmoid"}


def ends_at_0_and_1(fact: Mapping[str, Any]) -> bool:
    """Whether a block's gates are made by a function that ends at 0 and 1.

    Only of such gates is it known what saturated means: a gate of 1 + sigmoid that lies
    at 1 is not open but closed.

    Parameters
    ----------
    fact : mapping
        A block's facts, as a record's `blocks` hold them: `bounds`, the least and the
        largest gate that its function can give, or else the name of it, `gate`.

    Returns
    -------
    bool
        True where the facts say neither.

    Examples
    --------
    >>> ends_at_0_and_1({"gate": "clamp", "bounds": [0.0, 1.0]})
    True
    >>> ends_at_0_and_1({"gate": "2·sigmoid", "bounds": [0.0, 2.0]})
    False
    """
    bounds = fact.get("bounds")
    if bounds is not None:
        return tuple(bounds) == (0.0, 1.0)
    return fact.get("gate", "sigmoid") in _ENDING_AT_0_AND_1


@dataclass(frozen=True)
class Extremes:
    """Counts of each channel's gates near 0 and near 1, and their range."""

    margin: float
    n_closed: npt.NDArray[np.int64]  # (channels,)
    n_open: npt.NDArray[np.int64]
    lowest: npt.NDArray[np.floating]
    highest: npt.NDArray[np.floating]

    @classmethod
    def of(cls, record: xr.DataArray, margin: float = MARGIN) -> "Extremes":
        """Before the first row of a record.

        Returns
        -------
        Extremes
        """
        n = record.sizes["channel"]
        numbers = np.zeros(n, np.int64), np.zeros(n, np.int64)
        ends = np.full(n, np.inf, record.dtype), np.full(n, -np.inf, record.dtype)
        return cls(margin, *numbers, *ends)

    def add(self, gates: npt.NDArray[np.floating]) -> None:
        """Count rows of gates; shape (rows, channels)."""
        # Compared in the record's own precision: a float32 gate of 0.05 is one
        # of 0.05, although its float64 value lies a little above.
        for start in range(0, len(gates), _ROWS):
            rows = gates[start : start + _ROWS]
            self.n_closed[:] += _count(rows <= self.margin)
            self.n_open[:] += _count(rows >= 1 - self.margin)
            np.minimum(self.lowest, rows.min(axis=0), out=self.lowest)
            np.maximum(self.highest, rows.max(axis=0), out=self.highest)

    def columns(self) -> dict[str, tuple[str, npt.NDArray[Any]]]:
        """Variables along `channel`.

        Returns
        -------
        dict
        """
        names = ("n_closed", "n_open", "lowest", "highest")
        return {name: ("channel", getattr(self, name)) for name in names}


def _count(found: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """How many of at most 255 rows are true, for each channel."""
    # Three times as fast as `count_nonzero` along this axis.
    count: npt.NDArray[np.uint8] = found.view(np.uint8).sum(axis=0, dtype=np.uint8)
    return count
