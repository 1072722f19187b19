"""``se-probe explore``: linked views of a record as a page of this machine."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from se_probe.cli.console import say
from se_probe.cli.options import Flag, NonNegative

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.images import LabelledImages

__all__ = ["explore", "named_images"]


def explore(
    record: Path,
    /,
    *,
    data: Annotated[str | None, Parameter(metavar="DIR")] = None,
    port: NonNegative | None = None,
    no_browser: Flag = False,
) -> None:
    """Show linked views of a gate record in the browser.

    A map of the images, class profiles, a heatmap, single channels with the images that
    open them most and least, and the numbers along the network. The page is served to
    this machine alone, until Ctrl-C. Needs pip install "se-probe[notebook]".

    Parameters
    ----------
    record
        A gate record (RUN.zarr), finished or not.
    data
        The image folder that was recorded, where it lies now. Default: where the record
        says it is. Without images their ids are shown.
    port
        Port of the page; 0 takes any that is free. Default: 5006, or any where that is
        in use.
    no_browser
        Only print the address.
    """
    from se_probe.explore import serve_page
    from se_probe.gates import open_gates

    images = data or named_images(open_gates(record))
    page = serve_page(record, images, port=port)
    print(page.url, flush=True)
    if no_browser or not page.open_browser():
        say("open this address in a browser on this machine; Ctrl-C stops")
    else:
        say("shown in your browser; Ctrl-C stops")
    page.run()


def named_images(record: "xr.DataArray") -> "_NamedSet | None":
    """Images of a data set that is known by name, where the record was made of it."""
    facts = record.attrs.get("images") or {}
    path = facts.get("path")
    has_files = facts.get("kind") == "torchvision" and path and Path(path).is_dir()
    if facts.get("kind") == "built-in" or has_files:
        return _NamedSet(record.attrs)
    return None


class _NamedSet:
    """Images of a data set, opened when the first one is looked at."""

    def __init__(self, attrs: dict[str, Any]) -> None:
        self._attrs = attrs

    @cached_property
    def _opened(self) -> "LabelledImages":
        from se_probe.images import Preprocessing, reopen_images

        preprocessing = Preprocessing.from_dict(self._attrs["preprocessing"])
        return reopen_images(self._attrs["images"], preprocessing)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Id of each image."""
        return self._opened.image_ids

    @property
    def pictures(self) -> Any:
        """What reads them."""
        return self._opened.pictures
