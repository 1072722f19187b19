"""Everything that could make two equal runs differ, and what holds it still."""

import os
from dataclasses import dataclass

import torch

from se_probe.images import Workers
from se_probe.training import Recipe

__all__ = ["RandomSource", "sources_of_randomness"]

# The two settings with which cuBLAS gives the same bits, as torch checks them.
_CUBLAS_REPEATABLE = {":4096:8", ":16:8"}


@dataclass(frozen=True)
class RandomSource:
    """One source of randomness.

    Parameters
    ----------
    name : str
    held_by : str
        What pins it, or why nothing can.
    is_pinned : bool
    """

    name: str
    held_by: str
    is_pinned: bool


def sources_of_randomness(
    recipe: Recipe, device: torch.device, *, workers: Workers, own_code: str | None
) -> list[RandomSource]:
    """Sources of randomness of a training, as torch is set now.

    To be called within :func:`~se_probe.running.pinned_numerics`: flags are read off
    torch, not assumed.

    Parameters
    ----------
    recipe : Recipe
    device : torch.device
    workers : int or "auto"
        Processes that read images.
    own_code : str or None
        Function of the reader's own that builds the network.

    Returns
    -------
    list of RandomSource

    References
    ----------
    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    by_epoch = "global state set from (seed, epoch), for the random weights from seed"
    augmentation = recipe.flip or recipe.crop_padding
    sources = [
        RandomSource("Python random", by_epoch, True),
        RandomSource("numpy.random", by_epoch, True),
        RandomSource("torch", by_epoch, True),
        RandomSource("data order", "a generator of (seed, epoch)", True),
        RandomSource(
            "augmentation",
            "a generator of (seed, epoch), drawn by image" if augmentation else "none",
            True,
        ),
        RandomSource("workers", f"{workers}; they only read, and draw nothing", True),
        RandomSource("batch size", str(recipe.batch_size), True),
        *_flags(device),
    ]
    if own_code is not None:
        why = "generators that it makes itself cannot be seen; only the bits can tell"
        sources.append(RandomSource(own_code, why, False))
    return sources


def _flags(device: torch.device) -> list[RandomSource]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    is_deterministic = torch.are_deterministic_algorithms_enabled()
    return [
        RandomSource(
            "algorithms",
            f"deterministic only: {is_deterministic}, torch {torch.__version__}",
            is_deterministic,
        ),
        RandomSource(
            "cuDNN",
            f"deterministic {cudnn.deterministic}, benchmark {cudnn.benchmark}"
            + _unused(device),
            bool(cudnn.deterministic and not cudnn.benchmark),
        ),
        _cublas(device),
        RandomSource(
            "TF32",
            f"cuDNN {cudnn.allow_tf32}, cuBLAS {matmul.allow_tf32}" + _unused(device),
            not (cudnn.allow_tf32 or matmul.allow_tf32),
        ),
        RandomSource("threads", f"{torch.get_num_threads()} on the CPU", True),
    ]


def _cublas(device: torch.device) -> RandomSource:
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG", "not set")
    return RandomSource(
        "cuBLAS",
        f"CUBLAS_WORKSPACE_CONFIG {workspace}{_unused(device)}",
        device.type != "cuda" or workspace in _CUBLAS_REPEATABLE,
    )


def _unused(device: torch.device) -> str:
    return "" if device.type == "cuda" else f" (no part in it: on the {device.type})"
