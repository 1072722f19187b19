"""What the gates of SE blocks carry: exchange them, and measure what that does."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import Network
from se_probe.errors import BlockNameError
from se_probe.images import LabelledImages
from se_probe.interventions.constants import Constants
from se_probe.interventions.donors import Donors, draw_donors
from se_probe.interventions.effects import EXTENTS, effects
from se_probe.interventions.intervention import Exchange, Intervention
from se_probe.interventions.measure import ask_interventions, result_store
from se_probe.interventions.origin import check_finite, check_record_of
from se_probe.interventions.recorded import recorded_constants
from se_probe.interventions.same_images import check_same_images
from se_probe.interventions.treatments import TREATMENTS, Treatment
from se_probe.progress import Progress

__all__ = ["exchange_gates"]


def exchange_gates(
    network: Network,
    images: LabelledImages,
    gates: xr.DataArray,
    blocks: Sequence[FoundBlock] | None = None,
    *,
    seed: int = 0,
    share: bool = True,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> xr.Dataset:
    """How far a network moves when its gates are exchanged for others.

    The treatments are `identity` (gates are 1), `frozen` (constants, from
    :func:`recorded_constants`), `class_mean` (mean over the other recorded images of
    the image's own class), `same_class` (the gates of another image of its class) and
    `other_class` (of an image of another class). Each block is treated alone, and in
    growing sets from the classifier backwards and from the input forwards, all on the
    same images.
    The record is the bank of donors. Images whose class has one recorded image only are
    left out.

    Parameters
    ----------
    network : Network
    images : LabelledImages
        Among those of the record.
    gates : xr.DataArray, dims (image, channel)
        A record of this network and these images.
    blocks : sequence of FoundBlock, optional
        In network order. Default: all that are found.
    seed : int, default 0
        Of the donors.
    share : bool, default True
        Run layers that treatments have in common once; False runs the whole network for
        each.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.
    folder : Path, optional
        Where partial results are kept, so that a killed run resumes.

    Returns
    -------
    xr.Dataset
        Along (extent, block, treatment), where extent is "alone", "to_output" (the
        block and all after it) or "from_input" (the block and all before it): `kl`,
        mean KL(original || changed) in nats per image, `agreement`, `top1_change` (-1
        to 1), `mcnemar_p`, the last two NaN where no class is known. Along (extent,
        block): `class_kl`, mean of KL(other_class) - KL(same_class) per image;
        `became_donor`, share of images whose prediction becomes the donor's class under
        `other_class`, out of `n_donors_known`, and `became_donor_chance`, the same had
        the donors been drawn again after the predictions. Names with `_low` and `_high`
        are 95 % intervals. Along (image,): `same_class_donor` and `other_class_donor`.
        Attributes tell on how many images (`n_images`, `n_single`, `n_unrecorded`).

    Raises
    ------
    GateRecordError
        If the record is of another network, other images or another preprocessing.
    ImagesError
        If the record lacks some of the images, or there are too few of a class.
    BlockNameError
        If there are no blocks.
    UsageError
        If the network gives no class scores.
    """
    blocks = list(
        find_se_blocks(network.model, images.batch(0)) if blocks is None else blocks
    )
    if not blocks:
        raise BlockNameError("which blocks? Give at least one of the network's")
    check_finite(network)
    check_record_of(network, gates, blocks)
    donors = draw_donors(gates, images, seed)
    check_same_images(network, gates, donors.images, donors.own, blocks)
    constants = recorded_constants(gates)
    values = _values(donors, blocks, constants)
    answers = ask_interventions(
        network,
        donors.images,
        [one for _, one in _interventions(blocks, values)],
        progress=progress,
        store=result_store(network, donors.images, folder),
        needs_classes=False,
        share=share,
    )
    return effects(network, donors, blocks, answers, constants.method)


def _values(
    donors: Donors, blocks: Sequence[FoundBlock], constants: Constants
) -> dict[Treatment, Mapping[str, Tensor] | Exchange | None]:
    return {
        "identity": None,
        "frozen": constants,
        "class_mean": donors.exchange("class_mean", blocks),
        "same_class": donors.exchange("same_class", blocks),
        "other_class": donors.exchange("other_class", blocks),
    }


def _interventions(
    blocks: Sequence[FoundBlock],
    values: Mapping[Treatment, Mapping[str, Tensor] | Exchange | None],
) -> list[tuple[tuple[str, str, Treatment], Intervention]]:
    """All that is done, in the order of the result's dims."""
    n = len(blocks)
    sets = {
        "alone": [blocks[i : i + 1] for i in range(n)],
        "to_output": [blocks[i:] for i in range(n)],
        "from_input": [blocks[: i + 1] for i in range(n)],
    }
    return [
        ((extent, block.name, treatment), Intervention(members, values[treatment]))
        for extent in EXTENTS
        for block, members in zip(blocks, sets[extent], strict=True)
        for treatment in TREATMENTS
    ]
