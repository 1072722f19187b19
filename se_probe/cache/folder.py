"""Where the cache is, and by which sums its contents are known."""

import glob
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import platformdirs  # the operating system's own place for caches

__all__ = [
    "cache_folder",
    "digest",
    "files_stamp",
    "measurements_folder",
    "tar_indexes_folder",
]


def cache_folder() -> Path:
    """`$SE_PROBE_CACHE`, or the user's cache folder of the operating system."""
    named = os.environ.get("SE_PROBE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("se_probe")


def measurements_folder() -> Path:
    """Where `rank` and `prune` keep what they have measured so far."""
    return cache_folder() / "measured"


def tar_indexes_folder() -> Path:
    """Where it is kept at which places of tar files pictures lie."""
    return cache_folder() / "tars"


def digest(content: Any) -> str:
    """Short sum of plain JSON types."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_stamp(folder: str | Path | None) -> str | None:
    """Hash over names, sizes and times of all files of a folder; None for no folder.

    Parameters
    ----------
    folder : path or None
        Or a file, or a pattern of files such as ``shards/*.tar``.

    Returns
    -------
    str or None
    """
    if folder is None:
        return None
    root = Path(folder)
    total = hashlib.sha256()
    found = (
        root.rglob("*")
        if root.is_dir()
        else map(
            Path,
            glob.glob(str(folder)),  # noqa: PTH207
        )
    )
    for path in sorted(found):
        if path.is_file():
            facts = path.stat()
            name = path.relative_to(root).as_posix() if root.is_dir() else path.name
            total.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return total.hexdigest()
