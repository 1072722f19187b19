"""Files: written whole or not at all, never over another, and known by their sum."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from se_probe.errors import CheckpointError

__all__ = [
    "file_sha256",
    "read_sealed",
    "refuse_existing",
    "write_sealed",
    "write_whole",
]

_SEAL = 64  # bytes of a SHA-256 in hexadecimal


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : path
        Replaced if it exists; its folder is made if it does not.
    write : callable
        Writes the file at the path it is given, which is in the same folder.

    Raises
    ------
    CheckpointError
        If it cannot be written; what was at `path` is untouched.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch says RuntimeError of a full disk
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise CheckpointError(f"{path} could not be written: {reason}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_sealed(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all, with a sum of its content at the end.

    Parameters
    ----------
    path : path
        As for :func:`write_whole`.
    content : bytes

    Raises
    ------
    CheckpointError
        If it cannot be written.
    """
    sealed = content + _seal(content)
    write_whole(path, lambda part: part.write_bytes(sealed))


def read_sealed(path: str | Path) -> bytes | None:
    """Content of a file that :func:`write_sealed` wrote.

    Returns
    -------
    bytes or None
        None if it is not there, cannot be read, or is damaged.
    """
    try:
        sealed = Path(path).read_bytes()
    except OSError:
        return None
    content = sealed[:-_SEAL]
    return content if sealed[-_SEAL:] == _seal(content) else None


def _seal(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def refuse_existing(path: str | Path, *, overwrite: bool) -> None:
    """Check that a file may be written.

    Parameters
    ----------
    path : path
    overwrite : bool
        Whether it may be there.

    Raises
    ------
    CheckpointError
        If it exists and may not be overwritten.
    """
    if Path(path).exists() and not overwrite:
        raise CheckpointError(
            f"{path} exists already: choose another name, or add --force (in Python: "
            "overwrite=True)"
        )


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file in hexadecimal, read piece by piece.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        Length 64.

    Examples
    --------
    >>> file_sha256("/dev/null")[:16]
    'e3b0c44298fc1c14'
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
