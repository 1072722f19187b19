"""Numbers of a large record kept beside it, and used while it is unchanged."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from zarr.codecs import Crc32cCodec

__all__ = ["Kept"]

# Below this many bytes of gates, computing again takes less than a second or so.
_WORTH_KEEPING = 200 * 2**20
# What makes numbers of the same files different ones.
_ROW_NAMES = ("image_id", "class_name", "wnid", "class_index", "state")
_CHANNEL_NAMES = ("block", "channel_in_block")
# Beside the numbers: a sum of all that Zarr's own checksums do not tell.
_SUM = ".sha256"


class Kept:
    """What was computed from a record, in the folder `RUN.stats` beside `RUN.zarr`.

    It is used again while the files of the record and the rows that count are the
    same; what was damaged on disk is computed again. Without a path, for small records,
    and where the folder cannot be written, everything is computed again.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    path : path, optional
        Where the record lies on disk: its folder, its zip file, or the folder of
        several records of which it is a part.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> kept = Kept(make_gates({"SE_2_1": [[0.5]]}, ["pug"]), None)
    >>> kept.get("answer", lambda: xr.Dataset({"n": 42}))["n"].item()
    42
    """

    def __init__(self, record: xr.DataArray, path: str | Path | None) -> None:
        self._folder: Path | None = None
        self._attrs, self._here = dict(record.attrs), dict[str, xr.Dataset]()
        self._stamp = ""
        if path is not None and Path(path).exists() and _size(record) > _WORTH_KEEPING:
            self._folder = Path(path).with_suffix(".stats")
            self._stamp = f"{_stamp(Path(path))}-{_rows(record)}"

    def get(
        self, name: str, compute: Callable[[], xr.Dataset], **settings: Any
    ) -> xr.Dataset:
        """What `compute` gives, or gave before for the same record and settings.

        Parameters
        ----------
        name : str
        compute : callable
        **settings
            Whatever else the result depends on, in plain JSON types.

        Returns
        -------
        xr.Dataset
        """
        key = f"{name}-{_digest([self._stamp, settings])}"
        if key not in self._here:
            found = self._from_disk(key)
            self._here[key] = self._made(key, compute) if found is None else found
        return self._here[key]

    def _from_disk(self, key: str) -> xr.Dataset | None:
        if self._folder is None:
            return None
        with suppress(Exception):  # of zarr and its codecs, whatever damage leads to
            made = _read(self._folder / f"{key}.zarr")
            return made.assign_attrs({**self._attrs, **made.attrs})
        return None

    def _made(self, key: str, compute: Callable[[], xr.Dataset]) -> xr.Dataset:
        made = compute()
        if self._folder is not None:
            with suppress(OSError):
                self._forget_others(self._folder)
                own = {k: v for k, v in made.attrs.items() if k not in self._attrs}
                bare = made.drop_attrs(deep=False).assign_attrs(own)
                _write(bare, self._folder / f"{key}.zarr")
        return made

    def _forget_others(self, folder: Path) -> None:
        """Remove what belongs to an earlier state of the record."""
        mark, state = folder / "record", self._stamp.partition("-")[0].encode()
        if mark.is_file() and mark.read_bytes() != state:
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        mark.write_bytes(state)


def _size(record: xr.DataArray) -> int:
    return record.size * record.dtype.itemsize


def _stamp(path: Path) -> str:
    """Hash over names, sizes and times of the files of a record."""
    digest, root = hashlib.sha256(), str(path)
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for name in sorted(names):
            digest.update(_facts(f"{folder}/{name}", root))
    if path.is_file():
        digest.update(_facts(root, root))
    return digest.hexdigest()[:16]


def _facts(file: str, root: str) -> bytes:
    """Name, size and time; a string, as `Path` takes a second for all chunks."""
    facts = os.stat(file)  # noqa: PTH116
    name = file.removeprefix(root)
    return f"{name} {facts.st_size} {facts.st_mtime_ns}\n".encode()


def _rows(record: xr.DataArray) -> str:
    """Hash over which rows and channels count, and what they are called."""
    columns = [record[name].values for name in (*_ROW_NAMES, *_CHANNEL_NAMES)]
    digest = hashlib.sha256()
    for column in columns:
        text = column.dtype == object
        digest.update("\0".join(column).encode() if text else column.tobytes())
    return digest.hexdigest()[:16]


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(made: xr.Dataset, place: Path) -> None:
    # Zarr format 3 has no fixed-length text, and gives variables back by name.
    text = {
        name: (variable.dims, variable.values.astype(object))
        for name, variable in made.variables.items()
        if variable.dtype.kind in "TU"
    }
    made = made.assign_coords(text).assign_attrs(
        variables=list(made.data_vars), coordinates=list(made.coords)
    )
    building = place.with_name(f"{place.name}.{os.getpid()}.new")
    plain = {name: {"compressors": (Crc32cCodec(),)} for name in made.variables}
    try:
        made.to_zarr(building, zarr_format=3, consolidated=False, encoding=plain)
        place.with_suffix(_SUM).write_text(_sum(building), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)  # a damaged one
        building.rename(place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sum(place: Path) -> str:
    """Hash over the names and sizes of all files, and what those without a sum hold."""
    digest = hashlib.sha256()
    for file in sorted(path for path in place.rglob("*") if path.is_file()):
        content = file.read_bytes() if file.suffix == ".json" else b""
        name = file.relative_to(place).as_posix()
        digest.update(f"{name} {file.stat().st_size}\n".encode() + content)
    return digest.hexdigest()


def _read(place: Path) -> xr.Dataset:
    if place.with_suffix(_SUM).read_text(encoding="utf-8") != _sum(place):
        raise ValueError("damaged")
    made: xr.Dataset = xr.open_zarr(place, chunks=None, consolidated=False).load()
    for name, variable in made.variables.items():
        # Zarr's strings come back as StringDType; plain objects work everywhere.
        if variable.dtype.kind in "TU":
            made[name] = (variable.dims, np.asarray(variable.values, dtype=object))
    names, coords = (made.attrs.pop(key) for key in ("variables", "coordinates"))
    return xr.Dataset(
        {name: made[name].variable for name in names},
        coords={name: made[name].variable for name in coords},
        attrs=made.attrs,
    )
