"""A fixed list of labelled pictures, and a way to read each of them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from se_probe.errors import ImagesError, UsageError
from se_probe.images.preprocessing import Mode
from se_probe.running import Inputs, main_tensor
from se_probe.sampling import some_of_each_class

__all__ = ["Pictures", "array_pictures", "numbered_ids"]


@dataclass(frozen=True)
class Pictures:
    """What every source is turned into.

    Parameters
    ----------
    facts : mapping
        Where the pictures come from, in plain JSON types.
    image_ids, class_names : tuple of str, length n_images
        In the order in which the pictures are used; no id comes twice.
    read : callable
        Picture number `i` as a Pillow image, or as a tensor, or several, that are
        preprocessed already. ``OSError`` means that this picture cannot be used,
        ``ImagesError`` that the source cannot. It can be pickled, as worker processes
        need.
    classes : tuple of str, optional
        Every class of the source, also where only some pictures of it are here: in the
        source's own order where it has one, else sorted as strings.
    labels : tuple of int, length n_images, optional
        The source's own class indices, where it has any.
    form : Tensor, tuple or dict of Tensor, optional
        Zeros like the tensors that `read` gives; None where it gives pictures.
    notes : tuple of str
        What the user should hear of the choice of pictures.
    """

    facts: Mapping[str, Any]
    image_ids: tuple[str, ...]
    class_names: tuple[str, ...]
    read: Callable[[int], Image.Image | Inputs]
    classes: tuple[str, ...] = ()
    labels: tuple[int, ...] | None = None
    form: Inputs | None = field(default=None, compare=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.classes:
            object.__setattr__(self, "classes", tuple(sorted(set(self.class_names))))

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the tensor that maps are made of; None for pictures."""
        return None if self.form is None else tuple(main_tensor(self.form).shape)

    def fingerprint(self) -> str:
        """sha256 over the ids and class names, in order."""
        rows = zip(self.image_ids, self.class_names, strict=True)
        lines = "".join(f"{image_id}\t{name}\n" for image_id, name in rows)
        return hashlib.sha256(lines.encode()).hexdigest()

    def chosen(self, positions: Sequence[int]) -> "Pictures":
        """The pictures at some positions, in that order."""
        return replace(
            self,
            image_ids=tuple(self.image_ids[i] for i in positions),
            class_names=tuple(self.class_names[i] for i in positions),
            labels=self.labels and tuple(self.labels[i] for i in positions),
            read=partial(_read_chosen, self.read, tuple(positions)),
        )

    def take(
        self, n_per_class: Mapping[str, int | None], others: int | None
    ) -> "Pictures":
        """Some pictures of each class, evenly from its sorted ids, in their order.

        Parameters
        ----------
        n_per_class : mapping of class name to number
            A class with fewer gives all it has; None means all.
        others : int or None
            How many of each class that is not named; None means all.

        Returns
        -------
        Pictures

        Raises
        ------
        ImagesError
            If a named class has no pictures, or none are left.
        UsageError
            If a number is negative.
        """
        if min([others or 0, *(n or 0 for n in n_per_class.values())]) < 0:
            raise UsageError("a number of images to take must be at least 0")
        there = set(self.class_names)
        missing = [name for name in n_per_class if name not in there]
        if missing:
            raise ImagesError(
                f"{self.facts['name']} has no images of {', '.join(missing)}; "
                f"it has {_some(sorted(there))}"
            )
        kept = some_of_each_class(self.image_ids, self.class_names, n_per_class, others)
        if not kept:
            raise ImagesError(f"no images of {self.facts['name']} were asked for")
        choice = {"n_per_class": dict(n_per_class), "others": others}
        taken = [*self.facts.get("taken", ()), choice]
        return replace(self.chosen(kept), facts={**self.facts, "taken": taken})


def _read_chosen(
    read: Callable[[int], Image.Image | Inputs], positions: tuple[int, ...], index: int
) -> Image.Image | Inputs:
    return read(positions[index])


def _some(names: Sequence[str], n: int = 12) -> str:
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(names[:n]) + more


def numbered_ids(n_images: int, prefix: str = "") -> tuple[str, ...]:
    """Ids that sort as they count: "test/00000", "test/00001", ..."""
    width = max(5, len(str(n_images - 1)))
    return tuple(f"{prefix}{i:0{width}}" for i in range(n_images))


def array_pictures(
    facts: Mapping[str, Any],
    image_ids: Sequence[str],
    class_names: Sequence[str],
    pixels: npt.NDArray[np.uint8],
    mode: Mode,
    *,
    classes: Sequence[str] = (),
    labels: Sequence[int] | None = None,
) -> Pictures:
    """Pictures whose pixels are in memory.

    Parameters
    ----------
    facts : mapping
    image_ids, class_names : sequence of str, length n_images
    pixels : np.ndarray, shape (n_images, height, width) or (n_images, height, width, 3)
        0 to 255.
    mode : {"RGB", "L"}
    classes, labels
        See :class:`Pictures`.

    Returns
    -------
    Pictures
    """
    return Pictures(
        facts,
        tuple(image_ids),
        tuple(class_names),
        partial(_read_array, pixels, mode),
        tuple(classes),
        None if labels is None else tuple(int(label) for label in labels),
    )


def _read_array(pixels: npt.NDArray[np.uint8], mode: Mode, index: int) -> Image.Image:
    return Image.fromarray(pixels[index]).convert(mode)
