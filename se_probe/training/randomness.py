"""Random numbers that depend on the seed and the epoch, and on nothing drawn before."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from se_probe.running import seeded

__all__ = ["generator_for", "own_random_numbers"]


def generator_for(seed: int, epoch: int, what: str) -> torch.Generator:
    """Random numbers of an epoch, a stream of their own for each purpose.

    Parameters
    ----------
    seed, epoch : int
        At least 0.
    what : str
        What they are for.

    Returns
    -------
    torch.Generator
        On the CPU, so that every device draws alike.
    """
    entropy = [seed, epoch, *what.encode()]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    # torch takes the upper half of the 64 bits as negative seeds.
    return torch.Generator().manual_seed(int(state) >> 1)


@contextmanager
def own_random_numbers(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Context in which the global random numbers (dropout's) are of an epoch.

    Those of Python, numpy and torch; the states of before come back at the end.

    Parameters
    ----------
    seed, epoch : int
    device : torch.device
    """
    with seeded(generator_for(seed, epoch, "dropout").initial_seed(), device):
        yield
