"""Constants for a whole measurement, and the images that may evaluate them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import Network
from se_probe.errors import BlockNameError
from se_probe.evaluation import held_out
from se_probe.images import LabelledImages
from se_probe.interventions.constants import least_squares_constants
from se_probe.interventions.origin import check_finite, check_record_of
from se_probe.interventions.recorded import recorded_constants
from se_probe.interventions.split import (
    N_CALIBRATING,
    evenly,
    images_of_record,
    keep_apart,
)
from se_probe.progress import Progress

__all__ = ["Calibration", "calibrate"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the gates of a network are frozen at, and on which images that is evaluated.

    Attributes
    ----------
    blocks : tuple of FoundBlock
        In network order.
    constants : mapping of str to Tensor, each of shape (channels,)
        By block name; :func:`calibrate` gives :class:`Constants`.
    judging : LabelledImages
        None of them had a part in the constants.
    n_images : int
        Images that the constants come from.
    method : str
        How they were chosen, as in :class:`Constants`.
    notes : tuple of str
        What the user should hear: images that were left out or skipped.
    """

    blocks: tuple[FoundBlock, ...]
    constants: Mapping[str, Tensor]
    judging: LabelledImages
    n_images: int
    method: str
    notes: tuple[str, ...] = ()


def calibrate(
    network: Network,
    images: LabelledImages,
    gates: xr.DataArray,
    blocks: Sequence[FoundBlock] | None = None,
    *,
    n_calibrating: int = N_CALIBRATING,
    progress: Progress | None = None,
) -> Calibration:
    """Best constants that a record and images allow, and other images to evaluate on.

    Images that are in the record as well are split: one half calibrates, the other
    evaluates (:func:`keep_apart`). Images that the network was pruned or tuned on are
    left out. Where the record holds the energy of the feature maps, it gives
    least-squares constants; else, where all recorded images that calibrate are among
    `images`, the network runs over them once for these; else gates are frozen at their
    mean in the record.

    Parameters
    ----------
    network : Network
    images : LabelledImages
    gates : xr.DataArray, dims (image, channel)
        A record of this network.
    blocks : sequence of FoundBlock, optional
        Default: all that are found.
    n_calibrating : int, default 1000
        The network runs over at most this many images, evenly chosen.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.

    Returns
    -------
    Calibration

    Raises
    ------
    GateRecordError
        If `gates` is of another network, lacks a block, or is empty.
    ImagesError
        If too few images are there to keep apart.
    BlockNameError
        If `blocks` is empty.
    """
    if blocks is None:
        blocks = find_se_blocks(network.model, images.batch(0))
    if not blocks:
        raise BlockNameError("which blocks? Give at least one of the network's")
    check_finite(network)
    check_record_of(network, gates, blocks)
    unseen = held_out(images, [network])
    calibrating, judging = keep_apart(gates, unseen.images)
    known = images_of_record(calibrating, images)
    constants = recorded_constants(calibrating)
    notes = [unseen.note]
    if known is not None and constants.method == "mean":
        chosen = evenly(known, n_calibrating)
        if len(chosen) < len(known):
            notes.append(
                f"{len(chosen):,} of {len(known):,} recorded images calibrate, evenly "
                "chosen"
            )
        constants = least_squares_constants(network, chosen, blocks, progress=progress)
    notes += [f"skipped: {problem}" for problem in constants.skipped]
    return Calibration(
        tuple(blocks),
        constants,
        judging,
        constants.n_images,
        constants.method,
        notes=tuple(filter(None, notes)),
    )
