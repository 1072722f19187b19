"""Which batches a process does, and in which order.

Each process takes its share first and then what is still pending of others, so the
record gets whole whoever is slow or was killed. There are no locks: a batch that two
processes write at the same time gets the same bits twice.
"""

from collections.abc import Iterator, Sequence

import zarr

from se_probe.gates import is_pending

__all__ = ["N_AHEAD", "own_share", "rounds"]

# Batches of others that are begun at a time: they may be read and then not needed, but
# worker processes are started again for every round.
N_AHEAD = 16


def own_share(pending: Sequence[int], rank: int, world: int) -> list[int]:
    """Batches of a process: those whose number leaves its rank when divided by world.

    Parameters
    ----------
    pending : sequence of int
    rank, world : int

    Returns
    -------
    list of int

    Examples
    --------
    >>> own_share([0, 1, 4, 5], rank=1, world=4)
    [1, 5]
    """
    return [number for number in pending if number % world == rank]


def rounds(
    group: zarr.Group, pending: Sequence[int], rank: int, world: int, *, has_begun: bool
) -> Iterator[list[int]]:
    """Batches to do next: the own share, then a few of the others' at a time.

    A process without a rank that finds the record begun may not be alone: whoever began
    it perhaps still goes forwards. So all batches count as another's.

    Parameters
    ----------
    group : zarr.Group
        The record, in which other processes may write too.
    pending : sequence of int
        Batches that were not done when this process began.
    rank, world : int
        Number of this process, and of all.
    has_begun : bool
        Whether this process created the record.

    Yields
    ------
    list of int
    """
    own = own_share(pending, rank, world) if has_begun or world > 1 else []
    if own:
        yield own
    left = _from_the_end(sorted(set(pending) - set(own)), rank, world)
    while left:
        left = [number for number in left if is_pending(group, number)]
        if left:
            yield left[:N_AHEAD]
        left = left[N_AHEAD:]


def _from_the_end(numbers: list[int], rank: int, world: int) -> list[int]:
    """Backwards, because their own process goes forwards; each from another place."""
    backwards = numbers[::-1]
    start = rank * len(backwards) // world
    return backwards[start:] + backwards[:start]
