"""Some batches of a gate record, recorded again and compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import Network
from se_probe.errors import GateRecordError, ImagesError, UsageError
from se_probe.gates import CONTEXT, State, block_facts, check_readable, check_whole
from se_probe.images import LabelledImages
from se_probe.progress import Progress, shifted
from se_probe.record import record_gates
from se_probe.reproduce.changes import (
    identity_changes,
    machine_changes,
    preprocessing_changes,
)
from se_probe.reproduce.differences import BlockDifference, Differences
from se_probe.reproduce.rebuild import rows_as_recorded
from se_probe.sampling import evenly
from se_probe.settings import Change

__all__ = ["TOLERANCES", "Verification", "verify_record"]

# Largest difference of two gates between kinds of machines and versions. Measured with
# se_lenet, tf_efficientnetv2_b0 and seresnet50 between AVX-512, AVX2 and SSE kernels,
# batches of 1, 7 and 16 images, 1 and 2 threads and both memory formats: at most 2.1e-6
# in fp32, and 0.012 in bf16, whose steps between 0.5 and 1 are 0.004. Gates of other
# weights differ by tenths.
TOLERANCES = {"fp32": 1e-4, "bf16": 5e-2}
# Numbers that differ so little may be rounded to neighbours, which are so far apart.
_ROUNDING = {"float16": 2**-11}

_GROUP_BYTES = 64 * 2**20
_N_KEPT = 100


@dataclass(frozen=True)
class Verification:
    """What came out when batches of a record were recorded again.

    Parameters
    ----------
    batches : tuple of int
        Numbers of those recorded again.
    n_batches, n_images : int
        In the record.
    n_checked, n_pending, n_skipped, n_nan : int
        Images recorded again; of the whole record those not recorded yet, unreadable
        ones, and those for which the network gave NaN.
    changes : tuple of Change
        Of what may not change: checkpoint, class names, image list.
    states : tuple of Change
        Images that could be read then and cannot now, gave NaN, or the reverse.
    preprocessing : tuple of Change
        What the checkpoint now says otherwise than the record, whose own was used.
    machine : tuple of Change
        What may change the rounding: device, threads, versions.
    tolerance : float
        Difference of gates that is let pass: 0 on the same machine and versions.
    blocks : tuple of BlockDifference
    n_differing, n_beyond, n_predictions : int
        Images of which a bit differs, those beyond the tolerance, and those with
        another prediction.
    images : tuple of dict
        `image_id`, `block` and `difference` of the images that differ most, at most
        100 of them, the largest difference first.
    """

    batches: tuple[int, ...]
    n_batches: int
    n_images: int
    n_checked: int
    n_pending: int
    n_skipped: int
    n_nan: int
    changes: tuple[Change, ...]
    states: tuple[Change, ...]
    preprocessing: tuple[Change, ...]
    machine: tuple[Change, ...]
    tolerance: float
    blocks: tuple[BlockDifference, ...]
    n_differing: int
    n_beyond: int
    n_predictions: int
    images: tuple[dict[str, Any], ...]

    @property
    def is_bit_identical(self) -> bool:
        """Whether every gate that was recorded again has the same bits."""
        return not self.n_differing

    @property
    def largest(self) -> BlockDifference:
        """The block with the largest difference."""
        return max(self.blocks, key=lambda block: block.largest)

    @property
    def is_verified(self) -> bool:
        """Whether nothing has changed and the gates are within the tolerance."""
        return not (self.changes or self.states or self.n_beyond)

    def facts(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "is_verified": self.is_verified,
            "is_bit_identical": self.is_bit_identical,
            "largest_difference": self.largest.largest,
            "largest_difference_block": self.largest.block,
            **asdict(self),
        }


def verify_record(
    record: xr.DataArray,
    network: Network,
    images: LabelledImages,
    *,
    batches: int | None = 5,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Record some batches again, as the record says it was done, and compare.

    Each batch is run whole and at its size, because the batch an image sits in changes
    its rounding. The record itself is only read.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record, finished or not.
    network : Network
    images : LabelledImages
        With the record's preprocessing and batch size.
    batches : int or None, default 5
        How many, evenly spread over those that are done; None means all.
    threads : int, optional
        CPU threads; default: the record's.
    progress : callable, optional
        Called with the number of images done and of all.

    Returns
    -------
    Verification

    Raises
    ------
    GateRecordError
        If nothing was recorded yet, or of a network with other SE blocks; if the
        record is damaged anywhere, or a selection.
    ImagesError
        If of no batch all images are still there.
    UsageError
        If the number of batches, or the size of a batch, is invalid.
    """
    check_whole(record)
    check_readable(record)
    attrs = record.attrs
    size = int(attrs["batch_size"])
    if images.batch_size != size:
        raise UsageError(
            f"expected batches of {size} images as in the record, got "
            f"{images.batch_size}"
        )
    chosen = _chosen(_whole_batches(record, images, size), batches)
    n_checked = len(_rows(record, chosen, size))
    found = Differences(record)
    now: Mapping[str, Any] = {}
    blocks: Sequence[FoundBlock] | None = None
    for group in _groups(chosen, size * record.sizes["channel"]):
        old = record.isel(image=_rows(record, group, size)).load()
        part = rows_as_recorded(images, list(old["image_id"].values))
        if blocks is None:
            blocks = find_se_blocks(network.model, part.batch(0))
            _check_blocks(record, blocks)
        fresh = record_gates(
            network,
            part,
            blocks,
            precision=attrs.get("precision", "fp32"),
            compile=attrs.get("compile", False),
            context=[n for n in CONTEXT if n in attrs.get("context", "")],
            dtype=attrs.get("dtype", "float32"),
            threads=threads or attrs.get("threads"),
            progress=shifted(progress, found.n_images, n_checked),
        )
        found.add(old, fresh)
        now = fresh.attrs
    return _verification(record, network, images, chosen, found, now)


def _whole_batches(
    record: xr.DataArray, images: LabelledImages, size: int
) -> list[int]:
    """Numbers of the batches that are done and whose images are all still there."""
    state, ids = record["state"].values, record["image_id"].values
    starts = range(0, len(state), size)
    done = [
        k
        for k, start in enumerate(starts)
        if (state[start : start + size] != State.NOT_RECORDED).all()
    ]
    if not done:
        raise GateRecordError(
            "no batch of the record is done yet; resume it with `se-probe record`"
        )
    there = set(images.image_ids)
    whole = [k for k in done if there.issuperset(ids[k * size : (k + 1) * size])]
    if not whole:
        gone = next(name for name in ids if name not in there)
        raise ImagesError(
            f"of no batch all images are still there (first missing: {gone}); say with "
            "--data where the images are now"
        )
    return whole


def _chosen(numbers: list[int], n: int | None) -> list[int]:
    if n is not None and n < 1:
        raise UsageError(f"expected at least 1 batch, or all of them, got {n}")
    return evenly(numbers, n)


def _groups(numbers: list[int], n_gates: int) -> Iterator[list[int]]:
    """As many batches at a time as keep memory bounded."""
    step = max(1, _GROUP_BYTES // (4 * n_gates))
    for start in range(0, len(numbers), step):
        yield numbers[start : start + step]


def _rows(
    record: xr.DataArray, numbers: list[int], size: int
) -> npt.NDArray[np.integer]:
    rows = [np.arange(k * size, (k + 1) * size) for k in numbers]
    joined = np.concatenate(rows)
    return joined[joined < record.sizes["image"]]


def _check_blocks(record: xr.DataArray, blocks: Sequence[FoundBlock]) -> None:
    then = [(fact["name"], int(fact["channels"])) for fact in block_facts(record)]
    now = [(block.name, block.channels) for block in blocks]
    if then != now:
        raise GateRecordError(
            f"the network has other SE blocks than the record: {_listed(then)} then, "
            f"{_listed(now)} now. Is --ckpt the record's network?"
        )


def _listed(blocks: Sequence[tuple[str, int]]) -> str:
    ends = [f"{name} ({channels})" for name, channels in (blocks[0], blocks[-1])]
    return f"{len(blocks)} from {ends[0]} to {ends[1]}"


def _verification(
    record: xr.DataArray,
    network: Network,
    images: LabelledImages,
    chosen: list[int],
    found: Differences,
    now: Mapping[str, Any],
) -> Verification:
    then, state = record.attrs, record["state"].values
    machine = machine_changes(then, now, images)
    tolerance = TOLERANCES[then.get("precision", "fp32")] if machine else 0.0
    tolerance += _ROUNDING.get(then.get("dtype", "float32"), 0.0) if machine else 0.0
    ordered = sorted(found.images, key=lambda image: -float(image["difference"]))
    return Verification(
        batches=tuple(chosen),
        n_batches=-(-len(state) // int(then["batch_size"])),
        n_images=len(state),
        n_checked=found.n_images,
        n_pending=int((state == State.NOT_RECORDED).sum()),
        n_skipped=int((state == State.SKIPPED).sum()),
        n_nan=int((state == State.NAN).sum()),
        changes=identity_changes(record, now, network, images),
        states=tuple(found.states),
        preprocessing=preprocessing_changes(then, network),
        machine=machine,
        tolerance=tolerance,
        blocks=found.blocks,
        n_differing=len(ordered),
        n_beyond=sum(image["difference"] > tolerance for image in ordered),
        n_predictions=found.n_predictions,
        images=tuple(ordered[:_N_KEPT]),
    )
