"""What exchanged gates did to a network's answers, laid out block by block."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.blocks import FoundBlock
from se_probe.checkpoints import Network
from se_probe.evaluation import Answers
from se_probe.gates import recorded
from se_probe.interventions.donors import Donors
from se_probe.interventions.measure import measured_on
from se_probe.interventions.treatments import TREATMENTS
from se_probe.stats import wilson_interval

__all__ = ["EXTENTS", "effects"]

# Which gates are exchanged together: those of one block, of it and all up to the
# classifier, of it and all from the input on.
EXTENTS = ("alone", "to_output", "from_input")
_DIMS = ("extent", "block", "treatment")
_MEASURES = (
    "kl",
    "agreement",
    "top1_change",
    "top1_change_low",
    "top1_change_high",
    "mcnemar_p",
)


def effects(
    network: Network,
    donors: Donors,
    blocks: Sequence[FoundBlock],
    answers: Answers,
    constants: str,
) -> xr.Dataset:
    """Measures of every extent, block and treatment; see :func:`exchange_gates`.

    Parameters
    ----------
    network : Network
    donors : Donors
    blocks : sequence of FoundBlock
    answers : Answers
        The first is the unaltered network; then extent by extent, block by block.
    constants : str
        How those of `frozen` were chosen.

    Returns
    -------
    xr.Dataset
    """
    shape = (len(EXTENTS), len(blocks), len(TREATMENTS))
    ids = donors.gates["image_id"].values
    columns = {
        **_costs(answers, shape),
        **_became(donors, answers, shape),
        "same_class_donor": ("image", ids[donors.same_class]),
        "other_class_donor": ("image", ids[donors.other_class]),
    }
    coords = {
        "extent": list(EXTENTS),
        "block": [block.name for block in blocks],
        "treatment": list(TREATMENTS),
        "stage": ("block", [block.stage for block in blocks]),
        "image_id": ("image", ids[donors.own]),
    }
    about = measured_on(network, donors.images, answers) | {
        "sha256": network.provenance.sha256,
        "n_single": donors.n_single,
        "n_unrecorded": donors.n_unrecorded,
        "n_classes": len(set(donors.class_names)),
        "constants": constants,
        "seed": donors.seed,
    }
    return xr.Dataset(columns, coords=coords, attrs=about)


def _costs(answers: Answers, shape: tuple[int, int, int]) -> dict[str, Any]:
    rows = [vars(answers.difference(n + 1)) for n in range(int(np.prod(shape)))]
    columns: dict[str, Any] = {
        name: (_DIMS, np.array([row[name] for row in rows], float).reshape(shape))
        for name in _MEASURES
    }
    kl = answers.kl[1:].reshape(*shape, -1)
    _, low, high = _mean_interval(kl)
    columns |= {"kl_low": (_DIMS, low), "kl_high": (_DIMS, high)}
    other, same = (
        kl[:, :, TREATMENTS.index(name)] for name in ("other_class", "same_class")
    )
    for name, value in zip(
        ("", "_low", "_high"), _mean_interval(other - same), strict=True
    ):
        columns[f"class_kl{name}"] = (_DIMS[:2], value)
    return columns


def _became(
    donors: Donors, answers: Answers, shape: tuple[int, int, int]
) -> dict[str, Any]:
    """How often a prediction becomes the donor's class, and by chance."""
    is_read, index = answers.is_read, donors.gates["class_index"].values
    # Of a network whose classes are not known no class of an image is one.
    has_classes = bool((answers.class_index >= 0).any())
    donor = index[donors.other_class]
    known = is_read & (donor >= 0) & has_classes
    altered = answers.predicted[1:].reshape(*shape, -1)
    altered = altered[:, :, TREATMENTS.index("other_class")][..., known]
    has_moved = (altered != answers.predicted[0, known]) & (altered >= 0)
    counts = (has_moved & (altered == donor[known])).sum(axis=-1)
    chance = has_moved * _share_of_donors(donors, altered, known)
    n = int(known.sum())
    ends = [wilson_interval(int(k), n) if n else (np.nan,) * 2 for k in counts.flat]
    low, high = np.array(ends).T.reshape(2, *counts.shape)
    nan = np.full(counts.shape, np.nan)
    return {
        "became_donor": (_DIMS[:2], counts / n if n else nan),
        "became_donor_low": (_DIMS[:2], low),
        "became_donor_high": (_DIMS[:2], high),
        "became_donor_chance": (_DIMS[:2], chance.mean(axis=-1) if n else nan),
        "n_donors_known": n,
    }


def _share_of_donors(
    donors: Donors, predicted: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Share of an image's possible donors that are of the class predicted for it."""
    gates = donors.gates
    bank = gates.isel(image=recorded(gates))
    index, names = bank["class_index"].values, bank["class_name"].values
    own_names = donors.class_names[known]
    n_own = dict(zip(*np.unique(names, return_counts=True), strict=True))
    n_donors = len(names) - np.array([n_own[name] for name in own_names])
    n_classes = int(max(index.max(initial=0), predicted.max(initial=0))) + 1
    n_of = np.bincount(index[index >= 0], minlength=n_classes)
    is_own = predicted == gates["class_index"].values[donors.own][known]
    shares: npt.NDArray[np.float64] = np.where(is_own, 0, n_of[predicted]) / n_donors
    return shares


def _mean_interval(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], ...]:
    """Mean over images (the last axis), and its 95 % interval (normal)."""
    values = values[..., ~np.isnan(values).all(axis=tuple(range(values.ndim - 1)))]
    n = (~np.isnan(values)).sum(axis=-1)
    mean = np.nansum(values, axis=-1) / np.maximum(n, 1)
    squares = np.nansum((values - mean[..., None]) ** 2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = 1.96 * np.sqrt(squares / (n - 1) / n)
    return mean, mean - reach, mean + reach
