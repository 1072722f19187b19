"""Which of several processes this one is, and which share of a job it was given."""

import os
import re

from se_probe.errors import UsageError

__all__ = ["local_rank", "parse_part", "rank_and_world"]


def rank_and_world(part: tuple[int, int] | None = None) -> tuple[int, int]:
    """Number of this process, from 0, and how many share the work.

    As ``torchrun`` says it (RANK, WORLD_SIZE), or Slurm where ``srun`` started the
    process (SLURM_PROCID, SLURM_NTASKS). Otherwise the process is alone.

    Parameters
    ----------
    part : tuple of int, optional
        Which of how many shares all these processes do together; see
        :func:`parse_part`.

    Returns
    -------
    tuple of int
        0 <= rank < world.

    Raises
    ------
    UsageError
        If the variables or the part make no sense.

    Examples
    --------
    >>> rank_and_world((2, 8))
    (1, 8)
    """
    rank, world = _process()
    k, n = part or (1, 1)
    if not 1 <= k <= n:
        raise UsageError(f"a part is K of N with K from 1 to N, got {k} of {n}")
    return (k - 1) * world + rank, n * world


def local_rank() -> int | None:
    """Number of this process on its machine, from 0; None where it is alone.

    Returns
    -------
    int or None

    Raises
    ------
    UsageError
        If what torchrun or Slurm says is no number.
    """
    if "LOCAL_RANK" in os.environ:
        return _number("LOCAL_RANK")
    return _number("SLURM_LOCALID") if _is_by_srun() else None


def parse_part(text: str) -> tuple[int, int]:
    """Share of a job that somebody typed: "3/8" is the third of eight.

    Parameters
    ----------
    text : str
        K/N, with K from 1 to N.

    Returns
    -------
    tuple of int

    Raises
    ------
    UsageError
        If it is something else.

    Examples
    --------
    >>> parse_part("3/8")
    (3, 8)
    """
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(
            f"a part is K/N with K from 1 to N, such as 3/8 for the third of eight "
            f"shares; got {text!r}"
        )
    return int(match[1]), int(match[2])


def _process() -> tuple[int, int]:
    if {"RANK", "WORLD_SIZE"} & os.environ.keys():
        names = ("RANK", "WORLD_SIZE")
    elif _is_by_srun():
        names = ("SLURM_PROCID", "SLURM_NTASKS")
    else:
        return 0, 1
    rank, world = map(_number, names)
    if rank >= world:
        raise UsageError(
            f"{names[0]} counts from 0 to {names[1]} - 1, got {rank} and {world}"
        )
    return rank, world


def _is_by_srun() -> bool:
    # A batch script has SLURM_PROCID 0 and SLURM_NTASKS too, though it runs once only;
    # the number of a step is set by srun.
    if not {"SLURM_PROCID", "SLURM_NTASKS"} <= os.environ.keys():
        return False
    return "SLURM_STEP_ID" in os.environ or os.environ["SLURM_PROCID"] != "0"


def _number(name: str) -> int:
    value = os.environ.get(name, {"RANK": "0", "WORLD_SIZE": "1"}.get(name, ""))
    if not value.isdecimal():
        raise UsageError(f"{name} must be a whole number, got {value!r}")
    return int(value)
