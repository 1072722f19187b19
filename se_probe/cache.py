"""Where ``plot --ckpt`` keeps what it recorded, and finds it again without torch.

An entry is named by all that was asked for but the classes; it holds a gate record for
each choice of classes. A record is used again when it is finished, holds every image
that the classes asked for now would get, and its image files are untouched.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs  # the operating system's own place for caches
import xarray as xr

from se_probe.class_names import label_set
from se_probe.errors import GateRecordError
from se_probe.gates import State, is_record, open_gates

__all__ = [
    "cache_entry",
    "cache_folder",
    "files_stamp",
    "find_cached",
    "measurements_folder",
    "record_path",
]


def cache_folder() -> Path:
    """`$SE_PROBE_CACHE`, or the user's cache folder of the operating system."""
    named = os.environ.get("SE_PROBE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("se_probe")


def measurements_folder() -> Path:
    """Where `rank` and `prune` keep what they have measured so far."""
    return cache_folder() / "measured"


def cache_entry(request: Mapping[str, Any]) -> Path:
    """Folder for the records of one request; it need not exist.

    Parameters
    ----------
    request : mapping
        Everything that was asked for but the classes, in plain JSON types. The value of
        `ckpt` is replaced by the file's hash where it is a file, folders by their full
        path.

    Returns
    -------
    Path
    """
    content = dict(request)
    path = Path(str(content.get("ckpt")))
    if path.is_file():
        with path.open("rb") as file:
            content["ckpt"] = hashlib.file_digest(file, "sha256").hexdigest()
    for key in ("data", "data_root", "data_default"):
        folder = content.get(key)
        if folder and Path(folder).is_dir():
            content[key] = str(Path(folder).resolve())
    return cache_folder() / _digest(content)


def record_path(entry: Path, class_names: Collection[str], stamp: str | None) -> Path:
    """Place in an entry for the record of some classes, from files of one stamp."""
    return entry / f"{_digest([sorted(class_names), stamp])}.zarr"


def find_cached(entry: Path, queries: Collection[str]) -> xr.DataArray | None:
    """Record of an entry that can answer for all classes asked for, if there is one.

    Parameters
    ----------
    entry : Path
        From :func:`cache_entry`.
    queries : collection of str
        What the user typed for each class; where nothing was typed, the classes count
        that the record says are then meant.

    Returns
    -------
    xr.DataArray or None

    Raises
    ------
    ClassNameError
        If a query means no class of the network, or several.
    """
    for record in _records(entry):
        is_done = bool((record["state"].values != State.NOT_RECORDED).all())
        complete = set(record.attrs.get("complete_classes", ()))
        labels = label_set(record.attrs["label_set"])
        asked = queries or record.attrs.get("default_classes", [])
        wanted = {q if q in complete else labels.find(q).name for q in asked}
        stamp = record.attrs.get("files_stamp")
        if is_done and wanted and wanted <= complete and stamp == _stamp_now(record):
            return record
    return None


def files_stamp(folder: str | Path | None) -> str | None:
    """Hash over names, sizes and times of all files of a folder; None for no folder."""
    if folder is None:
        return None
    root = Path(folder)
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file():
            facts = path.stat()
            name = path.relative_to(root).as_posix()
            digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _stamp_now(record: xr.DataArray) -> str | None:
    try:
        return files_stamp(record.attrs["images"]["path"])
    except OSError:
        return "the folder is gone"


def _records(entry: Path) -> Iterator[xr.DataArray]:
    for path in sorted(entry.glob("*.zarr")):
        if is_record(path):
            try:
                yield open_gates(path)
            except GateRecordError:  # a damaged one is of no use, and will be replaced
                continue


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
