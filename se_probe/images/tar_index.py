"""Where each picture lies in a tar file, found once and kept.

Read with ``tarfile`` of Python alone: it tells the offset of each member, and an
uncompressed tar file needs no more to be read at any place. WebDataset itself reads
tar files as streams, and gives no offsets.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from se_probe.cache import tar_indexes_folder
from se_probe.errors import ImagesError
from se_probe.files import read_sealed, write_sealed
from se_probe.images.decode import SUFFIXES

__all__ = ["TarIndex", "index_of"]

_FORMAT = 2
_BLOCK = 512
# Fields of a sample's json that say its class, the first one found.
_FIELDS = ("cls", "class_name", "class", "wnid", "label", "class_index")


@dataclass
class TarIndex:
    """Pictures of one tar file, in its order.

    Parameters
    ----------
    names : list of str
        Of the members, such as ``cat/0001.jpg``.
    offsets, sizes : list of int
        In bytes, of the picture files within the tar file.
    classes : list of int, str or None
        What the sample's ``.cls`` or ``.json`` says; None where there is neither.
    has_end : bool
        Whether the file ends as a tar file should.
    """

    names: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    classes: list[int | str | None] = field(default_factory=list)
    has_end: bool = True

    def only(self, kept: list[int]) -> "TarIndex":
        """Some of the pictures, by position."""
        columns = (self.names, self.offsets, self.sizes, self.classes)
        return TarIndex(*([column[i] for i in kept] for column in columns))  # type: ignore[arg-type]


def index_of(path: Path) -> TarIndex:
    """Index of a tar file: the one that was kept, where size and time are the same.

    Parameters
    ----------
    path : Path

    Returns
    -------
    TarIndex

    Raises
    ------
    ImagesError
        If it cannot be read, is compressed or damaged.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise ImagesError(f"{path} cannot be read ({error.strerror})") from error
    stamp = [_FORMAT, str(path.resolve()), facts.st_size, facts.st_mtime_ns]
    kept = _place(path)
    with suppress(ValueError, TypeError, KeyError):
        content = json.loads(read_sealed(kept) or b"{}")
        if content["stamp"] == stamp:
            return TarIndex(**content["index"])
    index = _read(path)
    text = json.dumps({"stamp": stamp, "index": asdict(index)})
    with suppress(Exception):  # without a cache it is read again the next time
        write_sealed(kept, text.encode())
    return index


def _place(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    return tar_indexes_folder() / f"{name}.json"


def _read(path: Path) -> TarIndex:
    try:
        with tarfile.open(path, "r:") as tar:
            index = _of_members(tar)
            index.has_end = _ends(tar, path)
            return index
    except tarfile.TarError as error:
        if _is_compressed(path):
            raise ImagesError(
                f"{path} is compressed, so its pictures cannot be read one by one; "
                "decompress it (gunzip, unzstd), which costs no space for JPEGs"
            ) from error
        raise ImagesError(
            f"{path} is damaged or no tar file ({error}); make or copy it again"
        ) from error
    except OSError as error:
        raise ImagesError(f"{path} cannot be read ({error.strerror})") from error


def _of_members(tar: tarfile.TarFile) -> TarIndex:
    index, said = TarIndex(), dict[str, int | str]()
    keys: list[str] = []
    suffixes: list[str] = []
    for member in _files(tar):
        key, suffix = _parts(member.name)
        if f".{suffix.rpartition('.')[2]}" in SUFFIXES:
            index.names.append(member.name)
            index.offsets.append(member.offset_data)
            index.sizes.append(member.size)
            keys.append(key)
            suffixes.append(suffix)
        elif suffix in {"cls", "json"}:
            found = _class_said(_content(tar, member), suffix, f"{tar.name!s}: {key}")
            if found is not None and (suffix == "cls" or key not in said):
                said[key] = found
    index.classes = [said.get(key) for key in keys]
    # NAME.seg.png is a mask where there is NAME.jpg, and a picture where there is not.
    samples = list(zip(keys, suffixes, strict=True))
    plain = {key for key, suffix in samples if "." not in suffix}
    return index.only(
        [
            i
            for i, (key, suffix) in enumerate(samples)
            if "." not in suffix or key not in plain
        ]
    )


def _files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Members that are files and not hidden; none is kept in memory."""
    for member in tar:
        tar.members = []  # type: ignore[attr-defined]
        parts = member.name.removeprefix("./").split("/")
        is_hidden = any(part.startswith(".") for part in parts) or "__MACOSX" in parts
        if member.isreg() and not member.issparse() and not is_hidden:
            member.name = "/".join(parts)
            yield member


def _parts(name: str) -> tuple[str, str]:
    """Key of a sample and what follows its first dot, as WebDataset splits a name."""
    folder, slash, last = name.rpartition("/")
    stem, _, suffix = last.partition(".")
    return f"{folder}{slash}{stem}", suffix.lower()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file is not None else b""


def _class_said(content: bytes, suffix: str, where: str) -> int | str | None:
    try:
        value: Any = content.decode("utf-8").strip()
        if suffix == "json":
            said = json.loads(value)
            fields = said if isinstance(said, dict) else {}
            value = next((fields[k] for k in _FIELDS if fields.get(k) is not None), "")
    except ValueError as error:
        raise ImagesError(f"{where}.{suffix} is no text that says a class") from error
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    is_class = isinstance(value, int | str) and not isinstance(value, bool)
    return value if is_class and value != "" else None


def _ends(tar: tarfile.TarFile, path: Path) -> bool:
    """Whether the end mark is there; refuses what follows the last good member."""
    with path.open("rb") as file:
        file.seek(tar.offset)
        block = file.read(_BLOCK)
    if block.strip(b"\0"):
        raise tarfile.ReadError(f"no member begins at byte {tar.offset:,}")
    return bool(block)


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(6)
    return start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
