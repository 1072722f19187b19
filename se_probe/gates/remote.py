"""Gate records in an object store, or wherever else fsspec reaches.

There is no rename there that fails where something is. So a record is built in a
temporary folder, its files are copied, and the one by which a record is known goes
last: nobody ever sees half a record. Two processes that create the same one would mix
theirs, so one creates it.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from zarr.storage import FsspecStore

from se_probe.errors import GateRecordError

__all__ = ["RemotePath", "remote_path", "url_of"]

# A Path makes one slash of two.
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/(?P<second>/?)(?P<rest>.+)")
_LOCAL = {"file", "local"}


def url_of(path: str | Path) -> str | None:
    """URL that a path is meant to be, such as "s3://bucket/run.zarr".

    Parameters
    ----------
    path : str or Path
        ``Path("s3://bucket/run.zarr")`` has lost a slash, and is understood.

    Returns
    -------
    str or None
        None for a local path.

    Examples
    --------
    >>> url_of(Path("s3://bucket/run.zarr"))
    's3://bucket/run.zarr'
    >>> url_of("runs/run.zarr") is None
    True
    """
    match = _URL.fullmatch(str(path))
    if match is None:
        return None
    scheme, rest = match["scheme"], match["rest"]
    if not match["second"]:
        if not _is_known(scheme) or Path(f"{scheme}:").is_dir():
            return None
        rest = f"/{rest}" if scheme in _LOCAL else rest
    return f"{scheme}://{rest}"


def remote_path(url: str) -> "RemotePath":
    """Files below a URL.

    Returns
    -------
    RemotePath

    Raises
    ------
    GateRecordError
        If no such place can be opened; where a package is missing, naming it.
    """
    from fsspec.core import url_to_fs

    try:
        system, root = url_to_fs(url, **_options(url))
    except ImportError as error:
        package = re.search(r"[Ii]nstall '?([\w-]+)", str(error))
        advice = f": pip install {package[1]}" if package else f" ({error})"
        raise GateRecordError(
            f"{url} needs a package that is not installed{advice}"
        ) from error
    except Exception as error:  # each file system has errors of its own
        raise GateRecordError(f"{url} cannot be opened ({error})") from error
    return RemotePath(url.rstrip("/"), system, str(root).rstrip("/"))


class RemotePath:
    """Files below a URL, by their paths in the record."""

    def __init__(self, url: str, system: Any, root: str) -> None:
        self.url, self._system, self._root = url, system, root

    def store(self) -> FsspecStore:
        """Zarr store of the record."""
        return FsspecStore.from_url(self.url, storage_options=_options(self.url))

    def exists(self, key: str = "") -> bool:
        """Whether there is a file, or anything at all.

        Returns
        -------
        bool

        Raises
        ------
        GateRecordError
            If the store does not answer.
        """
        self._system.invalidate_cache()  # another process may have written it
        return bool(self._do(lambda: self._system.exists(self._place(key))))

    def read(self, key: str) -> bytes:
        """Bytes of a file; raises what the file system raises."""
        return bytes(self._system.cat_file(self._place(key)))

    def remove(self) -> None:
        """Delete all files.

        Raises
        ------
        GateRecordError
            If the store refuses.
        """
        self._do(lambda: self._system.rm(self._root, recursive=True))

    def copy_from(self, folder: Path, last: str) -> None:
        """Copy the files of a folder here.

        Parameters
        ----------
        folder : Path
        last : str
            The file that is copied after all others.

        Raises
        ------
        GateRecordError
            If something is there, or it cannot be written.
        """
        if self.exists():
            raise GateRecordError(
                f"{self.url} exists and is not a gate record, or its creation was cut "
                "short; remove it, or choose another name"
            )
        files = [path for path in folder.rglob("*") if path.is_file()]
        names = sorted(path.relative_to(folder).as_posix() for path in files)
        for name in sorted(names, key=lambda name: name == last):
            content = (folder / name).read_bytes()
            self._do(partial(self._write, name, content))

    def _write(self, key: str, content: bytes) -> None:
        try:
            self._system.pipe_file(self._place(key), content)
        except FileNotFoundError:  # a file system with folders
            parent = self._place(key).rpartition("/")[0]
            self._system.makedirs(parent, exist_ok=True)
            self._system.pipe_file(self._place(key), content)

    def _place(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _do(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except Exception as error:  # each file system has errors of its own
            raise GateRecordError(
                f"{self.url} does not answer ({str(error) or type(error).__name__})"
            ) from error


def _is_known(scheme: str) -> bool:
    from fsspec import available_protocols

    return scheme in available_protocols()


def _options(url: str) -> dict[str, Any]:
    return {"auto_mkdir": True} if url.partition(":")[0] in _LOCAL else {}
