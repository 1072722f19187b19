"""Where a gate record lies: a folder, or one zip file of such a folder."""

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

__all__ = [
    "FORMAT",
    "Place",
    "damage",
    "find_place",
    "is_record",
    "reason",
    "remove_record",
    "unreadable",
]

FORMAT = "se_probe gate record 2"  # 1 had no checksums
_MAIN = "gate/zarr.json"


@dataclass(frozen=True)
class Place:
    """A gate record on disk.

    Parameters
    ----------
    path : Path
        A folder or a zip file.
    group : str
        Folder of the record within the zip, "" where it is the zip itself.
    """

    path: Path
    group: str = ""

    @property
    def is_zip(self) -> bool:
        """Whether it can only be read."""
        return self.path.is_file()

    def store(self) -> Store:
        """Zarr store of the folder or zip."""
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
            if not self.is_zip:
                return (self.path / key).read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read("/".join(filter(None, (self.group, key))))
        except Exception as error:  # zipfile raises what the damage leads it to
            raise GateRecordError(unreadable(self.path, key, error)) from error

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
            raise GateRecordError(unreadable(self.path, key, error)) from error


def damage(path: str | Path, what: str) -> str:
    """Sentence for damage that recording cannot mend batch by batch."""
    return (
        f"the gate record {path} is damaged ({what}). Copy it once more if it was "
        "copied, or record it anew, in place of this one"
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
    found = _find(Path(path))
    if found is None:
        if not os.path.lexists(path):
            raise GateRecordError(
                f"there is no gate record at {path}. Write one with `se-probe record`"
            )
        raise GateRecordError(
            f"{path} is not a gate record (a folder that `se-probe record` wrote, or "
            "such a folder as one .zip file)"
        )
    _check_format(found)
    return found


def is_record(path: str | Path) -> bool:
    """Whether a path looks like a gate record on disk."""
    return _find(Path(path)) is not None


def remove_record(path: str | Path) -> None:
    """Delete a gate record from disk; refuse any other file or folder.

    Raises
    ------
    GateRecordError
        If `path` exists and is not a gate record.
    """
    if not Path(path).exists():
        return
    if not is_record(path):
        find_place(path)  # says what it is instead
    if Path(path).is_file():
        Path(path).unlink()
    else:
        shutil.rmtree(path)


def _find(path: Path) -> Place | None:
    _refuse_forbidden(path)
    # One that is there and no file is damage, which reading it tells.
    if _is_there(path / _MAIN):
        return Place(path)
    if path.is_file() and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except Exception:  # whatever the damage leads it to
            return None
        # `zip -r run.zarr.zip run.zarr` puts everything below run.zarr/
        groups = [name[: -len(_MAIN)] for name in names if name.endswith(_MAIN)]
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
    attributes = place.attributes(_MAIN)
    version = re.fullmatch(r"se_probe gate record (\d+)", str(attributes.get("format")))
    newest = int(FORMAT.split()[-1])
    if version and int(version[1]) > newest:
        raise GateRecordError(
            f"{place.path} was written by a newer se_probe (record format "
            f"{version[1]}, this one reads up to {newest}). Upgrade se_probe: "
            "pip install --upgrade se-probe"
        )
