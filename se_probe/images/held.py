"""Images whose pixels stay in memory, for work that goes over them again and again."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields

from se_probe.images.batches import ImageBatch, LabelledImages
from se_probe.running import Inputs, input_tensors

__all__ = ["HELD_BYTES", "hold_images"]

# Pixels in memory: 2,400 images of 3 x 192 x 192.
HELD_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class _HeldImages(LabelledImages):
    """Labelled images of which every batch is read once."""

    held: dict[int, ImageBatch] = field(default_factory=dict, init=False, repr=False)

    def batch(self, number: int) -> Inputs:
        return next(self.batches([number])).pixels

    def batches(self, numbers: Iterable[int]) -> Iterator[ImageBatch]:
        wanted = list(numbers)
        missing = [number for number in wanted if number not in self.held]
        read = super().batches(missing)
        for number in wanted:
            if number not in self.held:
                self.held[number] = next(read)
            yield self.held[number]


def hold_images(images: LabelledImages, n_bytes: int = HELD_BYTES) -> LabelledImages:
    """The same images, decoded once where their pixels fit into memory.

    Parameters
    ----------
    images : LabelledImages
    n_bytes : int, default 2**30
        Size up to which pixels are held.

    Returns
    -------
    LabelledImages
        `images` themselves where they are larger. Whoever gets a batch must not write
        into it.

    Examples
    --------
    >>> from se_probe.images import default_preprocessing, open_images
    >>> digits = open_images("digits", default_preprocessing("digits"), per_class=2)
    >>> hold_images(digits).batch(0).equal(digits.batch(0))
    True
    """
    if not _is_small(images, n_bytes):
        return images
    given = {each.name: getattr(images, each.name) for each in fields(LabelledImages)}
    return _HeldImages(**given)


def _is_small(images: LabelledImages, n_bytes: int) -> bool:
    """Whether the pixels of all images fit into so many bytes."""
    form = images.pictures.form
    n_of_one = 4 * math.prod(images.preprocessing.input_size)
    if form is not None:
        n_of_one = sum(tensor.nbytes for tensor in input_tensors(form))
    return images.n_batches * images.batch_size * n_of_one <= n_bytes
