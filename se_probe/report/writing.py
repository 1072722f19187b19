"""The page itself: everything gathered, laid out, and written as one file."""

import math
from importlib import resources
from pathlib import Path
from typing import Any

import xarray as xr

from se_probe.errors import MissingPackageError, UsageError
from se_probe.files import write_whole
from se_probe.gates import open_gates
from se_probe.report.contents import Contents, gather
from se_probe.report.plots import live_plots
from se_probe.stats import require_images
from se_probe.thumbnails import PictureSource, Thumbnails

__all__ = ["write_report"]

_COLUMNS = {
    "block": "block",
    "stage": "stage",
    "channels": "channels",
    "parameters": "parameters",
    "separability": "separability",
    "class_share": "class share",
    "input_dependence": "input dependence",
    "saturated_open": "saturated open",
    "saturated_closed": "saturated closed",
}


def write_report(
    record: xr.DataArray | str | Path,
    out: str | Path,
    against: xr.DataArray | str | Path | None = None,
    images: str | Path | PictureSource | None = None,
    *,
    command: str = "",
) -> Path:
    """Write one page about a gate record: a single HTML file, without network.

    What was recorded; what stands out, in words; the figures, readable without
    JavaScript and with it open to hover, zoom and choice; what differs from another
    record; the table of blocks; the images that open the most selective channels of
    the last block most and least; warnings; provenance.

    Parameters
    ----------
    record : xr.DataArray or path
        A gate record, finished or not.
    out : path
        The page; written over if it is there.
    against : xr.DataArray or path, optional
        Another record of the same images, to compare with.
    images : path or PictureSource, optional
        The image folder that was recorded, where it lies now, or what `open_images`
        returned; where the record says by default. Without them ids are shown.
    command : str
        What was typed, for the page.

    Returns
    -------
    Path

    Raises
    ------
    GateRecordError
        If no image was recorded, or the records cannot be compared.
    ImagesError
        If `images` is a folder in which none of the images lies.
    MissingPackageError
        If Jinja2 or Bokeh is not installed.
    CheckpointError
        If the page cannot be written; what was there is untouched.
    UsageError
        If `out` is a folder.
    """
    out = Path(out)
    if out.is_dir():
        raise UsageError(
            f"the page is one file, and {out} is a folder: give a name in it, such as "
            f"{out / 'page.html'}"
        )
    _require_packages()
    labels = _label(record, "this record"), _label(against, "the other record")
    gates = _opened(record)
    require_images(gates)
    contents = gather(
        gates,
        None if against is None else _opened(against),
        Thumbnails(gates, images),
        labels=labels,
        path=None if isinstance(record, xr.DataArray) else str(record),
        command=command,
    )
    page = _laid_out(contents)
    write_whole(out, lambda path: path.write_text(page, encoding="utf-8"))
    return out


def _require_packages() -> None:
    try:
        import bokeh
        import jinja2
    except ImportError as error:
        raise MissingPackageError(
            f'a report needs {error.name}: pip install "se-probe[report]"'
        ) from error
    del bokeh, jinja2


def _opened(record: xr.DataArray | str | Path) -> xr.DataArray:
    return record if isinstance(record, xr.DataArray) else open_gates(record)


def _label(record: xr.DataArray | str | Path | None, otherwise: str) -> str:
    if record is None or isinstance(record, xr.DataArray):
        return otherwise
    return Path(record).name.partition(".")[0]


def _laid_out(contents: Contents) -> str:
    from jinja2 import Environment, StrictUndefined

    folder = resources.files("se_probe.report")
    texts = {
        name: (folder / name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", "page.js")
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["number"] = _number
    template = environment.from_string(texts["page.html"])
    return template.render(
        page=contents,
        live=live_plots(contents.depth, contents.profiles),
        style=texts["page.css"],
        script=texts["page.js"],
        columns=_columns(contents.depth),
        rows=_table(contents.depth),
    )


def _columns(depth: xr.Dataset) -> list[str]:
    return [words for key, words in _COLUMNS.items() if key == "block" or key in depth]


def _table(depth: xr.Dataset) -> list[list[Any]]:
    keys = [key for key in _COLUMNS if key == "block" or key in depth]
    columns = [depth[key].to_numpy().tolist() for key in keys]
    return [list(row) for row in zip(*columns, strict=True)]


def _number(value: Any) -> str:
    if isinstance(value, float):
        return "not known" if math.isnan(value) else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
