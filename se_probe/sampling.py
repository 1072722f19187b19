"""Which of many: some images of each class, evenly chosen; batches by number."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from se_probe.errors import UsageError

__all__ = ["check_batches", "evenly", "some_of_each_class"]


def evenly(members: list[int], n: int | None) -> list[int]:
    """`n` of some numbers, evenly spread from the first to the last; all for None.

    Parameters
    ----------
    members : list of int
    n : int or None

    Returns
    -------
    list of int

    Examples
    --------
    >>> evenly([0, 1, 2, 3, 4], 3)
    [0, 2, 4]
    """
    if n is None or n >= len(members):
        return members
    return [members[i] for i in np.linspace(0, len(members) - 1, n).round().astype(int)]


def some_of_each_class(
    image_ids: Sequence[str],
    class_names: Sequence[str],
    n_per_class: Mapping[str, int | None],
    others: int | None,
) -> list[int]:
    """Positions of some images of each class, evenly chosen from its sorted ids.

    Parameters
    ----------
    image_ids, class_names : sequence of str, length n_images
    n_per_class : mapping of class name to number
        A class with fewer gives all it has; None means all.
    others : int or None
        How many of each class that is not named; None means all.

    Returns
    -------
    list of int
        In ascending order.

    Examples
    --------
    >>> some_of_each_class(["c", "b", "a", "d"], ["x", "x", "x", "y"], {"x": 2}, 0)
    [0, 2]
    """
    positions = defaultdict(list)
    for position, name in enumerate(class_names):
        positions[name].append(position)
    kept: list[int] = []
    for name, members in positions.items():
        members.sort(key=image_ids.__getitem__)
        kept += evenly(members, n_per_class.get(name, others))
    return sorted(kept)


def check_batches(numbers: Sequence[int], n_images: int, batch_size: int) -> None:
    """Check that there are such batches.

    Parameters
    ----------
    numbers : sequence of int
        From 0.
    n_images, batch_size : int

    Raises
    ------
    UsageError
        Naming the first that is not there, and those that are.

    Examples
    --------
    >>> check_batches([0, 4], n_images=500, batch_size=100)
    """
    n_batches = -(-n_images // batch_size)
    for number in numbers:
        if not 0 <= number < n_batches:
            raise UsageError(
                f"there is no batch {number}: {n_images:,} images in batches of "
                f"{batch_size:,} make the batches 0 to {n_batches - 1:,}"
            )
