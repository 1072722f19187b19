"""Code of the reader's own, imported by name."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["importable_from_here"]


@contextmanager
def importable_from_here() -> Iterator[None]:
    """Let modules in the working folder be imported, as in a plain Python session."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
