"""Train a pruned network on, and evaluate it on images that had no part in it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network, weights_sha256
from se_probe.errors import UsageError
from se_probe.evaluation import Accuracy, digest, evaluate, held_out
from se_probe.images import LabelledImages, image_sums, label_images
from se_probe.interventions import with_seen
from se_probe.progress import Progress
from se_probe.training import (
    Distillation,
    EpochResult,
    Recipe,
    check_is_split,
    finetuning_recipe,
    train_network,
)

__all__ = ["Finetuned", "check_finetuning", "finetune_network"]


@dataclass(frozen=True)
class Finetuned:
    """What fine-tuning did, on images that neither pruned nor trained the network.

    Attributes
    ----------
    epochs, n_train, n_test : int
    top1_before : Accuracy or None
    top1_after : float
        Share of the held-out images.
    note : str
        Images that were left out; "" for none.
    partial : Path or None
        Folder with the state after each epoch.
    """

    epochs: int
    n_train: int
    n_test: int
    top1_before: Accuracy | None
    top1_after: float
    note: str = ""
    partial: Path | None = None

    def forget(self) -> None:
        """Delete the state of the training, once the network is saved."""
        if self.partial is not None:
            shutil.rmtree(self.partial, ignore_errors=True)

    def facts(self) -> dict[str, Any]:
        """All of it in plain JSON types; accuracies as shares."""
        before = None if self.top1_before is None else self.top1_before.share
        facts = asdict(self) | {"top1_before": before}
        return {name: value for name, value in facts.items() if name != "partial"}


def check_finetuning(network: Network, train_images: LabelledImages) -> None:
    """Check that a network can be trained on some images, before any work.

    Raises
    ------
    ImagesError
        If they come from a folder without train and test.
    UsageError
        If they are of classes that the network does not know.
    """
    check_is_split(train_images)
    index = label_images(train_images, network.class_names).class_index
    unknown = {train_images.class_names[i] for i in np.flatnonzero(index < 0)}
    if unknown:
        raise UsageError(
            f"the network does not know {len(unknown)} of the classes that it shall be "
            f"trained on (first: {min(unknown)})"
        )


def finetune_network(
    network: Network,
    train_images: LabelledImages,
    test_images: LabelledImages,
    epochs: int,
    *,
    lr: float | None = None,
    distillation: Distillation | None = None,
    seed: int = 0,
    partial: Path | None = None,
    progress: Progress | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> tuple[Network, Finetuned]:
    """Train a pruned network on with a small learning rate, its batch norms frozen.

    Parameters
    ----------
    network : Network
        Its model is trained in place.
    train_images, test_images : LabelledImages
        Both splits of one source. Of the second, those that pruned the network are left
        out.
    epochs : int
    lr : float, optional
        Learning rate. Default: that of
        :func:`~se_probe.training.finetuning_recipe`.
    distillation : Distillation, optional
        Learn from the answers of a teacher too, such as the original network.
    seed : int, default 0
    partial : Path, optional
        Folder in which the state is kept after each epoch. The same call resumes
        there, and ends with the same weights as a run that was not stopped.
    progress, on_epoch : callable, optional
        As for :func:`~se_probe.training.train_network`.

    Returns
    -------
    network : Network
        It keeps that it has seen the training images.
    finetuned : Finetuned

    Raises
    ------
    ImagesError
        If the images are not split in two, or cannot be read.
    UsageError
        If they are not of the network's classes and preprocessing.
    SEProbeError
        If the loss is no longer a number.
    """
    check_finetuning(network, train_images)
    unseen = held_out(test_images, [network])
    before = evaluate(network, unseen.images, n_timed=0).network.top1
    recipe = finetuning_recipe(epochs, seed)
    recipe = recipe if lr is None else replace(recipe, lr=lr)
    both = [train_images, unseen.images]
    folder = _state_folder(partial, network, recipe, distillation, both)
    tuned, history = train_network(
        network,
        train_images,
        unseen.images,
        recipe,
        out=None if folder is None else folder / "tuned.pt",
        resume=folder is not None,
        distillation=distillation,
        progress=progress,
        on_epoch=on_epoch,
    )
    now = {"training": image_sums(train_images)}
    provenance = replace(
        tuned.provenance,
        checkpoint=network.provenance.checkpoint,
        sha256=weights_sha256(unwrap(tuned.model)),
        seen_images=with_seen(network.provenance.seen_images, now),
    )
    return replace(tuned, provenance=provenance), Finetuned(
        epochs,
        len(train_images),
        len(unseen.images),
        before,
        history[-1]["test_accuracy"],
        unseen.note,
        folder,
    )


def _state_folder(
    partial: Path | None,
    network: Network,
    recipe: Recipe,
    distillation: Distillation | None,
    images: Sequence[LabelledImages],
) -> Path | None:
    """Folder of this training and of no other."""
    if partial is None:
        return None
    about = {
        "weights": weights_sha256(unwrap(network.model)),
        "recipe": asdict(recipe),
        "distillation": None if distillation is None else distillation.facts(),
        "images": [each.source for each in images],
        "preprocessing": network.preprocessing.as_dict(),
    }
    folder = partial / digest(about)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
