"""Where the files of a named data set were when a checkpoint was trained.

A checkpoint says the name of the data set it was trained on, but not where its files
are: that is no business of those it is given to. On the machine that trained it, this
is remembered here.
"""

import json
from contextlib import suppress
from pathlib import Path

from se_probe.cache.folder import cache_folder
from se_probe.files import write_whole

__all__ = ["remember_root", "remembered_root", "roots_folder"]


def remember_root(sha256: str, root: str | Path) -> None:
    """Remember the folder of a checkpoint's data set.

    Parameters
    ----------
    sha256 : str
        Of the checkpoint's file.
    root : path
    """
    content = json.dumps(str(Path(root).resolve()))
    write_whole(_path(sha256), lambda part: part.write_text(content, encoding="utf-8"))


def remembered_root(sha256: str) -> str | None:
    """Folder of a checkpoint's data set, where it is known and still there.

    Parameters
    ----------
    sha256 : str
        Of the checkpoint's file.

    Returns
    -------
    str or None
    """
    with suppress(OSError, ValueError, TypeError):
        root = str(json.loads(_path(sha256).read_text(encoding="utf-8")))
        return root if Path(root).is_dir() else None
    return None


def roots_folder() -> Path:
    """Where the folders of data sets are kept."""
    return cache_folder() / "roots"


def _path(sha256: str) -> Path:
    return roots_folder() / f"{sha256[:16]}.json"
