"""What progress is: how much is done, of how much."""

from collections.abc import Callable

__all__ = ["Progress", "shifted"]

# Called with how many images (or other units of work) are done, and how many there are.
Progress = Callable[[int, int], None]


def shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of a part that begins after `before` of `total` units.

    Parameters
    ----------
    progress : callable or None
        Progress of the whole.
    before : int
        Units that are done when the part begins.
    total : int
        Units of the whole.

    Returns
    -------
    callable or None
        None where there is nobody to tell.

    Examples
    --------
    >>> second_half = shifted(lambda done, total: print(done, "of", total), 50, 100)
    >>> second_half(10, 50)
    60 of 100
    """
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
