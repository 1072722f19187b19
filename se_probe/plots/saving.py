"""The one place that saves: figures and the tables of their numbers, byte for byte."""

from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

from se_probe.errors import UsageError
from se_probe.plots.style import house_style

__all__ = ["FORMATS", "save", "save_caption", "save_table"]

# What has to be left out of each format for the same figure to give the same bytes.
_NO_DATES: dict[str, dict[str, Any]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}
FORMATS = tuple(suffix.removeprefix(".") for suffix in _NO_DATES)


def save(fig: Figure, path: str | Path) -> Path:
    """Save a figure; the same figure gives the same bytes.

    Parameters
    ----------
    fig : Figure
    path : path
        Ends in .png (200 dots per inch), .pdf or .svg. Folders are made, and a file of
        that name is written over.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the name ends otherwise, or a file is where the folder is to be.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _NO_DATES:
        raise UsageError(
            f"expected a figure's name to end in {', '.join(_NO_DATES)}, got {path}"
        )
    _make_folder_of(path)
    _spell_out(fig)
    # svg files name their clip paths by a random number unless a salt is given.
    with house_style(), matplotlib.rc_context({"svg.hashsalt": "se_probe"}):
        fig.savefig(path, metadata=_NO_DATES[suffix])
    return path


def save_caption(caption: str, path: str | Path) -> Path:
    """Save the caption of a figure as text.

    Parameters
    ----------
    caption : str
    path : path
        Folders are made, and a file of that name is written over.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If a file is where the folder is to be.
    """
    path = Path(path)
    _make_folder_of(path)
    path.write_text(caption, encoding="utf-8")
    return path


def _make_folder_of(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"expected a folder to write {path.name} to, and {path.parent} is a file, "
            "or lies below one: give another folder"
        ) from error


def _spell_out(fig: Figure) -> None:
    """Draw every letter by itself, as matplotlib did before 3.11.

    A ligature, such as the fi of goldfish, is missed by a search for its letters, and
    costs pdf files a second font.
    """
    for text in fig.findobj(Text):
        if hasattr(text, "set_fontfeatures"):
            text.set_fontfeatures(("-liga",))


def save_table(view: xr.Dataset | pd.DataFrame, path: str | Path) -> Path:
    """Save the numbers of a view as csv, with six significant digits.

    Parameters
    ----------
    view : xr.Dataset or pd.DataFrame
        One row per combination of its dims, or a table.
    path : path
        Folders are made, and a file of that name is written over.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If a file is where the folder is to be.
    """
    path = Path(path)
    _make_folder_of(path)
    table = view.to_dataframe().reset_index() if isinstance(view, xr.Dataset) else view
    table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    return path
