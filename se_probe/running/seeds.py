"""The global random numbers of Python, numpy and torch, pinned together."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Context in which all global random numbers follow from a seed.

    Our own code draws from torch's alone; a network of the reader's own may draw from
    any of them. The states of before come back at the end.

    Parameters
    ----------
    seed : int
        At least 0.
    device : torch.device, optional
        A GPU whose generator is pinned too.

    Examples
    --------
    >>> with seeded(3):
    ...     first = random.random(), np.random.rand(), torch.rand(1)
    >>> with seeded(3):
    ...     first == (random.random(), np.random.rand(), torch.rand(1))
    True
    """
    gpus = [device.index or 0] if device is not None and device.type == "cuda" else []
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=gpus):
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
