"""Blocks of a record in memory: each is read once, and all views come from it."""

import shutil
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from threading import RLock, Thread
from time import sleep
from typing import Any, TypeVar
from weakref import finalize

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import block_channels, block_names, recorded

__all__ = ["BlockStore"]

# One of the widest blocks of a ResNet-50 over 50,000 images, and what is computed from
# it, if all is to stay below 1.5 GB.
_MAX_BYTES = 420 * 2**20
_N_VIEWS = 400
# Seconds after a block was read, in which its views are computed and drawn.
_COPY_AFTER = 2.0

View = TypeVar("View", xr.DataArray, xr.Dataset)


class BlockStore:
    """Gates of the blocks that were looked at last, and the views made of them.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record.
    max_bytes : int, optional
        Gates kept in memory; one block is held whatever its size. Where not all of them
        fit, each is copied to a temporary folder once it was read, while that has room:
        a record holds the gates of all blocks of an image together, and is read whole
        for any of them.
    """

    def __init__(self, record: xr.DataArray, max_bytes: int = _MAX_BYTES) -> None:
        self.record = record
        self.n_read = 0
        self._max_bytes = max_bytes
        self._gates = OrderedDict[str, xr.DataArray]()
        self._views = OrderedDict[tuple[Any, ...], xr.DataArray | xr.Dataset]()
        self._copying = dict[str, Thread]()
        self._lock = RLock()
        self._folder = mkdtemp(prefix="se_probe_explore_")
        finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def gates(self, block: str) -> xr.DataArray:
        """Record of one block, in memory, with all rows of the record.

        Parameters
        ----------
        block : str
            Its name.

        Returns
        -------
        xr.DataArray, dims (image, channel)
            Rows in a state other than `RECORDED` hold NaN.

        Raises
        ------
        GateRecordError
            If the record is damaged, or was removed since it was opened.
        """
        with self._lock:
            if block not in self._gates:
                self._make_room(block)
                self._gates[block] = self._read(block)
            self._gates.move_to_end(block)
            return self._gates[block]

    def view(self, key: tuple[Any, ...], compute: Callable[[], View]) -> View:
        """A view, computed once for each key.

        Parameters
        ----------
        key : tuple
            All that the view depends on.
        compute : callable

        Returns
        -------
        xr.DataArray or xr.Dataset
        """
        with self._lock:
            if key not in self._views:
                made = compute()
                self._views[key] = made
                while len(self._views) > _N_VIEWS:
                    self._views.popitem(last=False)
            self._views.move_to_end(key)
            found: Any = self._views[key]
        return found  # type: ignore[no-any-return]

    def give_way(self) -> None:
        """Wait until no view is being computed that somebody looks for."""
        with self._lock:
            pass

    def _make_room(self, block: str) -> None:
        size = self.record.isel(channel=block_channels(self.record, block)).nbytes
        while self._gates and size + self._held() > self._max_bytes:
            self._gates.popitem(last=False)

    def _held(self) -> int:
        return sum(gates.nbytes for gates in self._gates.values())

    def _read(self, block: str) -> xr.DataArray:
        part = self.record.isel(channel=block_channels(self.record, block))
        if block in self._copying:
            self._copying.pop(block).join()
        with suppress(OSError, ValueError):  # it was not copied, or is not whole
            copy = np.load(self._place(block), mmap_mode="r")
            return part.copy(deep=False, data=copy)
        self.n_read += 1
        part = part.load()
        if np.isnan(part.values[recorded(part), :1]).any():
            raise GateRecordError(
                "the gate record is no longer as it was when it was opened: gates of "
                "images that were recorded are missing. Was it moved or recorded "
                "again? Open it once more"
            )
        if self.record.nbytes > self._max_bytes:
            copying = Thread(target=self._copy, args=(block, part.values), daemon=True)
            self._copying[block] = copying
            copying.start()
        return part

    def _copy(self, block: str, gates: npt.NDArray[np.float32]) -> None:
        """Copy the gates of a block to where they are found again in no time."""
        sleep(_COPY_AFTER)
        with suppress(OSError):
            if shutil.disk_usage(self._folder).free > 2 * self.record.nbytes:
                np.save(self._place(block), gates)

    def _place(self, block: str) -> Path:
        number = block_names(self.record).index(block)
        return Path(self._folder, f"{number}.npy")
