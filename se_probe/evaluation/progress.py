"""Progress of one part of a longer run."""

from collections.abc import Callable

__all__ = ["Progress", "shifted"]

# Called with how many images have gone through a network, and how many will.
Progress = Callable[[int, int], None]


def shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of a part that begins after `before` of `total` images.

    Returns
    -------
    callable or None
        None where there is nobody to tell.
    """
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
