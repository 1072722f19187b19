"""Which part of an image folder is meant: splits are told from classes."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from se_probe.errors import ImagesError
from se_probe.images.decode import SUFFIXES

__all__ = [
    "FoundSplit",
    "find_split",
    "is_image",
    "visible_folders",
    "walk_images",
]

# What file servers and systems leave beside or between pictures.
_LEFTOVERS = frozenset(
    {
        "@eadir",
        "@recycle",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "__macosx",
        "lost+found",
        "system volume information",
    }
)
_KINDS = {
    "train": {"train", "training", "trn"},
    "test": {"test", "testing", "tst", "eval", "evaluation", "holdout", "heldout"},
    "val": {"val", "valid", "validation", "dev", "development"},
}
# What may stand for the split that was asked for, in order of preference.
_MEANT = {"train": ("train",), "test": ("test", "val"), "val": ("val",)}


@dataclass(frozen=True)
class FoundSplit:
    """Where the pictures of a split lie.

    Parameters
    ----------
    base : Path
        The folder that holds the class folders.
    inner : str
        Folder of the split within each class; "" where there is none.
    note : str
        What is to be said of the choice; "" where there are no splits.
    """

    base: Path
    inner: str = ""
    note: str = ""


def find_split(root: Path, split: str) -> FoundSplit:
    """Where the pictures of a split lie, and what is to be said of the choice.

    Subfolders that are called like splits and hold class folders (or hold the same
    class folders as one that is called so) are splits, also one folder further down.
    A folder that is called like a split and holds pictures is a class. Where a class
    folder itself holds folders called like several splits, they are splits too.

    Parameters
    ----------
    root : Path
    split : str
        "train"; "test", which takes the validation split where there is no other; or a
        split's own name.

    Returns
    -------
    FoundSplit

    Raises
    ------
    ImagesError
        If there is no such split, or it is not clear which one is meant.
    """
    inner_splits = _splits_in_classes(root)
    if inner_splits:
        return _in_each_class(root, inner_splits, split)
    parent, splits = _splits_below(root)
    if not splits:
        if split not in {"train", "test"}:
            raise ImagesError(f"{root} holds no splits, so there is no split {split!r}")
        return FoundSplit(root)
    chosen = _pick(root, splits, split)
    inner = visible_folders(parent / chosen)
    base = parent / chosen
    if len(inner) == 1 and _kind(inner[0]) == _kind(chosen) and _holds(base / inner[0]):
        base = base / inner[0]  # seg_train/seg_train/CLASS
    where = base.relative_to(root).as_posix()
    note = f"{where} is taken of the splits {', '.join(splits)} of {root}"
    return FoundSplit(base, note=note)


def _splits_in_classes(root: Path) -> list[str]:
    """Names of the splits that lie within class folders, CLASS/train and CLASS/val."""
    names = visible_folders(root)
    if all(map(_kind, names)):
        return []  # the splits lie above the classes
    splits: set[str] = set()
    for name in names:
        held = [each for each in visible_folders(root / name) if _kind(each)]
        filled = [each for each in held if _holds_pictures(root / name / each)]
        if len(set(map(_kind, filled))) > 1:
            splits.update(filled)
    return sorted(splits)


def _holds_pictures(folder: Path) -> bool:
    return any(map(is_image, folder.iterdir()))


def _in_each_class(root: Path, splits: list[str], split: str) -> FoundSplit:
    """The split of that name in each class; asked for where classes differ in it."""
    outside = _outside(root, splits)
    if outside and split not in splits:
        raise ImagesError(
            f"the classes of {root} hold the splits {' and '.join(splits)}, but "
            f"{outside} lies in none of them. Give --split {splits[0]} or another of "
            "them to take it alone, or move the pictures outside of them"
        )
    chosen = _pick(root, splits, split)
    note = (
        f"{chosen} is taken of the splits {', '.join(splits)} in each class of {root}"
    )
    empty = [
        name
        for name in visible_folders(root)
        if not (root / name / chosen).is_dir()
        or not walk_images(root / name / chosen, root)
    ]
    if empty:
        note += f"; no pictures of it, so left out: {', '.join(empty)}"
    return FoundSplit(root, chosen, note)


def _outside(root: Path, splits: list[str]) -> str:
    """First picture that lies in a class and in none of its splits; "" for none."""
    for name in visible_folders(root):
        for path in walk_images(root / name, root):
            if path.relative_to(root).parts[1] not in splits:
                return path.relative_to(root).as_posix()
    return ""


def _splits_below(root: Path) -> tuple[Path, list[str]]:
    """Names of the splits in a folder, or in the only one of its folders with any."""
    splits = _splits_in(root)
    if splits:
        return root, splits
    inner = visible_folders(root)
    if len(inner) == 1 and not any(map(is_image, (root / inner[0]).iterdir())):
        splits = _splits_in(root / inner[0])
        if len(splits) > 1:
            return root / inner[0], splits
    return root, []


def _splits_in(folder: Path) -> list[str]:
    names = visible_folders(folder)
    called_so = [name for name in names if _kind(name)]
    if not called_so:
        return []
    classes = {name: set(visible_folders(folder / name)) for name in names}
    alike = [
        name
        for name in names
        if any(classes[name] & classes[o] for o in called_so if o != name)
    ]
    if alike:
        return sorted({*alike, *(name for name in called_so if classes[name])})
    if len(called_so) > 1 or (names == called_so and classes[called_so[0]]):
        return called_so
    return []


def _pick(root: Path, splits: list[str], split: str) -> str:
    """The split that was asked for by its kind or its own name."""
    if split in splits:
        return split
    asked = next((kind for kind, words in _KINDS.items() if split in words), "")
    for kind in _MEANT.get(asked, ()):
        found = [name for name in splits if _kind(name) == kind]
        if len(found) > 1:
            raise ImagesError(
                f"{root} holds several splits that may be meant by {split!r}: "
                f"{', '.join(found)}. Give one of them as the split"
            )
        if found:
            return found[0]
    raise ImagesError(
        f"{root} holds {' and '.join(splits)}, but nothing for the split {split!r}. "
        f"Give one of them as the split"
    )


def _kind(name: str) -> str:
    """Kind of split that a folder is called like; "" for none."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    return next((kind for kind, known in _KINDS.items() if words & known), "")


def _holds(folder: Path) -> bool:
    return bool(visible_folders(folder))


def visible_folders(folder: Path) -> list[str]:
    """Names of a folder's subfolders, sorted, without hidden ones and leftovers."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _is_visible(path))


def _is_visible(path: Path) -> bool:
    return _is_plain_name(path.name) and path.is_dir()


def _is_plain_name(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _LEFTOVERS


def is_image(path: Path) -> bool:
    """Whether a file is called like a picture, and not hidden."""
    return not path.name.startswith(".") and path.suffix.lower() in SUFFIXES


def walk_images(folder: Path, root: Path) -> list[Path]:
    """Pictures in a folder, however deep, sorted; links are followed, loops are not.

    Parameters
    ----------
    folder : Path
        Somewhere below `root`.
    root : Path

    Returns
    -------
    list of Path
    """
    above = {os.path.realpath(folder.parent), os.path.realpath(root)}
    return sorted(_walk(folder, frozenset(above)), key=Path.as_posix)


def _walk(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:
        return  # a link to a folder that it lies in
    for path in folder.iterdir():
        if path.is_dir():
            if _is_plain_name(path.name):
                yield from _walk(path, above | {real})
        elif is_image(path):
            yield path
