"""Where a gate record lies: a folder, one zip file of such a folder, or a URL."""

import errno
import json
import os
import re
import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zarr.abc.store import Store
from zarr.storage import LocalStore, ZipStore

from se_probe.errors import GateRecordError
from se_probe.gates.remote import remote_path, url_of

__all__ = [
    "FORMAT",
    "MAIN",
    "Place",
    "damage",
    "find_place",
    "is_record",
    "reason",
    "remove_record",
    "unreadable",
]

FORMAT = "se_probe gate record 2"  # 1 had no checksums
MAIN = "gate/zarr.json"  # by this file a record is known


@dataclass(frozen=True)
class Place:
    """A gate record on disk.

    Parameters
    ----------
    path : Path
        A folder or a zip file.
    group : str
        Folder of the record within the zip, "" where it is the zip itself.
    url : str
        Of a record that is no local one, for which `path` says nothing; "" else.
    """

    path: Path
    group: str = ""
    url: str = ""

    @property
    def where(self) -> str:
        """What messages call it."""
        return self.url or str(self.path)

    @property
    def is_zip(self) -> bool:
        """Whether it can only be read."""
        return not self.url and self.path.is_file()

    def store(self) -> Store:
        """Zarr store of the folder, zip or URL."""
        if self.url:
            return remote_path(self.url).store()
        return ZipStore(self.path) if self.is_zip else LocalStore(self.path)

    def read(self, key: str) -> bytes:
        """Bytes of a file of the record.

        Returns
        -------
        bytes

        Raises
        ------
        GateRecordError
            If it is missing or cannot be read.
        """
        try:
            if self.url:
                return remote_path(self.url).read(key)
            if not self.is_zip:
                return (self.path / key).read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read("/".join(filter(None, (self.group, key))))
        except Exception as error:  # zipfile raises what the damage leads it to
            raise GateRecordError(unreadable(self.where, key, error)) from error

    def attributes(self, key: str) -> dict[str, Any]:
        """Attributes in one of the record's ``zarr.json`` files.

        Returns
        -------
        dict

        Raises
        ------
        GateRecordError
            If the file is missing or damaged.
        """
        content = self.read(key)
        try:
            return dict(json.loads(content).get("attributes", {}))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise GateRecordError(unreadable(self.where, key, error)) from error


def damage(path: str | Path, what: str) -> str:
    """Sentence for damage that recording cannot mend batch by batch."""
    return (
        f"the gate record {path} is damaged ({what}). Copy it once more if it was "
        "copied, or record it again in place of this one"
    )


def unreadable(path: str | Path, key: str, error: Exception) -> str:
    """Sentence for a file of a record that cannot be read: forbidden, or damaged."""
    what = f"{key}: {reason(error)}"
    if isinstance(error, PermissionError):
        return f"the gate record {path} cannot be read ({what})"
    return damage(path, what)


def reason(error: Exception) -> str:
    """What an error says, in one line and without the path and number of an OSError."""
    said = error.strerror if isinstance(error, OSError) else None
    return (said or str(error)).partition("\n")[0] or type(error).__name__


def find_place(path: str | Path) -> Place:
    """Gate record at a path.

    Returns
    -------
    Place

    Raises
    ------
    GateRecordError
        If there is none, or one of a later format.
    """
    found = _find(path)
    if found is None:
        if url_of(path) or not os.path.lexists(path):
            raise GateRecordError(
                f"there is no gate record at {url_of(path) or path}. Write one with "
                "`se-probe record`"
            )
        raise GateRecordError(
            f"{path} is not a gate record (a folder that `se-probe record` wrote, or "
            "such a folder as one .zip file)"
        )
    _check_format(found)
    return found


def is_record(path: str | Path) -> bool:
    """Whether a path or URL looks like a gate record."""
    return _find(path) is not None


def remove_record(path: str | Path) -> None:
    """Delete a gate record; refuse any other file or folder.

    Raises
    ------
    GateRecordError
        If `path` exists and is not a gate record.
    """
    url = url_of(path)
    if url:
        if is_record(url):
            remote_path(url).remove()
        return
    if not Path(path).exists():
        return
    if not is_record(path):
        find_place(path)  # says what it is instead
    if Path(path).is_file():
        Path(path).unlink()
    else:
        shutil.rmtree(path)


def _find(path: str | Path) -> Place | None:
    url = url_of(path)
    if url:
        return Place(Path(url), url=url) if remote_path(url).exists(MAIN) else None
    return _find_local(Path(path))


def _find_local(path: Path) -> Place | None:
    _refuse_forbidden(path)
    # One that is there and no file is damage, which reading it tells.
    if _is_there(path / MAIN):
        return Place(path)
    if path.is_file() and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except Exception:  # whatever the damage leads it to
            return None
        # `zip -r run.zarr.zip run.zarr` puts everything below run.zarr/
        groups = [name[: -len(MAIN)] for name in names if name.endswith(MAIN)]
        if groups:
            return Place(path, min(groups, key=len).rstrip("/"))
    return None


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except PermissionError as error:
        raise GateRecordError(f"{path} cannot be read: {error.strerror}") from error
    except OSError:
        return False
    return True


def _refuse_forbidden(path: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
        if not os.access(path, os.R_OK | (os.X_OK if is_folder else 0)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except PermissionError as error:
        raise GateRecordError(f"{path} cannot be read: {error.strerror}") from error
    except OSError:  # it is not there, or links in a circle
        return


def _check_format(place: Place) -> None:
    attributes = place.attributes(MAIN)
    version = re.fullmatch(r"se_probe gate record (\d+)", str(attributes.get("format")))
    newest = int(FORMAT.split()[-1])
    if version and int(version[1]) > newest:
        raise GateRecordError(
            f"{place.where} was written by a newer se_probe (record format "
            f"{version[1]}, this one reads up to {newest}). Upgrade se_probe: "
            "pip install --upgrade se-probe"
        )
