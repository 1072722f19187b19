"""How far a network moves when gates are held, for any number of choices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network, weights_sha256
from se_probe.evaluation import Answers, ResultStore, ask, digest
from se_probe.images import LabelledImages, image_sums
from se_probe.interventions.intervention import Intervention
from se_probe.interventions.together import Together
from se_probe.progress import Progress
from se_probe.running import evaluating, pinned_numerics

__all__ = [
    "ask_interventions",
    "measure_interventions",
    "measured_on",
    "result_store",
]

_MEASURES = (
    "kl",
    "agreement",
    "top1_change",
    "top1_change_low",
    "top1_change_high",
    "mcnemar_p",
)


def result_store(
    network: Network, images: LabelledImages, folder: Path | None
) -> ResultStore:
    """Place for what is measured with these weights on these images, in this precision.

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
    device = next(model.parameters()).device.type
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
            "device": device,
            "precision": _precision(device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
    )


def _precision(device: str) -> str:
    """Numbers that networks compute in now."""
    if torch.is_autocast_enabled(device):
        return str(torch.get_autocast_dtype(device))
    return "fp32"


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
        To evaluate on; not those that the constants come from.
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
    answers = ask_interventions(
        network, images, interventions, progress=progress, store=store
    )
    rows = [vars(answers.difference(n + 1)) for n in range(len(interventions))]
    columns = {
        name: ("intervention", np.array([row[name] for row in rows], dtype=float))
        for name in _MEASURES
    }
    return xr.Dataset(columns, attrs=measured_on(network, images, answers))


def measured_on(
    network: Network, images: LabelledImages, answers: Answers
) -> dict[str, Any]:
    """What was measured, and on which images, in plain JSON types.

    Returns
    -------
    dict
        `architecture`, `checkpoint`, `images`, `n_images`, `n_known`, and `top1` of the
        unaltered network, None where no class is known.
    """
    right, model = answers.right(0), unwrap(network.model)
    return {
        "architecture": network.architecture or type(model).__name__,
        "checkpoint": network.provenance.checkpoint,
        "images": images.source,
        "n_images": int(answers.is_read.sum()),
        "n_known": len(right),
        "top1": float(right.mean()) if len(right) else None,
    }


def ask_interventions(
    network: Network,
    images: LabelledImages,
    interventions: Sequence[Intervention],
    *,
    progress: Progress | None = None,
    store: ResultStore | None = None,
    needs_classes: bool = True,
    share: bool = True,
) -> Answers:
    """Answers of a network and of interventions on it to the same images.

    Layers that interventions share are run once for all of them, where that gives the
    same answers; see :class:`Together`.

    Parameters
    ----------
    network : Network
    images : LabelledImages
    interventions : sequence of Intervention
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.
    store : ResultStore, optional
        Answers to these images that are known already.
    needs_classes : bool, default True
        As in :func:`~se_probe.evaluation.ask`.
    share : bool, default True
        False runs the whole network for each intervention.

    Returns
    -------
    Answers
        The first is the unaltered network.

    Raises
    ------
    ImagesError
        If there are no images.
    BlockError
        If a block's constants are missing or of another shape.
    """
    model = unwrap(network.model)
    names = ["original", *(one.name for one in interventions)]
    with pinned_numerics(), evaluating(model):
        return ask(
            network,
            images,
            Together(model, interventions, share=share),
            progress,
            names=names,
            store=store,
            needs_classes=needs_classes,
        )
