"""What the cache holds, and how to empty it."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from se_probe.cache.folder import cache_folder, measurements_folder, tar_indexes_folder
from se_probe.cache.roots import roots_folder
from se_probe.errors import SEProbeError
from se_probe.gates import is_record, open_gates

__all__ = ["CacheEntry", "cache_entries", "clear_cache"]


@dataclass(frozen=True)
class CacheEntry:
    """One folder of the cache.

    Parameters
    ----------
    path : Path
    holds : {"gates", "statistics", "measurements", "data roots", "tar indexes"}
        Gates for `plot --ckpt`, what was computed of them, what `rank`, `prune` and
        `exchange` have measured, where the data sets of checkpoints are, or where
        pictures lie in tar files.
    network, data : str
        Of gates; empty for the others, and where a record is damaged.
    n_images : int
        Images that gates are kept of.
    n_bytes : int
    """

    path: Path
    holds: str
    network: str
    data: str
    n_images: int
    n_bytes: int


def cache_entries() -> list[CacheEntry]:
    """Everything that the cache holds, largest first.

    Returns
    -------
    list of CacheEntry
    """
    entries = [_described(path, holds) for path, holds in _folders()]
    return sorted(entries, key=lambda entry: (-entry.n_bytes, entry.path))


def clear_cache() -> int:
    """Remove everything that the cache holds, and nothing that it did not write.

    Returns
    -------
    int
        Bytes that were freed.

    Raises
    ------
    SEProbeError
        If something of it cannot be removed.
    """
    freed = 0
    for path, _ in list(_folders()):
        n_bytes = _size(path)
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise SEProbeError(
                f"{path} cannot be removed ({error.strerror}); remove it by hand"
            ) from error
        freed += n_bytes
    return freed


def _folders() -> Iterator[tuple[Path, str]]:
    root = cache_folder()
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path == measurements_folder():
            yield path, "measurements"
        elif path == roots_folder():
            yield path, "data roots"
        elif path == tar_indexes_folder():
            yield path, "tar indexes"
        elif re.fullmatch(r"[0-9a-f]{16}(\.stats)?", path.name) and path.is_dir():
            yield path, "statistics" if path.suffix else "gates"


def _described(path: Path, holds: str) -> CacheEntry:
    network, data, n_images = "", "", 0
    for record in sorted(path.glob("*.zarr")):
        if not is_record(record):
            continue
        try:
            gates = open_gates(record)
        except SEProbeError:
            continue
        network, data = gates.attrs["architecture"], gates.attrs["images"]["name"]
        n_images += gates.sizes["image"]
    return CacheEntry(path, holds, network, data, n_images, _size(path))


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
