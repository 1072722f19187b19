"""Pixels and labels of training images in any order: held in memory, or read again."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from se_probe.class_names import LabelSet
from se_probe.errors import ClassNameError, ImagesError, UsageError
from se_probe.images import LabelledImages
from se_probe.running import Inputs, only_tensor

__all__ = ["HELD_BYTES", "LabelledPixels", "PixelBatch"]

# Pixels up to this size (CIFAR's 50,000 images are 0.6 GB) are decoded once and held;
# larger sets are read again in every epoch.
HELD_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class PixelBatch:
    """Some images, readable ones only.

    Parameters
    ----------
    indices : Tensor, shape (batch,), int64
        Positions in the list of images.
    pixels : Tensor, shape (batch, channels, height, width), float32
    labels : Tensor, shape (batch,), int64
        Index of each image's class in the network's label set.
    """

    indices: Tensor
    pixels: Tensor
    labels: Tensor


class LabelledPixels:
    """Preprocessed images with the labels of a network, in any order.

    Parameters
    ----------
    images : LabelledImages
        Its workers read what is not held.
    class_names : LabelSet
        The network's.
    held_bytes : int, default 2**30
        Hold the pixels in memory if they take no more than this as float32. The
        numbers are the same either way.

    Raises
    ------
    ImagesError
        If there are no images, or none of them can be read, as far as they are held.
    UsageError
        If the network has no output for a class of the images.
    """

    def __init__(
        self,
        images: LabelledImages,
        class_names: LabelSet,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        self.images = images
        self.labels = _label_indices(images, class_names)
        self.usable = torch.arange(len(images))
        shape = (len(images), *images.preprocessing.input_size)
        n_bytes = 4 * torch.Size(shape).numel()
        self._held = self._read_all() if n_bytes <= held_bytes else None

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[PixelBatch]:
        """Images in the order of `order`, batch by batch; the last may be short.

        Parameters
        ----------
        order : Tensor, shape (n,), int64
            Positions in the list of images.
        batch_size : int

        Yields
        ------
        PixelBatch
        """
        if self._held is not None:
            for indices in torch.split(order, batch_size):
                yield PixelBatch(indices, self._held[indices], self.labels[indices])
            return
        pictures = self.images.pictures.chosen(order.tolist())
        images = replace(self.images, pictures=pictures, batch_size=batch_size)
        for batch in images.batches(range(images.n_batches)):
            start = batch.number * batch_size
            indices = order[start : start + batch_size]
            rows = _readable(batch.problems[: len(indices)])
            indices = indices[rows]
            yield PixelBatch(
                indices, _picture(batch.pixels)[rows], self.labels[indices]
            )

    def _read_all(self) -> Tensor:
        held = torch.zeros(len(self.images), *self.images.preprocessing.input_size)
        problems: list[str | None] = []
        for batch in self.images.batches(range(self.images.n_batches)):
            pixels = _picture(batch.pixels)
            rows = held[len(problems) : len(problems) + len(pixels)]
            rows.copy_(pixels[: len(rows)])
            problems += batch.problems[: len(rows)]
        self.usable = _readable(problems)
        self._tell([problem for problem in problems if problem is not None])
        return held

    def _tell(self, problems: list[str]) -> None:
        if not len(self.usable):
            raise ImagesError(
                f"none of the {len(self)} images can be read (first: {problems[0]})"
            )
        if problems:
            warnings.warn(
                f"{len(problems)} of {len(self)} images cannot be read and are left "
                f"out (first: {problems[0]})",
                stacklevel=2,
            )


def _picture(inputs: Inputs) -> Tensor:
    return only_tensor(inputs, "training")


def _readable(problems: list[str | None] | tuple[str | None, ...]) -> Tensor:
    rows = [row for row, problem in enumerate(problems) if problem is None]
    return torch.tensor(rows, dtype=torch.int64)


def _label_indices(images: LabelledImages, labels: LabelSet) -> Tensor:
    """Class of each image as an index of the network's label set."""
    if not len(images):
        raise ImagesError("there are no images to train on; add some to the folder")
    names = sorted(set(images.class_names))
    known: dict[str, int] = {}
    for name in names:
        try:
            known[name] = labels.find(name).index
        except ClassNameError as error:
            raise UsageError(
                f"the network has {len(labels)} classes and the images have "
                f"{len(names)}, but no output of the network is called {name!r}; build "
                f"it with class_names of these {len(names)} classes"
            ) from error
    return torch.tensor([known[name] for name in images.class_names])
