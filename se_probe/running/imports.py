"""Code of the reader's own, imported by name."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["importable_from_here"]


@contextmanager
def importable_from_here(folder: Path | None = None) -> Iterator[None]:
    """Let modules in a folder, the working folder by default, be imported."""
    here = str(folder or Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
