"""Training itself: epochs over images until the recipe is done."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network, weights_sha256
from se_probe.errors import SEProbeError, UsageError
from se_probe.images import LabelledImages
from se_probe.monitor import GateMonitor
from se_probe.progress import Progress
from se_probe.running import (
    autocast,
    class_scores,
    describe_output,
    evaluating,
    pinned_numerics,
)
from se_probe.training.augment import crop_and_flip, draw_shifts_and_flips
from se_probe.training.distillation import Distillation, softened_divergence
from se_probe.training.health import gate_health_of, watch_health
from se_probe.training.memory import trained_memory_format
from se_probe.training.meter import Meter
from se_probe.training.optimizers import (
    freeze_batch_norm,
    make_optimizer,
    make_schedule,
)
from se_probe.training.pixels import HELD_BYTES, LabelledPixels, PixelBatch
from se_probe.training.randomness import generator_for, own_random_numbers
from se_probe.training.recipes import Recipe
from se_probe.training.state import (
    EpochResult,
    History,
    RunFiles,
    check_same_run,
    describe_run,
    is_done,
    training_metrics,
)

__all__ = ["train_network"]

# Images among which are two different ones, to find the SE blocks with.
_N_PROBED = 16


def train_network(
    network: Network,
    train_images: LabelledImages,
    test_images: LabelledImages,
    recipe: Recipe,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    held_bytes: int = HELD_BYTES,
    distillation: Distillation | None = None,
    progress: Progress | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> tuple[Network, History]:
    """Train a network's model; the same call gives the same weights, bit for bit.

    Parameters
    ----------
    network : Network
        Its model is trained in place, on the device it is on, and left in evaluation
        mode.
    train_images, test_images : LabelledImages
        With classes of the network. The held-out ones are looked at after each epoch,
        and decide only which epoch is kept as the best, and with `recipe.stop_at` when
        to stop.
    recipe : Recipe
    out : path, optional
        Network after the last epoch; beside it are ``<stem>_best<suffix>`` and, until
        training is done, ``<stem>_resume<suffix>``. None writes nothing.
    resume : bool, default False
        Resume the training in `out`, if there is one. Nothing is trained if it is
        done.
    overwrite : bool, default False
        Start over if there are files of `out`.
    threads : int, optional
        CPU threads. Their number changes the last float bits, so a training that goes
        on keeps its own. Default: as torch is set.
    held_bytes : int, default 2**30
        Pixels up to this size are decoded once and held in memory.
    distillation : Distillation, optional
        A teacher to learn from beside the labels.
    progress : callable, optional
        Called with the training images done and those of all epochs.
    on_epoch : callable, optional
        Called with each epoch's result, once it is saved.

    Returns
    -------
    network : Network
        The same model, with `provenance.metrics` telling of the training.
    history : list of EpochResult
        One per epoch, those of before a resume included.

    Raises
    ------
    CheckpointError
        If there are files of `out` and neither `resume` nor `overwrite` is given, if
        they are of another training, or cannot be read or written.
    UsageError
        If the network does not have the classes of the images or not their
        preprocessing, or if both `resume` and `overwrite` are given.
    ImagesError
        If no image can be read.
    SEProbeError
        If the loss is no longer a number. `out` then is as it was after the last good
        epoch.
    """
    _check_preprocessing(network, train_images, test_images)
    files = None if out is None else RunFiles(Path(out))
    begun = files.begin(resume=resume, overwrite=overwrite) if files else None
    threads = threads or (begun["metrics"]["settings"]["threads"] if begun else None)
    with pinned_numerics(threads), trained_memory_format(network, recipe):
        settings = describe_run(network, train_images, test_images, recipe)
        if distillation is not None:
            settings["distillation"] = distillation.facts()
        if begun is not None:
            check_same_run(begun["metrics"]["settings"], settings, Path(str(out)))
        trainer = _Trainer(network, train_images, test_images, recipe, held_bytes)
        trainer.distillation = distillation
        history = trainer.go_on(begun) if begun else []
        if files is not None and begun is not None:
            files.catch_up(trainer.network)
        while not is_done(history, settings):
            history.append(trainer.run_epoch(len(history), progress))
            trainer.describe(settings, history)
            if files is not None:
                files.save(trainer.network, trainer.optimizer)
            if on_epoch is not None:
                on_epoch(history[-1])
    if files is not None:
        return files.finish(trainer.network), history
    sha256 = weights_sha256(network.model)
    provenance = replace(trainer.network.provenance, sha256=sha256)
    return replace(trainer.network, provenance=provenance), history


def _check_preprocessing(network: Network, *several: LabelledImages) -> None:
    for images in several:
        if images.preprocessing != network.preprocessing:
            raise UsageError(
                "a network is used later with its own preprocessing, so it is trained "
                f"with that too: expected images opened with {network.preprocessing}, "
                f"got {images.preprocessing}"
            )


class _Trainer:
    """A network with its optimizer, epoch by epoch.

    Parameters
    ----------
    network : Network
    train_images, test_images : LabelledImages
    recipe : Recipe
    held_bytes : int
    """

    def __init__(
        self,
        network: Network,
        train_images: LabelledImages,
        test_images: LabelledImages,
        recipe: Recipe,
        held_bytes: int,
    ) -> None:
        self.network, self.model, self.recipe = network, network.model, recipe
        self.device = next(self.model.parameters()).device
        # The smaller first: what is wrong with the classes shows sooner.
        self.test = LabelledPixels(test_images, network.class_names, held_bytes)
        self.train = LabelledPixels(train_images, network.class_names, held_bytes)
        self.optimizer = make_optimizer(self.model, recipe)
        self.n_steps = -(-len(self.train.usable) // recipe.batch_size)
        self.schedule = make_schedule(self.optimizer, recipe, self.n_steps)
        self.n_tested = 0
        self.distillation: Distillation | None = None
        self.monitor = self._watch()

    def _watch(self) -> GateMonitor | None:
        """Monitor of the gates, found with the first training images."""
        first = next(self.train.batches(self.train.usable, _N_PROBED), None)
        sample = None if first is None else first.pixels.to(self.device)
        return None if sample is None else watch_health(self.model, sample)

    def go_on(self, begun: dict[str, Any]) -> History:
        """Take over the weights, the optimizer and the history of a run."""
        self.model.load_state_dict(begun["weights"])
        if "optimizer" in begun:
            self.optimizer.load_state_dict(begun["optimizer"])
        self.n_tested = begun["metrics"]["n_images"]
        history: History = list(begun["metrics"]["history"])
        self.describe(begun["metrics"]["settings"], history)
        return history

    def describe(self, settings: Mapping[str, Any], history: History) -> None:
        """Tell in the network's provenance how it was trained, and how good it is."""
        provenance = replace(
            self.network.provenance,
            checkpoint="",
            sha256="",
            data=self.train.images.source,
            seed=self.recipe.seed,
            metrics=training_metrics(settings, history, self.n_tested),
        )
        self.network = replace(self.network, provenance=provenance)

    def run_epoch(self, epoch: int, progress: Progress | None) -> EpochResult:
        """Train for one epoch, from 0, and look at the held-out images."""
        began = time.perf_counter()
        with self.monitor or nullcontext():
            train_loss, train_accuracy = self._learn(epoch, progress)
        gates = gate_health_of(self.monitor.tell()) if self.monitor else None
        test_loss, test_accuracy = self._look()
        if not math.isfinite(test_loss):
            raise _diverged(epoch, self.recipe)
        result: EpochResult = {
            "epoch": epoch + 1,
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "test_loss": test_loss,
            "test_accuracy": test_accuracy,
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": time.perf_counter() - began,
        }
        return result if gates is None else {**result, "gates": gates}

    def _learn(self, epoch: int, progress: Progress | None) -> tuple[float, float]:
        recipe, meter = self.recipe, Meter()
        shuffler = generator_for(recipe.seed, epoch, "order")
        order = self.train.usable
        order = order[torch.randperm(len(order), generator=shuffler)]
        augment = self._augmentation(epoch)
        self.model.train()
        if recipe.frozen_batch_norm:
            freeze_batch_norm(self.model)
        n_before, n_all = epoch * len(order), recipe.epochs * len(order)
        if progress is not None:
            progress(n_before, n_all)
        with own_random_numbers(recipe.seed, epoch, self.device):
            for step, batch in enumerate(self.train.batches(order, recipe.batch_size)):
                # Batch norm cannot train on a single image, so one that is left over
                # sits this epoch out.
                if len(batch.labels) > 1 or recipe.batch_size == 1:
                    self.schedule.step_update(epoch * self.n_steps + step)
                    meter.add(*self._step(augment(batch), epoch))
                if progress is not None:
                    n_done = step * recipe.batch_size + len(batch.labels)
                    progress(n_before + n_done, n_all)
        return meter.means()

    def _step(self, batch: PixelBatch, epoch: int) -> tuple[float, Tensor]:
        """Loss of a batch before the step, and which of its images were right."""
        labels = batch.labels.to(self.device)
        logits = self._logits(self.model, batch.pixels)
        loss = functional.cross_entropy(
            logits, labels, label_smoothing=self.recipe.label_smoothing
        )
        if self.distillation is not None:
            loss = self._distilled(self.distillation, loss, logits, batch.pixels)
        value = loss.item()
        if not math.isfinite(value):
            raise _diverged(epoch, self.recipe)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return value, logits.argmax(dim=1) == labels

    def _distilled(
        self, given: Distillation, loss: Tensor, logits: Tensor, pixels: Tensor
    ) -> Tensor:
        """Loss of labels and teacher together."""
        teacher = unwrap(given.teacher.model)
        with evaluating(teacher), torch.no_grad():
            answers = self._logits(teacher, pixels)
        divergence = softened_divergence(answers, logits, given.temperature)
        return (1 - given.weight) * loss + given.weight * divergence

    def _logits(self, model: nn.Module, pixels: Tensor) -> Tensor:
        with autocast(self.device, self.recipe.precision):
            output = model(pixels.to(self.device))
        n_classes = len(self.network.class_names)
        logits = class_scores(output, n_classes)
        if logits is None:
            raise UsageError(
                f"the network has {n_classes} class names but gives an output of shape "
                f"{describe_output(output)}; build it with as many classes as names"
            )
        return logits.float()

    def _augmentation(self, epoch: int) -> Callable[[PixelBatch], PixelBatch]:
        """Crop and flip of this epoch."""
        recipe = self.recipe
        if not (recipe.crop_padding or recipe.flip):
            return lambda batch: batch
        generator = generator_for(recipe.seed, epoch, "augmentation")
        shifts, flips = draw_shifts_and_flips(
            len(self.train), recipe.crop_padding, recipe.flip, generator
        )

        def augment(batch: PixelBatch) -> PixelBatch:
            chosen = (shifts[batch.indices], flips[batch.indices])
            return replace(
                batch, pixels=crop_and_flip(batch.pixels, recipe.crop_padding, *chosen)
            )

        return augment

    @torch.inference_mode()
    def _look(self) -> tuple[float, float]:
        """Loss and accuracy of the held-out images."""
        meter = Meter()
        self.model.eval()
        for batch in self.test.batches(self.test.usable, self.recipe.batch_size):
            logits, labels = (
                self._logits(self.model, batch.pixels),
                batch.labels.to(self.device),
            )
            loss = functional.cross_entropy(logits, labels)
            meter.add(loss.item(), logits.argmax(dim=1) == labels)
        self.n_tested = meter.n_images
        return meter.means()


def _diverged(epoch: int, recipe: Recipe) -> SEProbeError:
    kept = (
        f"the last good one is epoch {epoch}" if epoch else "there is no good one yet"
    )
    return SEProbeError(
        f"the loss is no longer a number in epoch {epoch + 1} of {recipe.epochs}; "
        f"{kept}. Lower the learning rate ({recipe.lr:g} now), or add warm-up epochs"
    )
