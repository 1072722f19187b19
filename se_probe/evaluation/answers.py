"""What several networks answer to the same images, compared with the first of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from se_probe.checkpoints import Network
from se_probe.errors import ImagesError, UsageError
from se_probe.evaluation.paired import bonett_price_interval, mcnemar_p
from se_probe.images import ImageBatch, LabelledImages
from se_probe.progress import Progress
from se_probe.record import image_rows
from se_probe.running import class_scores, describe_output

__all__ = ["Answers", "Difference", "Forward", "ask", "readable_rows"]

# From pixels of one batch to logits (or, as some networks have it, a tuple of which
# they are the first).
Forward = Callable[[Tensor], Any]


@dataclass(frozen=True)
class Difference:
    """A changed network against the original, image by image.

    Attributes
    ----------
    kl : float or None
        Mean Kullback-Leibler divergence KL(original || changed) of the predicted
        distributions, in nats per image.
    agreement : float or None
        Share of the images to which both give the same class.
    n_compared : int
        Images that `kl` and `agreement` are about: all that could be read and to which
        neither network answered NaN.
    top1_change : float or None
        Top-1 accuracy of the changed network minus that of the original, -1 to 1; over
        the images of a class that the networks know. None where there are none.
    top1_change_low, top1_change_high : float or None
        Its 95 % Bonett-Price interval.
    mcnemar_p : float or None
        Exact McNemar test of no change.
    n_gained, n_lost, n_known : int
        Images that only the changed network, and only the original gets right, of how
        many.
    """

    kl: float | None
    agreement: float | None
    n_compared: int
    top1_change: float | None
    top1_change_low: float | None
    top1_change_high: float | None
    mcnemar_p: float | None
    n_gained: int
    n_lost: int
    n_known: int


@dataclass(frozen=True)
class Answers:
    """Answers of several networks to each image; the first network is the original.

    Attributes
    ----------
    problems : tuple of str or None, length n_images
        Why an image was skipped.
    class_index : array of int, shape (n_images,)
        True class in the networks' label set; -1 where it is not in it.
    predicted : array of int, shape (n_networks, n_images)
        -1 where the network answered NaN, or the image was skipped.
    place : array of int, shape (n_networks, n_images)
        How many classes the network puts before the true one; -1 where the true class
        is not known or `predicted` is -1.
    kl : array of float, shape (n_networks, n_images)
        KL(original || this network) in nats; NaN where either answered NaN, or the
        image was skipped.
    """

    problems: tuple[str | None, ...]
    class_index: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    kl: npt.NDArray[np.float64]

    @property
    def is_read(self) -> npt.NDArray[np.bool_]:
        """Which images could be read; shape (n_images,)."""
        return np.array([problem is None for problem in self.problems], dtype=bool)

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Which images were read and are of a class that the networks know."""
        return self.is_read & (self.class_index >= 0)

    def right(self, number: int, k: int = 1) -> npt.NDArray[np.bool_]:
        """Whether the true class is among a network's first `k`; shape (n_known,)."""
        place = self.place[number, self.is_known]
        # NaN is no answer, and so not right.
        right: npt.NDArray[np.bool_] = (place >= 0) & (place < k)
        return right

    def difference(self, number: int) -> Difference:
        """Network `number` against the original."""
        kl = self.kl[number]
        compared = ~np.isnan(kl)
        same = (self.predicted[number] == self.predicted[0])[compared]
        before, after = self.right(0), self.right(number)
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        n = len(before)
        low, high = bonett_price_interval(gained, lost, n)
        return Difference(
            kl=float(kl[compared].mean()) if compared.any() else None,
            agreement=float(same.mean()) if compared.any() else None,
            n_compared=int(compared.sum()),
            top1_change=(gained - lost) / n if n else None,
            top1_change_low=low if n else None,
            top1_change_high=high if n else None,
            mcnemar_p=mcnemar_p(gained, lost) if n else None,
            n_gained=gained,
            n_lost=lost,
            n_known=n,
        )


def ask(
    network: Network,
    images: LabelledImages,
    forwards: Sequence[Forward],
    progress: Progress | None = None,
) -> Answers:
    """Answers of several networks to all images; every image is read once.

    The caller sees to evaluation mode and to pinned numerics.

    Parameters
    ----------
    network : Network
        Whose label set and device they share.
    images : LabelledImages
    forwards : sequence of callables
        The first is the original.
    progress : callable, optional
        Called with how many images have gone through a network, and how many will.

    Returns
    -------
    Answers

    Raises
    ------
    ImagesError
        If there are no images.
    UsageError
        If an output does not hold scores of the network's classes.
    AmbiguousClassError
        If a class of the images means several classes of the network.
    """
    if not len(images):
        raise ImagesError("there are no images to evaluate on; add some to the folder")
    shape = (len(forwards), len(images))
    answers = Answers(
        problems=(),
        class_index=np.array(image_rows(network, images)["class_index"], np.int64),
        predicted=np.full(shape, -1),
        place=np.full(shape, -1),
        kl=np.full(shape, np.nan),
    )
    problems: list[str | None] = []
    n_done, n_all = 0, len(forwards) * len(images)
    parameter = next(network.model.parameters())
    n_classes = len(network.class_names)
    for batch in images.batches(range(images.n_batches)):
        start, rows = len(problems), readable_rows(batch, images)
        problems += batch.problems[: len(images) - start]
        pixels = batch.pixels.to(parameter.device, parameter.dtype)
        original: Tensor | None = None
        for number, logits in enumerate(_logits(forwards, pixels, n_classes)):
            original = logits if original is None else original
            _note(answers, number, start + rows, logits[rows], original[rows])
            n_done += len(problems) - start
            if progress is not None:
                progress(n_done, n_all)
    return replace(answers, problems=tuple(problems))


def readable_rows(batch: ImageBatch, images: LabelledImages) -> npt.NDArray[np.intp]:
    """Rows of a batch that hold an image that could be read."""
    n_rows = min(len(batch.pixels), len(images) - batch.number * len(batch.pixels))
    return np.array([i for i in range(n_rows) if batch.problems[i] is None], np.intp)


def _logits(
    forwards: Sequence[Forward], pixels: Tensor, n_classes: int
) -> Iterator[Tensor]:
    """Logits in float64, one network after the other."""
    for forward in forwards:
        with torch.inference_mode():
            output = forward(pixels)
        scores = class_scores(output, n_classes)
        if scores is None:
            raise UsageError(
                f"expected scores of {n_classes} classes, as the network has class "
                f"names, got {describe_output(output)}"
            )
        yield scores.double().cpu()


def _note(
    answers: Answers,
    number: int,
    images: npt.NDArray[np.intp],
    logits: Tensor,
    original: Tensor,
) -> None:
    """Write what one network answered to some images into its row."""
    is_nan = logits.isnan().any(dim=1)
    best = logits.argmax(dim=1).masked_fill(is_nan, -1)
    answers.predicted[number, images] = best.numpy()
    labels = torch.from_numpy(answers.class_index[images])
    place = _places(logits, labels).masked_fill(is_nan | (labels < 0), -1)
    answers.place[number, images] = place.numpy()
    answers.kl[number, images] = _kl_divergence(original, logits).numpy()


def _places(logits: Tensor, labels: Tensor) -> Tensor:
    """How many classes come before the true one; of equal ones the first, as argmax."""
    own = logits.gather(1, labels.clamp(min=0)[:, None])
    comes_first = torch.arange(logits.shape[1]) < labels[:, None]
    return ((logits > own) | ((logits == own) & comes_first)).sum(dim=1)


def _kl_divergence(original: Tensor, changed: Tensor) -> Tensor:
    """KL(original || changed) of each row, in nats."""
    log_p, log_q = original.log_softmax(dim=1), changed.log_softmax(dim=1)
    return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(dim=1)
