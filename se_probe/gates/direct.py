"""Gates read straight from the files of a record, a block's columns at a time.

A chunk is a batch: all channels of some images, without compression. Zarr takes each
apart with several copies and a tour of its event loop; who wants one block of a large
record waits four times as long as reading the files and their checksums takes. So of a
record in a local folder the files are read here, and everything else (a zip, another
codec, a batch that is missing or damaged) is left to Zarr.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing
from zarr.codecs import BytesCodec, Crc32cCodec
from zarr.storage import LocalStore

from se_probe.gates.sums import CheckedStore, RowArray, row_array, what_is_wrong

__all__ = ["from_files", "read_directly"]

# A batch, and the places of its images among those that are read.
_Part: TypeAlias = tuple[int, slice | npt.NDArray[np.intp]]


def read_directly(
    rows: xr.DataArray, array: zarr.Array[Any] | zarr.Group
) -> xr.DataArray:
    """The same array, read without Zarr where its files allow it.

    Parameters
    ----------
    rows : xr.DataArray, dims (image, channel)
        As xarray opens it; float32.
    array : zarr.Array
        Where it is stored, as float32 or in half precision.

    Returns
    -------
    xr.DataArray, dims (image, channel)
        Damage raises what it raises there.
    """
    folder = _folder(array)
    if folder is None or isinstance(array, zarr.Group):
        return rows
    return from_files(rows, _Direct(array, folder))


def from_files(rows: xr.DataArray, array: BackendArray) -> xr.DataArray:
    """The same labels, with values that are read from another array on disk.

    Parameters
    ----------
    rows : xr.DataArray
    array : BackendArray
        Of the same shape.

    Returns
    -------
    xr.DataArray
    """
    lazy = indexing.LazilyIndexedArray(array)
    made = xr.DataArray(
        xr.Variable(rows.dims, lazy, rows.attrs), coords=rows.coords, name=rows.name
    )
    # How the rows lie in chunks, which xarray leaves behind.
    made.encoding = dict(rows.encoding)
    return made


def _folder(array: zarr.Array[Any] | zarr.Group) -> Path | None:
    """Where the chunks lie as plain files; None where they are something else."""
    if not isinstance(array, zarr.Array) or not isinstance(array.store, CheckedStore):
        return None
    local = array.store.local
    if not isinstance(local, LocalStore):
        return None
    is_plain = (
        sys.byteorder == "little"
        and array.dtype in (np.float32, np.float16)
        and array.chunks[1:] == array.shape[1:]
        and array.shards is None
        and not array.filters
        and array.order == "C"
        and _is_little_endian(array)
        and all(isinstance(codec, Crc32cCodec) for codec in array.compressors)
        and len(array.compressors) <= 1
    )
    return Path(local.root, array.path, "c") if is_plain else None


def _is_little_endian(array: zarr.Array[Any]) -> bool:
    codec = array.serializer
    return isinstance(codec, BytesCodec) and getattr(codec.endian, "value", "") == (
        "little"
    )


class _Direct(BackendArray):
    """Rows of images by channels, on disk; gives float32."""

    def __init__(self, array: zarr.Array[Any], folder: Path) -> None:
        self.array, self.folder = array, folder
        self.shape, self.dtype = array.shape, np.dtype(np.float32)
        self._facts: RowArray = row_array(array)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> npt.NDArray[np.float32]:
        read: npt.NDArray[np.float32] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return read

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[np.float32]:
        images, channels = (
            np.atleast_1d(np.arange(n)[part])
            for n, part in zip(self.shape, key, strict=True)
        )
        gates = np.empty((len(images), len(channels)), np.float32)
        buffer = np.empty(self._facts.n_bytes + 1, np.uint8)
        for batch, places in _by_batch(images, self.array.chunks[0]):
            gates[places] = self._part(batch, images[places], channels, buffer)
        is_kept = [not isinstance(part, int | np.integer) for part in key]
        kept = [n for n, keep in zip(gates.shape, is_kept, strict=True) if keep]
        return gates.reshape(kept)

    def _part(
        self,
        batch: int,
        images: npt.NDArray[np.intp],
        channels: npt.NDArray[np.intp],
        buffer: npt.NDArray[np.uint8],
    ) -> npt.NDArray[Any]:
        """Gates of some images of one batch, shape (images, channels)."""
        rows, first = self._rows(batch, buffer), batch * self.array.chunks[0]
        columns = _as_slice(channels)
        if rows is None:  # Zarr says what is wrong with it, or gives its fill value
            return np.asarray(self.array.oindex[images, columns])
        part: npt.NDArray[Any] = rows[_as_slice(images - first)][:, columns]
        return part

    def _rows(self, batch: int, buffer: npt.NDArray[np.uint8]) -> Any:
        """Gates of a batch, shape (rows, channels); None unless it is whole."""
        try:
            with (self.folder / str(batch) / "0").open("rb", buffering=0) as file:
                n_bytes = _fill(buffer, file)
        except OSError:
            return None
        if what_is_wrong(buffer[:n_bytes], self._facts):
            return None
        n_sum = 4 * self._facts.has_sum
        values = buffer[: n_bytes - n_sum].view(self.array.dtype)
        return values.reshape(self.array.chunks)


def _fill(buffer: npt.NDArray[np.uint8], file: Any) -> int:
    """Read a file to its end, or until the buffer is full; how many bytes."""
    n_bytes = 0
    while n_read := file.readinto(buffer[n_bytes:]):
        n_bytes += n_read
    return n_bytes


def _by_batch(images: npt.NDArray[np.intp], size: int) -> Iterator[_Part]:
    """Each batch that some images lie in, and the places of its images among them."""
    if not len(images):
        return
    batches = images // size
    order = np.argsort(batches, kind="stable")
    found, starts = np.unique(batches[order], return_index=True)
    for batch, places in zip(found, np.split(order, starts[1:]), strict=True):
        yield int(batch), _as_slice(places)


def _as_slice(places: npt.NDArray[np.intp]) -> slice | npt.NDArray[np.intp]:
    """Places as a slice where they are consecutive: copying goes faster by one."""
    n = len(places)
    if n and places[-1] - places[0] == n - 1 and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places
