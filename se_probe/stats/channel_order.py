"""Whether channel k means the same in two records."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import block_channels

__all__ = ["channels_correspond"]

_N_PERMUTATIONS = 999
_LEVEL = 0.01


def channels_correspond(
    first: xr.Dataset,
    second: xr.Dataset,
    blocks: Sequence[str],
    wanted: bool | None = None,
    seed: int = 0,
) -> tuple[bool, str]:
    """Whether channels with the same number are the same channels, and why.

    They are in records of one checkpoint, of two states of one training, and of a
    network before and after pruning; in trainings from other seeds they are numbered
    otherwise. Where the records do not settle it, a permutation test does: numbers that
    mean nothing could be permuted, so that mean gates of channels with the same
    number would be no more alike than those of any two.

    Parameters
    ----------
    first, second : xr.Dataset
        Class moments of the same images.
    blocks : sequence of str
        Those that are compared.
    wanted : bool, optional
        What the caller knows.
    seed : int, default 0
        Of the permutations.

    Returns
    -------
    is_in_order : bool
    reason : str
        The rest of a sentence that says so.

    Raises
    ------
    UsageError
        If channels are said to correspond and a block has not as many in both.
    """
    widths = [
        (name, *(_means(each, name).shape[1] for each in (first, second)))
        for name in blocks
    ]
    other = [each for each in widths if each[1] != each[2]]
    if other and wanted:
        name, n_first, n_second = other[0]
        raise UsageError(
            f"the channels of {name} cannot be in the same order: the first record has "
            f"{n_first:,} of them, the second {n_second:,}"
        )
    if wanted is not None:
        return wanted, "as was asked for"
    if other:
        name, n_first, n_second = other[0]
        widths_differ = f"{n_first:,} channels in one and {n_second:,} in the other"
        return False, f"{name} has {widths_differ}"
    if _sum(first.attrs) and _sum(first.attrs) == _sum(second.attrs):
        return True, "both records are of the same weights"
    if np.array_equal(first["mean"].values, second["mean"].values):
        return True, "mean gates are the same"
    p = _chance(first, second, blocks, seed)
    says = f"permutation test over channels, p = {p:.3g}"
    if p <= _LEVEL:
        return True, f"mean gates of channels with the same number go together ({says})"
    return False, (
        f"mean gates of channels with the same number do not go together ({says})"
    )


def _sum(attrs: Mapping[object, object]) -> object:
    return attrs.get("sha256")


def _chance(
    first: xr.Dataset, second: xr.Dataset, blocks: Sequence[str], seed: int
) -> float:
    """Share of random renumberings in which channels go together as well as here."""
    rng = np.random.default_rng(seed)
    found, drawn = 0.0, np.zeros(_N_PERMUTATIONS)
    for name in blocks:
        one, other = (_centred(_means(each, name)) for each in (first, second))
        products = one.T @ other
        scale = np.sqrt((one**2).sum() * (other**2).sum())
        if scale == 0:
            continue
        at = np.arange(len(products))
        found += float(products[at, at].sum() / scale)
        for k in range(_N_PERMUTATIONS):
            drawn[k] += products[at, rng.permutation(len(at))].sum() / scale
    # Sums of other orders differ by rounding from one that is the same.
    n_as_good = int((drawn >= found - 1e-9).sum())
    return (1 + n_as_good) / (1 + _N_PERMUTATIONS)


def _means(moments: xr.Dataset, block: str) -> npt.NDArray[np.float64]:
    return np.asarray(moments["mean"].values[:, block_channels(moments, block)])


def _centred(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(means - means.mean(axis=1, keepdims=True))
