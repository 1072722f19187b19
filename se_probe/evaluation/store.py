"""Measured results, kept so that a killed run resumes."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from se_probe.errors import SEProbeError
from se_probe.files import read_sealed, write_sealed, write_whole

__all__ = ["ResultStore", "digest"]

Array = npt.NDArray[Any]


def digest(content: Any) -> str:
    """Short name for anything of plain JSON types, the same in every process.

    Returns
    -------
    str
        24 hexadecimal digits.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class ResultStore:
    """Arrays by name: in memory, or in a folder, where the next run finds them.

    Parameters
    ----------
    folder : Path, optional
        Made when something is written. None keeps everything in memory.
    about : mapping, optional
        What the results depend on, in plain JSON types: results of something else lie
        in another subfolder.
    """

    def __init__(
        self, folder: Path | None = None, about: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = None if folder is None else folder / digest(dict(about or {}))
        self._arrays: dict[str, Array] = {}

    def get(self, name: str) -> Array | None:
        """A finished array, or None; what was damaged on disk is not there."""
        if name not in self._arrays and self.folder is not None:
            content = read_sealed(self._path(name))
            if content is not None:
                self._arrays[name] = np.load(io.BytesIO(content))
        return self._arrays.get(name)

    def put(self, name: str, array: Array) -> None:
        """Keep a finished array.

        Raises
        ------
        SEProbeError
            If the folder cannot be written.
        """
        self._arrays[name] = array
        if self.folder is not None:
            content = io.BytesIO()
            np.save(content, array)
            write_sealed(self._path(name), content.getvalue())

    def growing(
        self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, fill: Any = 0
    ) -> Array:
        """An array that is filled little by little; writing to it keeps it.

        Parameters
        ----------
        name : str
        shape : tuple of int
        dtype : data type
        fill : scalar, default 0
            What is in it at first.

        Returns
        -------
        array
            Of a file where there is a folder.

        Raises
        ------
        SEProbeError
            If the folder cannot be written.
        """
        if name in self._arrays:
            return self._arrays[name]
        if self.folder is None:
            self._arrays[name] = np.full(shape, fill, dtype)
            return self._arrays[name]
        path = self._path(name)
        if not path.exists():
            write_whole(path, lambda part: _save(np.full(shape, fill, dtype), part))
        self._arrays[name] = _opened(path, shape, dtype)
        return self._arrays[name]

    def _path(self, name: str) -> Path:
        return (self.folder or Path()) / f"{name}.npy"


def _save(array: Array, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, array)


def _opened(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    try:
        found = np.lib.format.open_memmap(path, mode="r+")
        said = f"{found.dtype} {found.shape}"
    except Exception as error:  # NumPy evaluates the header, whatever is in it
        said = str(error).partition("\n")[0]
    else:
        if (found.shape, found.dtype) == (shape, np.dtype(dtype)):
            return found
    raise SEProbeError(
        f"the partial results in {path} cannot be read ({said}); delete the folder to "
        "measure again"
    )
