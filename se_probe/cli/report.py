"""``se-probe report``: one page about a gate record."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from se_probe.cli.sources import images_of_record, record_from

__all__ = ["report"]


def report(
    record: Path,
    /,
    *,
    out: Annotated[Path, Parameter(metavar="PAGE.html")],
    against: Annotated[Path | None, Parameter(metavar="RUN.zarr")] = None,
    data: Annotated[str | None, Parameter(metavar="DIR")] = None,
) -> None:
    """Write one page about a gate record: figures, words, tables, in a single file.

    The page needs no network and opens from disk; its figures can be read without
    JavaScript and answer to the mouse with it. Needs pip install "se-probe[report]".

    Parameters
    ----------
    record
        A gate record (RUN.zarr), finished or not.
    out
        The page.
    against
        Another record of the same images, to compare with.
    data
        The image folder that was recorded, where it lies now. Default: where the record
        says it is. Without images their ids are shown.
    """
    from se_probe.report import write_report

    images = images_of_record(record_from(record), data)
    command = shlex.join(["se-probe", *sys.argv[1:]])
    print(write_report(record, out, against, images, command=command))
