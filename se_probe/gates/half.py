"""Gates kept in half precision: written as float16, read as float32."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates.direct import from_files

__all__ = ["Dtype", "check_dtype", "rounded", "rounding", "widened"]

Dtype: TypeAlias = Literal["float32", "float16"]


def check_dtype(dtype: str) -> Dtype:
    """Number type in which gates are stored, if it is one.

    Returns
    -------
    {"float32", "float16"}

    Raises
    ------
    UsageError
        If it is none.
    """
    for known in get_args(Dtype):
        if dtype == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(
        f"gates are stored as {' or '.join(get_args(Dtype))}, got {dtype!r}"
    )


def rounding(dtype: Dtype) -> str:
    """How near stored gates are to those of the network; "" where they are equal.

    Half precision has 11 binary digits, so what is stored differs by at most 2**-12 of
    the next power of two: 0.00025 for gates up to 1, 0.0005 for gates up to 2.

    Returns
    -------
    str
    """
    if dtype == "float32":
        return ""
    return (
        "gates are stored in half precision: within 0.0005 for gates up to 2, within "
        "0.05 % for larger ones"
    )


def rounded(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Values in the number type in which they are stored.

    Returns
    -------
    np.ndarray
        Of the same shape.

    Raises
    ------
    GateRecordError
        If one of them is too large for that type.
    """
    if values.dtype == dtype or dtype.kind != "f":
        return values
    with np.errstate(over="ignore"):
        stored = values.astype(dtype)
    is_lost = np.isinf(stored) & np.isfinite(values)
    if is_lost.any():
        largest, end = np.abs(values[is_lost]).max(), np.finfo(dtype).max
        raise GateRecordError(
            f"a gate is {largest:,.0f}, and {dtype} ends at {end:,.0f}. Record with "
            "--dtype float32"
        )
    return stored


def widened(record: xr.DataArray, array: zarr.Array[Any] | zarr.Group) -> xr.DataArray:
    """Record whose gates are float32 when they are read, however they are stored.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        As xarray opens it.
    array : zarr.Array
        Its gates.

    Returns
    -------
    xr.DataArray, dims (image, channel)
    """
    if record.dtype == np.float32 or isinstance(array, zarr.Group):
        return record
    return from_files(record, _Widened(array))


class _Widened(BackendArray):
    """Array on disk that gives float32."""

    def __init__(self, array: zarr.Array[Any]) -> None:
        self.array, self.shape = array, array.shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> npt.NDArray[np.float32]:
        read: npt.NDArray[np.float32] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return read

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[np.float32]:
        return np.asarray(self.array.oindex[key]).astype(np.float32)
