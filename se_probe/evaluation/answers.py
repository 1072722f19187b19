"""What several networks answer to the same images, compared with the first of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from se_probe.checkpoints import Network
from se_probe.errors import ImagesError, UsageError
from se_probe.evaluation.paired import bonett_price_interval, mcnemar_p
from se_probe.evaluation.sheets import Sheet
from se_probe.evaluation.store import ResultStore
from se_probe.images import ImageBatch, LabelledImages
from se_probe.progress import Progress
from se_probe.running import Inputs, call_network, n_samples, to_device_of

__all__ = ["Answers", "Difference", "Forward", "Forwards", "ask", "readable_rows"]

# From the inputs of one batch to what the network gives, the class scores among it.
Forward = Callable[..., Any]


class Forwards(Protocol):
    """Several networks that run over a batch together, in an order of their own."""

    def __len__(self) -> int:
        """How many there are; number 0 is the original."""

    def __call__(
        self, batch: int, pixels: Inputs, numbers: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        """Outputs of some of the networks for a batch.

        Parameters
        ----------
        batch : int
            Its number.
        pixels : Tensor, shape (batch, ...), or tuple or dict of several inputs
        numbers : sequence of int
            Which networks; the original comes first where it is among them.

        Yields
        ------
        number : int
        output : Any
        """


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
    forwards: Sequence[Forward] | Forwards,
    progress: Progress | None = None,
    *,
    names: Sequence[str] | None = None,
    store: ResultStore | None = None,
    needs_classes: bool = True,
) -> Answers:
    """Answers of several networks to all images; every image is read once.

    The caller sees to evaluation mode and to pinned numerics.

    Parameters
    ----------
    network : Network
        Whose label set and device they share.
    images : LabelledImages
    forwards : sequence of callables, or Forwards
        The first is the original.
    progress : callable, optional
        Called with how many images have gone through a network, and how many will.
    names : sequence of str, optional
        Names of the answers in `store`, one per network. What is there already is not
        computed again; batches of which all is there are not read.
    store : ResultStore, optional
        For these images and this label set only.
    needs_classes : bool, default True
        Refuse a network whose classes are not known. Without it, all that has class
        scores can be compared: of such a network no class of an image is known.

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
    if needs_classes and not len(network.class_names):
        raise UsageError(
            "accuracy needs the network's classes, and they are not known: give "
            "their names, one for each output, with --class-names FILE (in Python: "
            "class_names)"
        )
    run = forwards if callable(forwards) else _OneByOne(forwards)
    sheet = Sheet(network, images, names or [str(n) for n in range(len(forwards))])
    sheet.open(store or ResultStore())
    n_done, n_all = 0, len(forwards) * len(images)
    pending = [k for k in range(images.n_batches) if not sheet.is_done(k)]
    n_done += len(forwards) * sum(
        sheet.n_images_of(k) for k in range(images.n_batches) if k not in set(pending)
    )
    for batch in images.batches(pending):
        sheet.note_problems(batch)
        pixels = to_device_of(network.model, batch.pixels)
        rows = readable_rows(batch, images)
        missing = sheet.missing(batch.number)
        n_done += (len(forwards) - len(missing)) * sheet.n_images_of(batch.number)
        with torch.inference_mode():
            for number, output in run(batch.number, pixels, missing):
                sheet.note(number, batch.number, rows, sheet.scores(output))
                n_done += sheet.n_images_of(batch.number)
                if progress is not None:
                    progress(n_done, n_all)
    return _answers(sheet)


def _answers(sheet: Sheet) -> Answers:
    problems = tuple(each.decode(errors="replace") or None for each in sheet.problems)
    is_read = np.array([problem is None for problem in problems], dtype=bool)
    kl = np.stack([values["kl"] for values in sheet.rows])
    return Answers(
        problems=problems,
        class_index=sheet.class_index,
        predicted=np.stack([values["predicted"] for values in sheet.rows]),
        place=np.stack([values["place"] for values in sheet.rows]),
        kl=np.where(is_read, kl, np.nan),
    )


class _OneByOne:
    """Networks that have nothing to do with each other."""

    def __init__(self, forwards: Sequence[Forward]) -> None:
        self.forwards = forwards

    def __len__(self) -> int:
        return len(self.forwards)

    def __call__(
        self, batch: int, pixels: Inputs, numbers: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        for number in numbers:
            yield number, call_network(self.forwards[number], pixels)


def readable_rows(batch: ImageBatch, images: LabelledImages) -> npt.NDArray[np.intp]:
    """Rows of a batch that hold an image that could be read."""
    n = n_samples(batch.pixels)
    n_rows = min(n, len(images) - batch.number * n)
    return np.array([i for i in range(n_rows) if batch.problems[i] is None], np.intp)
