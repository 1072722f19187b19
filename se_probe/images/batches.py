"""Labelled images as batches of one shape, in an order that never changes."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from se_probe.errors import ImagesError, UsageError
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Preprocessing

__all__ = ["ImageBatch", "LabelOrder", "LabelledImages"]

LabelOrder = Literal["index", "sorted", "name"]


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """One batch of pixels, and what could not be read of it.

    Parameters
    ----------
    number : int
        From 0.
    pixels : Tensor, shape (batch_size, ...), float32
        Zeros where an image could not be read, and after the last image.
    problems : tuple of str or None, length batch_size
        For each row why its image was skipped, naming it; None where it was not.
    """

    number: int
    pixels: Tensor
    problems: tuple[str | None, ...]


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
    workers : int, default 0
        Processes that prepare whole batches ahead of :meth:`batches`; 0 reads in this
        one. The pixels are the same.
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
    workers: int = 0
    label_order: LabelOrder | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.workers < 0:
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

    def batch(self, number: int) -> Tensor:
        """Pixels of one batch.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        Tensor, shape (batch_size, ...), float32

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

    def _read(self, numbers: list[int], workers: int) -> Iterator[ImageBatch]:
        for number in numbers:
            if not 0 <= number < self.n_batches:
                raise ImagesError(
                    f"there is no batch {number}; the {len(self)} images make "
                    f"{self.n_batches} batches, from 0"
                )
        reader = _BatchReader(self.pictures, self.preprocessing, self.batch_size)
        return _loaded(reader, numbers, min(workers, len(numbers)))

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


class _BatchReader(Dataset[ImageBatch | ImagesError]):
    """Batches as the items of a Dataset, so that one worker reads one batch."""

    def __init__(
        self, pictures: Pictures, preprocessing: Preprocessing, batch_size: int
    ) -> None:
        self.pictures = pictures
        if pictures.shape is None:
            self.transform = preprocessing.transform()
        self.shape = (batch_size, *(pictures.shape or preprocessing.input_size))

    def __getitem__(self, number: int) -> ImageBatch | ImagesError:
        pixels = torch.zeros(self.shape)
        problems: list[str | None] = [None] * len(pixels)
        start = number * len(pixels)
        stop = min(start + len(pixels), len(self.pictures))
        try:
            with _one_thread():
                for row, index in enumerate(range(start, stop)):
                    problems[row] = self._read_into(pixels[row], index)
        except ImagesError as error:
            # Raised in the main process: a DataLoader would wrap the sentence in its
            # worker's traceback.
            return error
        return ImageBatch(number, pixels, tuple(problems))

    def _read_into(self, row: Tensor, index: int) -> str | None:
        """Fill a row of pixels, or say why the image cannot be used."""
        try:
            picture = self.pictures.read(index)
        except (OSError, Image.DecompressionBombError) as error:
            return f"{self.pictures.image_ids[index]}: {error}"
        row.copy_(picture if isinstance(picture, Tensor) else self.transform(picture))
        return None


@contextmanager
def _one_thread() -> Iterator[None]:
    # A single picture is too small for torch to share out. On a busy machine its
    # threads then wait for each other, and reading is eight times as slow.
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _loaded(
    reader: _BatchReader, numbers: list[int], workers: int
) -> Iterator[ImageBatch]:
    with warnings.catch_warnings():
        # Advice on the number of workers, and (Python 3.12 on) about forking.
        warnings.simplefilter("ignore")
        loader = DataLoader(
            reader,
            sampler=numbers,
            batch_size=None,
            num_workers=workers,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            # Nothing here is random, but without a generator of its own the loader
            # draws from torch's global one, and so changes what the caller draws next.
            generator=torch.Generator(),
        )
        items = iter(loader)
    try:
        for item in items:
            if isinstance(item, ImagesError):
                raise item
            yield item
    finally:
        # A traceback keeps this frame, and would keep the worker processes with it.
        del items


def _as_it_is(item: ImageBatch | ImagesError) -> ImageBatch | ImagesError:
    return item
