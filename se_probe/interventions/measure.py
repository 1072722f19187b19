"""How far a network moves when gates are held, for any number of choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor, nn

from se_probe.blocks import FoundBlock, held_gates, unwrap
from se_probe.checkpoints import Network
from se_probe.evaluation import Forward, ask
from se_probe.images import LabelledImages
from se_probe.progress import Progress
from se_probe.running import evaluating, pinned_numerics

__all__ = ["Intervention", "measure_interventions"]

_MEASURES = (
    "kl",
    "agreement",
    "top1_change",
    "top1_change_low",
    "top1_change_high",
    "mcnemar_p",
)


@dataclass(frozen=True)
class Intervention:
    """Blocks whose gates are held, and at what.

    Attributes
    ----------
    blocks : sequence of FoundBlock
    constants : mapping of str to Tensor, each of shape (channels,), optional
        By block name; None is the identity.
    """

    blocks: Sequence[FoundBlock]
    constants: Mapping[str, Tensor] | None = None


def measure_interventions(
    network: Network,
    images: LabelledImages,
    interventions: Sequence[Intervention],
    *,
    progress: Progress | None = None,
) -> xr.Dataset:
    """How far a network moves when gates are held, for any number of choices.

    Every image is read once and goes through the network 1 + n_interventions times.
    The network is left as it was.

    Parameters
    ----------
    network : Network
    images : LabelledImages
        To judge on; not those that the constants come from.
    interventions : sequence of Intervention
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.

    Returns
    -------
    xr.Dataset, dims (intervention,)
        `kl`, mean KL(original || changed) in nats per image; `agreement`, share of
        images with the same prediction; `top1_change`, changed minus original accuracy
        (-1 to 1), with its 95 % Bonett-Price interval `top1_change_low`,
        `top1_change_high` and exact `mcnemar_p`. NaN where nothing is known. As
        attributes `top1` of the unaltered network, `n_images`, `n_known` (of a class
        that the network knows), and where both come from.

    Raises
    ------
    ImagesError
        If there are no images.
    BlockError
        If a block's constants are missing or of another shape.
    """
    model = unwrap(network.model)
    forwards: list[Forward] = [model, *(_changed(model, one) for one in interventions)]
    with pinned_numerics(), evaluating(model):
        answers = ask(network, images, forwards, progress)
    numbers = range(1, len(forwards))
    rows = [vars(answers.difference(number)) for number in numbers]
    columns = {
        name: ("intervention", np.array([row[name] for row in rows], dtype=float))
        for name in _MEASURES
    }
    right = answers.right(0)
    attrs = {
        "architecture": network.architecture or type(model).__name__,
        "checkpoint": network.provenance.checkpoint,
        "images": images.source,
        "n_images": int(answers.is_read.sum()),
        "n_known": len(right),
        "top1": float(right.mean()) if len(right) else None,
    }
    return xr.Dataset(columns, attrs=attrs)


def _changed(model: nn.Module, intervention: Intervention) -> Forward:
    def forward(pixels: Tensor) -> Any:
        with held_gates(model, intervention.blocks, intervention.constants):
            return model(pixels)

    return forward
