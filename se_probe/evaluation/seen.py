"""Images that a network has not seen: those that may evaluate it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from se_probe.checkpoints import Network
from se_probe.images import LabelledImages, image_sums

__all__ = ["HeldOut", "held_out"]

# What images of this use did for a network is small: they decided how many of its
# blocks went, and gave neither constants nor weights.
_JUDGED = "judging"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Images to evaluate a network on, without those that it has learned from.

    Attributes
    ----------
    images : LabelledImages
        All that were given, where nothing would be left.
    n_seen : int
        Images that were left out, or would have been.
    note : str
        What the user should hear; "" where no image was seen.
    """

    images: LabelledImages
    n_seen: int = 0
    note: str = ""


def held_out(images: LabelledImages, networks: Sequence[Network]) -> HeldOut:
    """Images that none of some networks was calibrated, chosen or tuned on.

    An image is known by the sum of its bytes, so also under another name.

    Parameters
    ----------
    images : LabelledImages
    networks : sequence of Network
        Their `provenance.seen_images` says what they have seen.

    Returns
    -------
    HeldOut
        Where only images are left that evaluated how many blocks may go, those; where
        nothing is left, all of them, with a note that warns.
    """
    seen = _seen_sums(networks)
    if not seen or not len(images):
        return HeldOut(images)
    uses = [seen.get(number, set()) for number in image_sums(images).values()]
    unseen = [i for i, use in enumerate(uses) if not use]
    only_judged = [i for i, use in enumerate(uses) if use <= {_JUDGED}]
    n_all, n_seen = len(images), len(images) - len(unseen)
    if not n_seen:
        return HeldOut(images)
    if unseen:
        note = (
            f"{n_seen:,} of {n_all:,} images were left out: the network was "
            "calibrated, chosen or trained on them"
        )
        return HeldOut(_chosen(images, unseen), n_seen, note)
    if only_judged:
        n_left_out = n_all - len(only_judged)
        note = (
            f"{n_left_out:,} of {n_all:,} images were left out, on which the network "
            "was calibrated, chosen or trained; the others decided how many blocks "
            "were removed, so accuracy on them is slightly optimistic"
        )
        return HeldOut(_chosen(images, only_judged), n_left_out, note)
    note = (
        f"all {n_all:,} images were used to calibrate, choose or train this network, "
        "so it looks better on them than on others; give other images"
    )
    return HeldOut(images, n_seen, note)


def _seen_sums(networks: Sequence[Network]) -> dict[str, set[str]]:
    """What each image known by its sum was used for."""
    seen: dict[str, set[str]] = {}
    for network in networks:
        uses: Mapping[str, Mapping[str, str]] = network.provenance.seen_images
        for use, sums in uses.items():
            for number in filter(None, sums.values()):
                seen.setdefault(number, set()).add(use)
    return seen


def _chosen(images: LabelledImages, positions: Sequence[int]) -> LabelledImages:
    return replace(images, pictures=images.pictures.chosen(positions))
