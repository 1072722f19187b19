"""How many gates of each channel are near the ends, counted while reading."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = ["MARGIN", "Extremes"]

# A sigmoid is within 0.05 of its end beyond +-2.94, where its slope is below a fifth of
# the largest: the gate hardly follows its input any more.
MARGIN = 0.05
# So few that they stay in a processor's cache, and that a byte can count them.
_ROWS = 32


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
