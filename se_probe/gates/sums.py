"""Checksums: what was damaged on disk is never read as gates.

Every chunk of a record carries a CRC-32C (Zarr's own codec); the group's attributes
hold the SHA-256 of each file that is written once. Zarr reads a missing chunk as its
fill value; a batch that is done has all its chunks, so here that is damage too.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.codecs import Crc32cCodec
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import WrapperStore

from se_probe.errors import GateRecordError
from se_probe.gates.places import FORMAT, Place, damage, reason, unreadable
from se_probe.gates.record import State

__all__ = [
    "CheckedStore",
    "RowArray",
    "check_files",
    "row_array",
    "row_arrays",
    "sums_of_files",
    "what_is_wrong",
]

# gate/c/3/0, state/c/3, context/squeeze/c/3/0, below whatever group the record is in
_ROW_CHUNK = re.compile(
    r"(?P<root>.*?)(?P<name>(?:context/)?\w+)/c/(?P<batch>\d+)(/0)?"
)


@dataclass(frozen=True)
class RowArray:
    """How one array that is written batch by batch lies on disk.

    Parameters
    ----------
    n_bytes : int
        Of each chunk, its checksum included.
    has_sum : bool
        Records of format 1 have none.
    """

    n_bytes: int
    has_sum: bool


def row_arrays(group: zarr.Group) -> dict[str, RowArray]:
    """The arrays of a record that are written batch by batch, by path in the group."""
    names = ["gate", "predicted", "state"]
    names += [name for name, _ in group.members(max_depth=1) if "context/" in name]
    return {name: row_array(group[name]) for name in names}


def row_array(array: zarr.Array[Any] | zarr.Group) -> RowArray:
    """How one of them lies on disk."""
    if not isinstance(array, zarr.Array):
        raise GateRecordError("an array of the gate record is a group")
    has_sum = any(isinstance(codec, Crc32cCodec) for codec in array.compressors)
    n_values = int(np.prod(array.chunks))
    return RowArray(n_values * array.dtype.itemsize + 4 * has_sum, has_sum)


def what_is_wrong(data: bytes | npt.NDArray[np.uint8], array: RowArray) -> str:
    """What is wrong with the bytes of a chunk; "" if nothing is."""
    if len(data) != array.n_bytes:
        return f"{array.n_bytes:,} bytes expected, {len(data):,} found"
    if array.has_sum and _crc32c(data[:-4]) != bytes(data[-4:]):
        return "its checksum does not match"
    return ""


class CheckedStore(WrapperStore[Store]):
    """Store that raises a :class:`GateRecordError` instead of reading damage.

    Parameters
    ----------
    store : zarr.abc.store.Store
    where : str
        What messages call the record.
    arrays : mapping of str to RowArray
    """

    def __init__(
        self,
        store: Store,
        where: str = "",
        arrays: Mapping[str, RowArray] | None = None,
    ) -> None:
        super().__init__(store)
        self.where = where
        self.arrays = dict(arrays or {})

    @property
    def local(self) -> Store:
        """Where the files lie, below this and any other wrapping."""
        return self._store

    def _with_store(self, store: Store) -> "CheckedStore":
        return type(self)(store, self.where, self.arrays)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Value of a key; raises where it is damaged."""
        try:
            value = await super().get(key, prototype, byte_range)
        except Exception as error:
            # A zip raises what the damage leads it to: BadZipFile, zlib.error, ...
            raise GateRecordError(unreadable(self.where, key, error)) from error
        chunk = _ROW_CHUNK.fullmatch(key)
        if chunk and chunk["name"] in self.arrays and byte_range is None:
            wrong = await self._what_is_wrong(chunk, value)
            if wrong:
                raise GateRecordError(
                    f"batch {chunk['batch']} of the gate record {self.where} is "
                    f"damaged ({chunk['name']}: {wrong}). The `se-probe record` "
                    "command that wrote it records damaged batches again; or copy the "
                    "record once more if it was copied"
                )
        return value

    async def set(self, key: str, value: Buffer) -> None:
        """Write the value of a key; raises where that is not possible."""
        try:
            await super().set(key, value)
        except OSError as error:
            raise GateRecordError(
                f"the gate record {self.where} cannot be written to ({key}: "
                f"{reason(error)})"
            ) from error

    async def _what_is_wrong(self, chunk: re.Match[str], value: Buffer | None) -> str:
        """What is wrong with a chunk; "" if nothing is."""
        array = self.arrays[chunk["name"]]
        if value is None:
            return "its chunk is missing" if await self._must_be_there(chunk) else ""
        return what_is_wrong(value.to_bytes(), array)

    async def _must_be_there(self, chunk: re.Match[str]) -> bool:
        """Whether a missing chunk belongs to a batch that is done."""
        name, array = chunk["name"], self.arrays[chunk["name"]]
        if name == "state" or (name == "predicted" and not array.has_sum):
            return False  # format 1 left chunks out that hold nothing but -1
        key = f"{chunk['root']}state/c/{chunk['batch']}"
        state = await super().get(key, default_buffer_prototype())
        if state is None:
            return False
        sum_bytes = 4 * self.arrays["state"].has_sum
        states = state.to_bytes()
        return State.RECORDED in states[: len(states) - sum_bytes]


def _crc32c(data: bytes | npt.NDArray[np.uint8]) -> bytes:
    return int(google_crc32c.value(data)).to_bytes(4, "little")


def sums_of_files(folder: Path) -> dict[str, str]:
    """SHA-256, in hexadecimal, of all files of a record that is not begun yet.

    They are its coordinates and the metadata of its arrays, which are written once.

    Returns
    -------
    dict of str to str
        By path in the record; without the group's own metadata, which are to hold it.
    """
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix() for path in files} - {"zarr.json"}
    return {name: _sha256(Place(folder), name) for name in sorted(names)}


def check_files(place: Place) -> None:
    """Check that a record's coordinates and metadata are as they were written.

    Raises
    ------
    GateRecordError
    """
    sums = place.attributes("zarr.json").get("sha256")
    if sums is None and place.attributes("gate/zarr.json").get("format") != FORMAT:
        return  # format 1
    if not isinstance(sums, Mapping):
        raise GateRecordError(damage(place.where, "zarr.json lacks the checksums"))
    for name, expected in sums.items():
        if _sha256(place, name) != expected:
            what = f"{name} is not what was written"
            raise GateRecordError(damage(place.where, what))


def _sha256(place: Place, name: str) -> str:
    return hashlib.sha256(place.read(name)).hexdigest()
