"""Image folders: one subfolder per class, named by the class or its wnid."""

import re
from functools import partial
from pathlib import Path

from PIL import Image

from se_probe.errors import ImagesError
from se_probe.images.decode import SUFFIXES, decode_picture, decoder
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Mode
from se_probe.images.splits import (
    FoundSplit,
    find_split,
    is_image,
    visible_folders,
    walk_images,
)

__all__ = ["folder_pictures"]


def folder_pictures(folder: str | Path, split: str, mode: Mode) -> Pictures:
    """Pictures of a folder, sorted by class, then by name.

    Parameters
    ----------
    folder : str or Path
        ``folder/CLASS/picture.jpg``, or deeper below the class. Where it holds splits
        such as ``train`` and ``valid`` instead, `split` chooses. Hidden files and
        folders, and what file servers leave (``@eaDir``, ``lost+found``), are passed
        over; links are followed, but not in circles.
    split : str
        "train", "test" or a split's own name; see :func:`find_split`.
    mode : {"RGB", "L"}

    Returns
    -------
    Pictures
        Their ids are paths relative to `folder`, with forward slashes.

    Raises
    ------
    ImagesError
        If the folder is not there, or not built like that.
    """
    root = Path(folder).expanduser()
    _check_is_folder(root)
    try:
        found = find_split(root, split)
        rows = _list_images(root, found)
    except OSError as error:
        raise ImagesError(
            f"{error.filename} could not be listed ({error.strerror})"
        ) from error
    _check_names(rows)
    _check_depth(root, rows)
    facts = {
        "kind": "folder",
        "name": root.resolve().name,
        "path": str(folder),
        "split": split if found.note else None,
        "decoder": decoder(mode),
    }
    image_ids, class_names = zip(*rows, strict=True)
    read = partial(_read_file, root, image_ids, mode)
    notes = (found.note,) if found.note else ()
    return Pictures(facts, image_ids, class_names, read, notes=notes)


def _check_is_folder(root: Path) -> None:
    if root.is_file():
        raise ImagesError(
            f"{root} is a file; expected a folder with one subfolder per class. "
            "If it is an archive, unpack it first"
        )
    if not root.is_dir():
        raise ImagesError(f"there is no image folder {root}")


def _list_images(root: Path, found: FoundSplit) -> list[tuple[str, str]]:
    """Path below `root` and class of each image, sorted by class, then by path."""
    base = found.base
    folders = {name: base / name / found.inner for name in _class_folders(base)}
    rows = [
        (path.relative_to(root).as_posix(), name)
        for name, folder in folders.items()
        if folder.is_dir()
        for path in walk_images(folder, root)
    ]
    if not rows:
        raise ImagesError(
            f"the subfolders of {base} hold no images ({_known_suffixes()})"
        )
    return rows


def _class_folders(base: Path) -> list[str]:
    content = list(base.iterdir())
    loose = [path.name for path in content if is_image(path) and not path.is_dir()]
    if loose:
        raise ImagesError(
            f"{len(loose)} images lie directly in {base} (first: {min(loose)}), so "
            "their class is not known; move each into a subfolder named by its class "
            "or wnid"
        )
    names = visible_folders(base)
    if not names:
        raise ImagesError(
            f"{base} holds no images; expected one subfolder per class, named by the "
            f"class or its wnid, with image files in it ({_known_suffixes()})"
        )
    return names


def _known_suffixes() -> str:
    return " ".join(sorted(SUFFIXES))


def _check_depth(root: Path, rows: list[tuple[str, str]]) -> None:
    """Refuse a folder too far up: its "classes" would hold the real ones."""
    for image_id, class_name in rows:
        folder = Path(image_id).parent
        if _is_wnid(folder.name) and not _is_wnid(class_name):
            raise ImagesError(
                f"the subfolders of {root} are not classes, but hold folders named by "
                f"wnid; did you mean {root / folder.parent}?"
            )


def _is_wnid(name: str) -> bool:
    return re.fullmatch(r"n\d{8}", name) is not None


def _check_names(rows: list[tuple[str, str]]) -> None:
    for image_id, _ in rows:
        try:
            image_id.encode()
        except UnicodeEncodeError:
            raise ImagesError(
                f"the file name {image_id!r} is not valid UTF-8, so no record can hold "
                "it; rename the file"
            ) from None


def _read_file(
    root: Path, image_ids: tuple[str, ...], mode: Mode, index: int
) -> Image.Image:
    path = root / image_ids[index]
    try:
        data = path.read_bytes()
    except OSError as error:
        # Not the picture's fault, so no reason to continue without it: a disk that went
        # away would leave a record full of skipped images.
        raise ImagesError(
            f"{path} could not be opened ({error.strerror}); mend it or take it out of "
            "the folder"
        ) from error
    return decode_picture(data, mode)
