"""``se-probe explore``: linked views of a record as a page of this machine."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from se_probe.cli.console import say
from se_probe.cli.options import Flag, NonNegative
from se_probe.cli.sources import images_of_record, record_from

__all__ = ["explore"]


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

    images = images_of_record(record_from(record), data)
    page = serve_page(record, images, port=port)
    print(page.url, flush=True)
    if no_browser or not page.open_browser():
        say("open this address in a browser on this machine; Ctrl-C stops")
    else:
        say("shown in your browser; Ctrl-C stops")
    page.run()
