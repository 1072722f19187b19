"""Answers of several networks, written down batch by batch and found again."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from se_probe.checkpoints import Network
from se_probe.errors import UsageError
from se_probe.evaluation.store import ResultStore
from se_probe.images import ImageBatch, LabelledImages, label_images
from se_probe.running import class_scores, describe_output

__all__ = ["Sheet"]

# Of why an image was skipped; what is longer is cut.
_PROBLEM_BYTES = 300


class Sheet:
    """Answers of several networks, filled batch by batch.

    Parameters
    ----------
    network : Network
        Whose classes count.
    images : LabelledImages
    names : sequence of str
        Of the networks; equal ones answer once.
    """

    def __init__(
        self, network: Network, images: LabelledImages, names: Sequence[str]
    ) -> None:
        self.images, self.names = images, names
        # None where they are not known: then no image is of a known class.
        self.n_classes = len(network.class_names) or None
        self.class_index = np.full(len(images), -1)
        if self.n_classes:
            self.class_index = label_images(images, network.class_names).class_index

    def open(self, store: ResultStore) -> None:
        """Find what was answered before, as far as it is undamaged."""
        self.store = store
        n, n_batches = len(self.images), self.images.n_batches
        columns = [("predicted", np.int64), ("place", np.int64), ("kl", np.float64)]
        self.rows = [store.growing(name, (n,), columns, -1) for name in self.names]
        self.problems = store.growing(
            f"{self.names[0]}.problems", (n,), f"S{_PROBLEM_BYTES}", b""
        )
        # Of each batch that is done: what was damaged on disk since is measured again.
        self.sums = [
            store.growing(f"{name}.sums", (n_batches,), np.uint32)
            for name in self.names
        ]
        done = {
            name: np.array([0 < s == self._sum(n, k) for k, s in enumerate(sums)], bool)
            for n, (name, sums) in enumerate(zip(self.names, self.sums, strict=True))
        }
        self.done = [done[name] for name in self.names]

    def _sum(self, number: int, batch: int) -> int:
        """Checksum of what one network answered to a batch; never 0."""
        start = batch * self.images.batch_size
        at = slice(start, start + self.n_images_of(batch))
        parts = [self.rows[number][at], self.problems[at]]
        if self.names[number] == self.names[0] and self.n_classes:
            parts.append(self.logits(self.n_classes)[at])
        found = 0
        for part in parts:
            found = zlib.crc32(part.tobytes(), found)
        return max(found, 1)

    def logits(self, n_classes: int) -> npt.NDArray[np.float32]:
        """Class scores of the original, as far as they are known."""
        shape = (len(self.images), n_classes)
        name = f"{self.names[0]}.logits"
        return self.store.growing(name, shape, np.float32, np.nan)

    def missing(self, batch: int) -> list[int]:
        """Networks that are still to answer to a batch; equal ones answer once."""
        first = {name: number for number, name in reversed([*enumerate(self.names)])}
        return sorted(n for n in first.values() if not self.done[n][batch])

    def is_done(self, batch: int) -> bool:
        """Whether all networks answered to a batch."""
        return all(done[batch] for done in self.done)

    def n_images_of(self, batch: int) -> int:
        """Images of a batch; the last may be short."""
        start = batch * self.images.batch_size
        return min(self.images.batch_size, len(self.images) - start)

    def note_problems(self, batch: ImageBatch) -> None:
        """Write why images of a batch could not be read."""
        start, n = batch.number * self.images.batch_size, self.n_images_of(batch.number)
        self.problems[start : start + n] = [
            (each or "").encode() for each in batch.problems[:n]
        ]

    def scores(self, output: Any) -> Tensor:
        """Class scores of a batch, on the CPU."""
        scores = class_scores(output, self.n_classes)
        if scores is None:
            raise UsageError(
                f"expected scores of {self.n_classes} classes, as the network has "
                f"class names, got {describe_output(output)}"
                if self.n_classes
                else "networks are compared by their class scores, and this one gives "
                f"none (it gave {describe_output(output)})"
            )
        return scores.float().cpu()

    def note(
        self, number: int, batch: int, rows: npt.NDArray[np.intp], scores: Tensor
    ) -> None:
        """Write what one network answered to the readable images of a batch."""
        at = batch * self.images.batch_size + rows
        known = self.logits(scores.shape[1])
        if number == 0:
            known[at] = scores[rows].numpy()
        logits = scores[rows].double()
        original = torch.from_numpy(known[at]).double()
        is_nan = logits.isnan().any(dim=1)
        labels = torch.from_numpy(self.class_index[at])
        place = _places(logits, labels).masked_fill(is_nan | (labels < 0), -1)
        best = logits.argmax(dim=1).masked_fill(is_nan, -1)
        values = self.rows[number]
        values["predicted"][at], values["place"][at] = best.numpy(), place.numpy()
        values["kl"][at] = _kl_divergence(original, logits).numpy()
        # Last: what is marked is there.
        self.sums[number][batch] = self._sum(number, batch)
        self.done[number][batch] = True


def _places(logits: Tensor, labels: Tensor) -> Tensor:
    """How many classes come before the true one; of equal ones the first, as argmax."""
    own = logits.gather(1, labels.clamp(min=0)[:, None])
    comes_first = torch.arange(logits.shape[1]) < labels[:, None]
    return ((logits > own) | ((logits == own) & comes_first)).sum(dim=1)


def _kl_divergence(original: Tensor, changed: Tensor) -> Tensor:
    """KL(original || changed) of each row, in nats."""
    log_p, log_q = original.log_softmax(dim=1), changed.log_softmax(dim=1)
    return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(dim=1)
