"""Labelled images as batches of one shape, in an order that never changes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

from se_probe.errors import ImagesError, UsageError
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Preprocessing
from se_probe.images.reading import BatchReader, ImageBatch, Workers, read_batches
from se_probe.running import Inputs

__all__ = ["ImageBatch", "LabelOrder", "LabelledImages"]

LabelOrder = Literal["index", "sorted", "name"]


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A fixed list of labelled images; their pixels are read when they are asked for.

    Batch `k` always holds the images ``k * batch_size`` to ``(k + 1) * batch_size - 1``
    and always has the same shape, so that its numbers depend on nothing but `k`.

    Parameters
    ----------
    pictures : Pictures
    preprocessing : Preprocessing
    batch_size : int, default 32
    workers : int or "auto", default 0
        Processes that prepare whole batches ahead of :meth:`batches`; 0 reads in this
        one, "auto" takes as many as keep up with what is done with the batches, once
        the first ones have shown it. The pixels are the same.
    label_order : {"index", "sorted", "name"}, optional
        Which output of a network each class is, if :func:`label_images` is not to
        decide: that whose number its name is, its place among the sorted class names,
        or the one that the network calls so.

    Raises
    ------
    UsageError
        If `batch_size` or `workers` is too small, or the label order unknown.
    """

    pictures: Pictures
    preprocessing: Preprocessing
    batch_size: int = 32
    workers: Workers = 0
    label_order: LabelOrder | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.workers != "auto" and self.workers < 0:
            raise UsageError(f"workers must be at least 0, got {self.workers}")
        if self.label_order not in {None, *get_args(LabelOrder)}:
            raise UsageError(
                f"label_order must be {', '.join(get_args(LabelOrder))} or None, got "
                f"{self.label_order!r}"
            )

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Path relative to the source's root, or number in the data set."""
        return self.pictures.image_ids

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class of each image, as the source spells it."""
        return self.pictures.class_names

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class of the source, also of images that were not taken."""
        return self.pictures.classes

    @property
    def labels(self) -> tuple[int, ...] | None:
        """The source's own class index of each image, where it has any."""
        return self.pictures.labels

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should hear of the choice of images."""
        return self.pictures.notes

    @property
    def n_batches(self) -> int:
        """Number of batches, the short last one included."""
        return -(-len(self) // self.batch_size)

    @cached_property
    def source(self) -> dict[str, Any]:
        """Where the images come from, in plain JSON types; see `reopen_images`."""
        order = {"label_order": self.label_order} if self.label_order else {}
        return dict(self.pictures.facts) | {
            "n_images": len(self),
            "sha256": self.pictures.fingerprint(),
            **order,
        }

    def batch(self, number: int) -> Inputs:
        """Pixels of one batch.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        Tensor, shape (batch_size, ...), float32
            A tuple or dict of several where the network has several inputs.

        Raises
        ------
        ImagesError
            If there is no such batch.
        """
        return next(self._read([number], workers=0)).pixels

    def batches(self, numbers: Iterable[int]) -> Iterator[ImageBatch]:
        """Batches in the order in which they are asked for.

        Parameters
        ----------
        numbers : iterable of int

        Returns
        -------
        iterator of ImageBatch

        Raises
        ------
        ImagesError
            If there is no such batch, or the source can no longer be read.
        """
        return self._read(list(numbers), self.workers)

    def _read(self, numbers: list[int], workers: Workers) -> Iterator[ImageBatch]:
        for number in numbers:
            if not 0 <= number < self.n_batches:
                raise ImagesError(
                    f"there is no batch {number}; the {len(self)} images make "
                    f"{self.n_batches} batches, from 0"
                )
        reader = BatchReader(self.pictures, self.preprocessing, self.batch_size)
        return read_batches(reader, numbers, workers)

    def take(
        self, n_per_class: Mapping[str, int | None], others: int | None
    ) -> "LabelledImages":
        """Some images of each class, chosen evenly from its sorted ids.

        Parameters
        ----------
        n_per_class : mapping of class name to number
            A class with fewer images gives all it has.
        others : int or None
            How many of each class that is not named; None means all.

        Returns
        -------
        LabelledImages
            In the same order as here.

        Raises
        ------
        ImagesError
            If a named class has no images, or none are left.
        UsageError
            If a number is negative.
        """
        return replace(self, pictures=self.pictures.take(n_per_class, others))
