"""Write the picture of a network to a file."""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from se_probe.diagram.look import new_graph
from se_probe.errors import MissingPackageError, SEProbeError, UsageError

if TYPE_CHECKING:
    import graphviz

__all__ = ["FORMATS", "check_drawable", "save_diagram"]

FORMATS = ("svg", "png", "pdf")


def check_drawable(path: str | Path) -> None:
    """Check that a picture of this name can be written here.

    Raises
    ------
    UsageError
        If the name ends in something else than .svg, .png or .pdf.
    MissingPackageError
        If the Python package graphviz or the program dot is not installed.
    """
    if Path(path).suffix.lower().removeprefix(".") not in FORMATS:
        raise UsageError(
            f"expected the picture's name to end in .{', .'.join(FORMATS)}, got {path}"
        )
    new_graph()
    if shutil.which("dot") is None:
        raise MissingPackageError(
            "drawing a network needs the program dot, which is not installed: it comes "
            "with the package graphviz (Debian: apt install graphviz; macOS: brew "
            "install graphviz)"
        )


def save_diagram(graph: "graphviz.Digraph", path: str | Path) -> Path:
    """Write a picture; the same network gives the same bytes.

    Parameters
    ----------
    graph : graphviz.Digraph
        From :func:`draw_network`.
    path : path
        Ends in .svg, .png or .pdf. Folders are made, and a file of that name is written
        over.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the name ends otherwise.
    MissingPackageError
        If the program dot is not installed.
    SEProbeError
        If it cannot be written.
    """
    check_drawable(path)
    path = Path(path)
    picture: bytes = graph.pipe(format=path.suffix.lower().removeprefix("."))
    # A date of another length would move what the file's own index points at.
    picture = re.sub(rb"(/CreationDate \(D:)\d{14}", rb"\g<1>19700101000000", picture)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except OSError as error:
        raise SEProbeError(f"{path} could not be written: {error.strerror}") from error
    return path
