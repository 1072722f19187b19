"""Where the cache is, and by which sums its contents are known."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import platformdirs  # the operating system's own place for caches

__all__ = ["cache_folder", "digest", "files_stamp", "measurements_folder"]


def cache_folder() -> Path:
    """`$SE_PROBE_CACHE`, or the user's cache folder of the operating system."""
    named = os.environ.get("SE_PROBE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("se_probe")


def measurements_folder() -> Path:
    """Where `rank` and `prune` keep what they have measured so far."""
    return cache_folder() / "measured"


def digest(content: Any) -> str:
    """Short sum of plain JSON types."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_stamp(folder: str | Path | None) -> str | None:
    """Hash over names, sizes and times of all files of a folder; None for no folder.

    Parameters
    ----------
    folder : path or None

    Returns
    -------
    str or None
    """
    if folder is None:
        return None
    root = Path(folder)
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file():
            facts = path.stat()
            name = path.relative_to(root).as_posix()
            total.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return total.hexdigest()
