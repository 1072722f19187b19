"""Reading batches, in this process or ahead of it in others."""

import math
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from se_probe.errors import ImagesError
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Preprocessing
from se_probe.running import Inputs, input_tensors, map_inputs

__all__ = ["BatchReader", "ImageBatch", "Workers", "enough_workers", "read_batches"]

Workers = int | Literal["auto"]

_N_TRIED = 3
_WORTH_STARTING = 3.0  # seconds of reading; the processes import torch, or are forked


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """One batch of pixels, and what could not be read of it.

    Parameters
    ----------
    number : int
        From 0.
    pixels : Tensor, shape (batch_size, ...), float32, or tuple or dict of Tensor
        Zeros where an image could not be read, and after the last image. Several
        tensors, each with the samples along its first axis, where the network has
        several inputs.
    problems : tuple of str or None, length batch_size
        For each row why its image was skipped, naming it; None where it was not.
    """

    number: int
    pixels: Inputs
    problems: tuple[str | None, ...]


class BatchReader(Dataset[ImageBatch | ImagesError]):
    """Batches as the items of a Dataset, so that one worker reads one batch.

    Parameters
    ----------
    pictures : Pictures
    preprocessing : Preprocessing
    batch_size : int
    """

    def __init__(
        self, pictures: Pictures, preprocessing: Preprocessing, batch_size: int
    ) -> None:
        self.pictures = pictures
        if pictures.form is None:
            self.transform = preprocessing.transform()
        self.batch_size = batch_size
        self.form: Inputs = (
            torch.zeros(preprocessing.input_size)
            if pictures.form is None
            else pictures.form
        )

    def __getitem__(self, number: int) -> ImageBatch | ImagesError:
        pixels = map_inputs(self._empty, self.form)
        problems: list[str | None] = [None] * self.batch_size
        start = number * self.batch_size
        stop = min(start + self.batch_size, len(self.pictures))
        try:
            with _one_thread():
                for row, index in enumerate(range(start, stop)):
                    problems[row] = self._read_into(pixels, row, index)
        except ImagesError as error:
            # Raised in the main process: a DataLoader would wrap the sentence in its
            # worker's traceback.
            return error
        return ImageBatch(number, pixels, tuple(problems))

    def _empty(self, sample: Tensor) -> Tensor:
        return sample.new_zeros((self.batch_size, *sample.shape))

    def _read_into(self, pixels: Inputs, row: int, index: int) -> str | None:
        """Fill a row of pixels, or say why the image cannot be used."""
        try:
            picture = self.pictures.read(index)
        except (OSError, Image.DecompressionBombError) as error:
            return f"{self.pictures.image_ids[index]}: {error}"
        sample: Inputs = (
            self.transform(picture) if isinstance(picture, Image.Image) else picture
        )
        for batch, given in zip(
            input_tensors(pixels), input_tensors(sample), strict=True
        ):
            batch[row].copy_(given)
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


def read_batches(
    reader: BatchReader, numbers: list[int], workers: Workers
) -> Iterator[ImageBatch]:
    """Batches in the order in which they are asked for.

    Parameters
    ----------
    reader : BatchReader
    numbers : list of int
    workers : int or "auto"
        Processes that read ahead. "auto" reads the first batches in this one, sees how
        long that and what is done with them takes, and then starts as many as keep up.

    Yields
    ------
    ImageBatch

    Raises
    ------
    ImagesError
        If the source can no longer be read.
    """
    if workers != "auto":
        yield from _loaded(reader, numbers, min(workers, len(numbers)))
        return
    reading = using = 0.0  # of the last one: the very first batch warms up
    first, rest = numbers[:_N_TRIED], numbers[_N_TRIED:]
    for number in first:
        start = time.perf_counter()
        batch = _whole(reader[number])
        reading = time.perf_counter() - start
        yield batch
        using = time.perf_counter() - start - reading
    if rest:
        yield from _loaded(reader, rest, enough_workers(reading, using, len(rest)))


def enough_workers(reading: float, using: float, n_batches: int) -> int:
    """Processes that read as fast as batches are used.

    Parameters
    ----------
    reading, using : float
        Seconds that reading a batch takes, and what is done with it.
    n_batches : int
        Batches to come.

    Returns
    -------
    int
        0 where one core reads faster than the batches are used, or where starting
        processes would take about as long as all of the reading; at most the
        processors that this process may use.

    Examples
    --------
    >>> enough_workers(reading=0.1, using=0.5, n_batches=1000)
    0
    """
    if reading <= using or reading * n_batches < _WORTH_STARTING:
        return 0
    return min(math.ceil(reading / max(using, 1e-9)), _n_processors(), n_batches)


def _n_processors() -> int:
    is_linux = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if is_linux else os.cpu_count() or 1


def _whole(item: ImageBatch | ImagesError) -> ImageBatch:
    if isinstance(item, ImagesError):
        raise item
    return item


def _loaded(
    reader: BatchReader, numbers: list[int], workers: int
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
            yield _whole(item)
    finally:
        # A traceback keeps this frame, and would keep the worker processes with it.
        del items


def _as_it_is(item: ImageBatch | ImagesError) -> ImageBatch | ImagesError:
    return item
