"""Ways into the explorer: in a notebook, and as a local page."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from se_probe.errors import MissingPackageError
from se_probe.gates import open_gates
from se_probe.stats import require_images
from se_probe.thumbnails import PictureSource, Thumbnails

if TYPE_CHECKING:
    from se_probe.explore.notebook import Explorer
    from se_probe.explore.page import PageServer

__all__ = ["explore", "serve_page"]


def explore(
    record: str | Path | xr.DataArray,
    images: str | Path | PictureSource | None = None,
) -> "Explorer":
    """Linked views of a gate record, in a notebook.

    A map of the images, class profiles, a heatmap, one channel by class with the images
    that open it most and least, and the numbers along the network. What is chosen in
    one shows in all.

    Parameters
    ----------
    record : path or xr.DataArray, dims (image, channel)
        A gate record, or the folder or zip file that holds one; finished or not.
    images : path or PictureSource, optional
        The image folder, where it lies now, or what `open_images` returned. Where the
        record says they are by default; ids are shown where they are not at hand.

    Returns
    -------
    Explorer
        Shown where it is the last line of a cell. Its `selection` are the chosen
        images, as rows of the record.

    Raises
    ------
    GateRecordError
        If there is no gate record, or no image of it was recorded.
    ImagesError
        If the images are not those of the record.
    MissingPackageError
        If Bokeh or jupyter_bokeh is not installed.
    """
    _require("bokeh", "jupyter_bokeh")
    from se_probe.explore.notebook import Explorer

    return Explorer(*_opened(record, images))


def serve_page(
    record: str | Path | xr.DataArray,
    images: str | Path | PictureSource | None = None,
    *,
    port: int | None = None,
) -> "PageServer":
    """Linked views of a gate record as a page of this machine.

    Parameters
    ----------
    record, images
        As for :func:`explore`.
    port : int, optional
        Of the page's address; 0 takes any that is free. 5006 by default, or any other
        where that is in use.

    Returns
    -------
    PageServer
        Started; its `run` answers until it is stopped.

    Raises
    ------
    GateRecordError
        If there is no gate record, or no image of it was recorded.
    ImagesError
        If the images are not those of the record.
    MissingPackageError
        If Bokeh is not installed.
    UsageError
        If the port is in use.
    """
    _require("bokeh")
    from se_probe.explore.page import PageServer

    gates, thumbnails, path = _opened(record, images)
    name = path.name if path else "gate record"
    folder = str(Path("figures") / (path.stem if path else "explore"))
    return PageServer(gates, thumbnails, name=name, path=path, folder=folder, port=port)


def _opened(
    record: str | Path | xr.DataArray, images: str | Path | PictureSource | None
) -> tuple[xr.DataArray, Thumbnails, Path | None]:
    path = None if isinstance(record, xr.DataArray) else Path(record)
    gates = record if isinstance(record, xr.DataArray) else open_gates(record)
    require_images(gates)
    return gates, Thumbnails(gates, images), path


def _require(*packages: str) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"the explorer needs {' and '.join(missing)}, which is not installed: "
            'pip install "se-probe[notebook]"'
        )
