"""Tar shards in WebDataset's layout: NAME.jpg beside NAME.cls or NAME.json."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from se_probe.errors import ImagesError
from se_probe.images.decode import decode_picture, decoder
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Mode
from se_probe.images.tar_index import TarIndex, index_of

__all__ = ["find_shards", "shard_pictures"]


def find_shards(source: str | Path) -> list[Path]:
    """Tar files that a source means, sorted by path; none where it means no tar files.

    Parameters
    ----------
    source : str or Path
        A pattern such as "shards/*.tar", a tar file, or a folder with tar files in it
        and no folders.

    Returns
    -------
    list of Path

    Raises
    ------
    ImagesError
        If a pattern of tar files matches none.
    """
    text = os.path.expanduser(source)  # noqa: PTH111 -- a pattern is no path
    path = Path(text)
    if path.is_dir():
        visible = [each for each in path.iterdir() if not each.name.startswith(".")]
        has_folders = any(each.is_dir() for each in visible)
        return [] if has_folders else sorted(p for p in visible if _is_tar(p))
    if path.exists():
        return [path] if _is_tar(path) else []
    if not glob.has_magic(text) or ".tar" not in path.name:
        return []
    found = sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207
    if not found:
        raise ImagesError(f"no tar file matches {str(source)!r}")
    return found


def shard_pictures(source: str | Path, shards: Sequence[Path], mode: Mode) -> Pictures:
    """Pictures of tar files, in the order of the files and of their members.

    The class of a picture is what its ``.cls`` says, or a field of its ``.json``, or
    the folder it lies in within the tar file.

    Parameters
    ----------
    source : str or Path
        What the user named.
    shards : sequence of Path
        From :func:`find_shards`.
    mode : {"RGB", "L"}

    Returns
    -------
    Pictures
        Their ids are the names of the members; where the same one comes twice, after
        the name of the tar file.

    Raises
    ------
    ImagesError
        If a tar file is damaged or compressed, there are no pictures, or the class of
        one is not said.
    """
    indexes = [index_of(shard) for shard in shards]
    members = [name for index in indexes for name in index.names]
    if not members:
        raise ImagesError(
            f"the tar files of {source} hold no pictures; expected NAME.jpg beside "
            "NAME.cls, or CLASS/NAME.jpg"
        )
    said = _classes(shards, indexes)
    numbers = tuple(value for value in said if isinstance(value, int))
    facts = {
        "kind": "shards",
        "name": Path(source).name,
        "path": str(source),
        "split": None,
        "decoder": decoder(mode),
    }
    read = partial(
        _read_member,
        tuple(shards),
        np.repeat(np.arange(len(shards)), [len(index.names) for index in indexes]),
        np.array([offset for index in indexes for offset in index.offsets]),
        np.array([size for index in indexes for size in index.sizes]),
        mode,
    )
    return Pictures(
        facts,
        _image_ids(shards, indexes, members),
        tuple(map(str, said)),
        read,
        labels=numbers if len(numbers) == len(said) else None,
        notes=_notes(shards, indexes),
    )


def _is_tar(path: Path) -> bool:
    return ".tar" in path.suffixes or path.suffix == ".tgz"


def _classes(shards: Sequence[Path], indexes: Sequence[TarIndex]) -> list[int | str]:
    classes: list[int | str] = []
    for shard, index in zip(shards, indexes, strict=True):
        for name, said in zip(index.names, index.classes, strict=True):
            folder = name.rpartition("/")[0].rpartition("/")[2]
            if said is None and not folder:
                stem = name.partition(".")[0]
                raise ImagesError(
                    f"nothing says the class of {name} in {shard}: expected {stem}.cls "
                    f"or {stem}.json beside it, or a folder named by the class"
                )
            classes.append(folder if said is None else said)
    return classes


def _image_ids(
    shards: Sequence[Path], indexes: Sequence[TarIndex], members: list[str]
) -> tuple[str, ...]:
    if len(set(members)) < len(members):
        members = [
            f"{shard.name}/{name}"
            for shard, index in zip(shards, indexes, strict=True)
            for name in index.names
        ]
    name, n = Counter(members).most_common(1)[0]
    if n > 1:
        raise ImagesError(
            f"{name} is there {n} times in the tar files; each picture needs a name of "
            "its own"
        )
    for name in members:
        if not name.isprintable() and any(0xD800 <= ord(c) < 0xE000 for c in name):
            raise ImagesError(
                f"the member name {name!r} is not valid UTF-8, so no record can hold "
                "it; make the tar file again with other names"
            )
    return tuple(members)


def _notes(shards: Sequence[Path], indexes: Sequence[TarIndex]) -> tuple[str, ...]:
    cut = [s.name for s, i in zip(shards, indexes, strict=True) if not i.has_end]
    if not cut:
        return ()
    said = f"{len(cut)} tar files have no end mark (first: {cut[0]})"
    return (f"{said}, so pictures may be missing at their ends",)


def _read_member(
    shards: tuple[Path, ...],
    numbers: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    mode: Mode,
    index: int,
) -> Image.Image:
    path, size = shards[numbers[index]], int(sizes[index])
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(int(offsets[index]))
            data = file.read(size)
    except OSError as error:
        raise ImagesError(
            f"{path} could not be opened ({error.strerror}); mend it or take it out"
        ) from error
    if len(data) < size:
        raise ImagesError(f"{path} has become shorter since it was first read")
    return decode_picture(data, mode)
