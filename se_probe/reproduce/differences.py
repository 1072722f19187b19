"""The bits of the same rows, as they were recorded and as they are now."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.gates import State, block_channels, block_names, context_of
from se_probe.settings import Change

__all__ = ["BlockDifference", "Differences"]

_STATE_WORDS = {
    State.NOT_RECORDED: "not recorded",
    State.RECORDED: "recorded",
    State.SKIPPED: "skipped, unreadable",
    State.NAN: "NaN",
}


@dataclass(frozen=True)
class BlockDifference:
    """How far the gates of one block are from those recorded.

    Parameters
    ----------
    block : str
    largest : float
        Absolute difference.
    n_images : int
        Images of which a bit differs.
    """

    block: str
    largest: float
    n_images: int


class Differences:
    """What differs between a record and batches recorded again, so far.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)

    Attributes
    ----------
    n_images, n_predictions : int
        Rows compared, and those with another prediction.
    states : list of Change
        Images that could be read then and cannot now, gave NaN, or the reverse.
    images : list of dict
        `image_id`, `block` and `difference` of each image of which a bit differs.
    """

    def __init__(self, record: xr.DataArray) -> None:
        names = block_names(record)
        self.channels = {name: block_channels(record, name) for name in names}
        self.largest = dict.fromkeys(names, 0.0)
        self.n_differing = dict.fromkeys(names, 0)
        self.n_images = self.n_predictions = 0
        self.states: list[Change] = []
        self.images: list[dict[str, Any]] = []

    @property
    def blocks(self) -> tuple[BlockDifference, ...]:
        """Each block, in network order."""
        return tuple(
            BlockDifference(name, largest, self.n_differing[name])
            for name, largest in self.largest.items()
        )

    def add(self, old: xr.DataArray, new: xr.DataArray) -> None:
        """Compare the same rows of both.

        Parameters
        ----------
        old, new : xr.DataArray, dims (image, channel)
        """
        self.n_images += old.sizes["image"]
        ids, states = old["image_id"].values, old["state"].values
        is_alike = states == new["state"].values
        for row in np.flatnonzero(~is_alike):
            words = (_STATE_WORDS[State(x["state"].values[row])] for x in (old, new))
            self.states.append(Change(str(ids[row]), *words))
        is_other = old["predicted"].values != new["predicted"].values
        self.n_predictions += int((is_other & is_alike).sum())
        differences = _all_differences(old, new)
        differences[~is_alike | (states == State.SKIPPED)] = 0
        by_block = {
            name: differences[:, part].max(axis=1, initial=0)
            for name, part in self.channels.items()
        }
        for name, rows in by_block.items():
            self.largest[name] = max(self.largest[name], float(rows.max()))
            self.n_differing[name] += int((rows > 0).sum())
        for row in np.flatnonzero(differences.any(axis=1)):
            block = max(by_block, key=lambda name: float(by_block[name][row]))
            self.images.append(
                {
                    "image_id": str(ids[row]),
                    "block": block,
                    "difference": float(by_block[block][row]),
                }
            )


def _all_differences(old: xr.DataArray, new: xr.DataArray) -> npt.NDArray[np.float64]:
    """Differences of gates, or of what lies beside them where those are larger."""
    differences = _bitwise(old.values, new.values)
    then, now = context_of(old), context_of(new)
    if then is None or now is None:
        return differences
    for name in then.data_vars:
        values = np.asarray(then[name].values)
        # Squeeze and energy have no natural scale: theirs are shares of what exceeds 1.
        beside = _bitwise(values, now[name].values) / np.fmax(1, np.abs(values))
        differences = np.fmax(differences, beside)
    return differences


def _bitwise(
    old: npt.NDArray[np.float32], new: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Absolute differences: 0 only for the same bits, infinite where one is NaN."""
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    differences = np.abs(old.astype(np.float64) - new)
    return np.where(same, 0.0, np.where(np.isnan(differences), np.inf, differences))
