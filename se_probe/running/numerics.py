"""Pin what would make equal inputs give unequal bits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["pinned_numerics", "served_numerics"]


@contextmanager
def pinned_numerics(threads: int | None = None) -> Iterator[int]:
    """Context in which the same input gives the same bits on the same machine.

    On an accelerator other than CUDA some operations may have no deterministic form:
    torch then warns and continues.

    Deterministic algorithms, no cuDNN benchmarking, no TF32, and a fixed number of CPU
    threads (their number changes the order of sums). All of it is undone at the end.

    Parameters
    ----------
    threads : int, optional
        Default: as torch is set.

    Yields
    ------
    int
        The number of threads.

    References
    ----------
    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    flags = (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32)
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    n_threads = torch.get_num_threads()
    # cuBLAS reads this when it starts; without it torch refuses deterministic products.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        torch.use_deterministic_algorithms(True, warn_only=_is_partly_deterministic())
        cudnn.deterministic, cudnn.benchmark = True, False
        cudnn.allow_tf32, matmul.allow_tf32 = False, False
        torch.set_num_threads(threads or n_threads)
        yield torch.get_num_threads()
    finally:
        torch.use_deterministic_algorithms(was_deterministic, warn_only=only_warned)
        cudnn.deterministic, cudnn.benchmark = flags[:2]
        cudnn.allow_tf32, matmul.allow_tf32 = flags[2:]
        torch.set_num_threads(n_threads)


@contextmanager
def served_numerics() -> Iterator[None]:
    """Context in which torch takes the fastest algorithms, as networks are served.

    Within :func:`pinned_numerics` too; the number of CPU threads stays.

    Yields
    ------
    None
    """
    cudnn = torch.backends.cudnn
    flags = (cudnn.deterministic, cudnn.benchmark)
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        torch.use_deterministic_algorithms(False)
        cudnn.deterministic, cudnn.benchmark = False, True
        yield
    finally:
        torch.use_deterministic_algorithms(was_deterministic, warn_only=only_warned)
        cudnn.deterministic, cudnn.benchmark = flags


def _is_partly_deterministic() -> bool:
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator is not None and accelerator.type != "cuda"
