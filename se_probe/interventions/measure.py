"""How far a network moves when gates are held, for any number of choices."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from se_probe.blocks import FoundBlock, held_gates, unwrap
from se_probe.checkpoints import Network, weights_sha256
from se_probe.evaluation import Forward, ResultStore, ask, digest
from se_probe.images import LabelledImages, image_sums
from se_probe.progress import Progress
from se_probe.running import evaluating, pinned_numerics

__all__ = ["Intervention", "measure_interventions", "result_store"]

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

    @property
    def name(self) -> str:
        """The same for the same blocks at the same constants, and no other."""
        return digest([[b.path, b.occurrence, self._sum(b)] for b in self.blocks])

    def _sum(self, block: FoundBlock) -> str:
        if self.constants is None:
            return "identity"
        value = self.constants.get(block.name)
        if value is None:
            return "missing"
        return hashlib.sha256(value.double().numpy().tobytes()).hexdigest()


def result_store(
    network: Network, images: LabelledImages, folder: Path | None
) -> ResultStore:
    """Place for what is measured with these weights on these images.

    Parameters
    ----------
    network : Network
    images : LabelledImages
    folder : Path, optional
        For partial results of any network and images; None keeps them in memory.

    Returns
    -------
    ResultStore
    """
    model = unwrap(network.model)
    return ResultStore(
        folder,
        {
            "weights": weights_sha256(model),
            "removed": [dict(b) for b in network.provenance.removed_blocks],
            "label_set": network.class_names.spec,
            "images": images.source,
            "sums": digest(image_sums(images)) if folder is not None else "",
            "preprocessing": images.preprocessing.as_dict(),
            "batch_size": images.batch_size,
            "device": next(model.parameters()).device.type,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
    )


def measure_interventions(
    network: Network,
    images: LabelledImages,
    interventions: Sequence[Intervention],
    *,
    progress: Progress | None = None,
    store: ResultStore | None = None,
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
    store : ResultStore, optional
        Answers to these images that are known already, from :func:`result_store`; they
        are not computed again.

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
        names = ["original", *(one.name for one in interventions)]
        answers = ask(network, images, forwards, progress, names=names, store=store)
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
