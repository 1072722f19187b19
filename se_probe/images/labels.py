"""Which output of a network each image's class is: the one place that decides."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from se_probe.class_names import LabelSet, label_set
from se_probe.errors import AmbiguousClassError, ClassNameError, ImagesError
from se_probe.images.batches import LabelledImages, LabelOrder
from se_probe.stats import wilson_interval

__all__ = ["ImageLabels", "label_images"]

# Another reading must be right this much more often before it is worth a warning.
_MUCH_HIGHER = 0.2
_N_SHOWN = 4

# Class index of each image.
_Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageLabels:
    """The class of each image as an output of the network.

    Parameters
    ----------
    class_names : LabelSet
        The network's, with the names of the images' classes where it had none.
    class_index : np.ndarray of int, shape (n_images,)
        -1 where the class is none of the network's.
    names, wnids : tuple of str, length n_images
        In the words of `class_names`; of a class that is not in it its own name.
    rule : str
        How the two were brought together, in one sentence.
    others : mapping of str to np.ndarray of int, each of shape (n_images,)
        Class indices as another label order would have them.
    """

    class_names: LabelSet
    class_index: _Indices
    names: tuple[str, ...]
    wnids: tuple[str, ...]
    rule: str
    others: Mapping[LabelOrder, _Indices]

    def doubt(self, predicted: npt.NDArray[np.integer]) -> str:
        """Warning where another label order fits what was predicted much better.

        Parameters
        ----------
        predicted : np.ndarray of int, shape (n_images,)
            -1 where nothing was predicted.

        Returns
        -------
        str
            "" where there is no reason to doubt.
        """
        done = predicted >= 0
        if not done.any():
            return ""
        taken = float((self.class_index == predicted)[done].mean())
        accuracy = {
            order: float((indices == predicted)[done].mean())
            for order, indices in self.others.items()
        }
        best = max(accuracy, key=accuracy.__getitem__, default=None)
        if best is None or accuracy[best] - taken <= _MUCH_HIGHER:
            return ""
        # What always says the same class is right as often as that class is there.
        largest = np.unique(self.others[best][done], return_counts=True)[1].max()
        n_hits = round(accuracy[best] * done.sum())
        if wilson_interval(n_hits, int(done.sum()))[0] <= largest / done.sum():
            return ""
        return (
            f"the accuracy is {100 * taken:.1f} %, and would be "
            f"{100 * accuracy[best]:.1f} % with the label order {best!r} "
            f"(--label-order {best}; in Python label_order={best!r}). {self.rule}"
        )


def label_images(images: LabelledImages, class_names: LabelSet) -> ImageLabels:
    """Bring the classes of images and the outputs of a network together.

    The first that applies:

    * the label order that was asked for;
    * a data set's own integer labels (unless it has fewer or more classes than the
      network outputs and names classes of the network: an ImageFolder of a few
      ImageNet classes counts them from 0);
    * the names that the network has for its outputs;
    * class names that mean ImageNet classes, where it has 1000 outputs;
    * where there are as many classes as outputs, their order as torchvision's
      ImageFolder has it, sorted as strings;
    * class names that are numbers, as indices.

    Parameters
    ----------
    images : LabelledImages
        With the label order that was asked for, if any.
    class_names : LabelSet
        The network's, one per output.

    Returns
    -------
    ImageLabels

    Raises
    ------
    AmbiguousClassError
        If a class of the images means several classes of the network.
    ImagesError
        If the label order does not fit the classes.
    """
    reading = _choose(images, class_names)
    index = reading.indices
    known = [reading.class_names[i] if i >= 0 else None for i in index.tolist()]
    own = images.class_names
    return ImageLabels(
        reading.class_names,
        index,
        tuple(label.name if label else own[i] for i, label in enumerate(known)),
        tuple(label.wnid if label else "" for label in known),
        reading.rule,
        _others(images, class_names, index),
    )


@dataclass(frozen=True)
class _Reading:
    class_names: LabelSet
    indices: _Indices
    rule: str


def _choose(images: LabelledImages, network: LabelSet) -> _Reading:
    classes, n_outputs = images.classes, len(network)
    if not n_outputs:
        return _unknown(images, network)
    if images.label_order is not None:
        return _ordered(images, network, images.label_order)
    if images.labels is not None and not _speaks_by_name(images, network):
        return _own_labels(images, network)
    is_imagenet = network.is_assumed and n_outputs == 1000
    if not network.is_assumed or (is_imagenet and _are_all_known(classes, network)):
        return _ordered(images, network, "name")
    if len(classes) == n_outputs:
        return _ordered(images, network, "sorted")
    return _ordered(images, network, "name" if is_imagenet else "index")


def _unknown(images: LabelledImages, network: LabelSet) -> _Reading:
    return _Reading(
        network,
        np.full(len(images), -1, np.int64),
        "The network's classes are not known: images keep the class names of the data, "
        "and nothing is predicted.",
    )


def _speaks_by_name(images: LabelledImages, network: LabelSet) -> bool:
    """Whether a data set's integers cannot be outputs, but its names are known."""
    # An ImageFolder of some ImageNet classes counts them from 0.
    return (
        len(images.classes) != len(network)
        and not _are_numbers(images.classes)
        and any(_find(network, name) >= 0 for name in images.classes)
    )


def _own_labels(images: LabelledImages, network: LabelSet) -> _Reading:
    labels = np.array(images.labels, np.int64)
    indices = np.where((labels >= 0) & (labels < len(network)), labels, -1)
    names = images.classes
    if not _are_numbers(names):
        network = _named(network, names)
    rule = "The data set's own integer labels are taken as the network's outputs."
    return _Reading(network, indices, rule)


def _ordered(images: LabelledImages, network: LabelSet, order: LabelOrder) -> _Reading:
    """Classes as one of the label orders has them."""
    if order == "name":
        return _by_name(images, network)
    if order == "sorted":
        return _as_sorted(images, network)
    return _as_numbers(images, network)


def _by_name(images: LabelledImages, network: LabelSet) -> _Reading:
    found = sum(_find(network, name) >= 0 for name in images.classes)
    assumed = "which is assumed for its 1000 outputs" if network.is_assumed else ""
    return _Reading(
        network,
        _by_class(images, lambda name: _find(network, name, strict=True)),
        f"Classes are taken by name: {found} of the {len(images.classes)} classes of "
        f"the images are in {', '.join(filter(None, (network.name, assumed)))}.",
    )


def _as_sorted(images: LabelledImages, network: LabelSet) -> _Reading:
    classes = sorted(images.classes)
    if len(classes) > len(network):
        raise ImagesError(
            "the label order 'sorted' needs no more classes than the network has "
            f"outputs, got {len(classes)} classes and {len(network)} outputs"
        )
    shown = ", ".join(classes[:_N_SHOWN]) + (", ..." if classes[_N_SHOWN:] else "")
    return _Reading(
        _named(network, classes),
        _sorted(images),
        f"The {len(classes)} classes of the images are taken as outputs 0 to "
        f"{len(classes) - 1} in the order of torchvision's ImageFolder, sorted as "
        f"text: {shown}.",
    )


def _as_numbers(images: LabelledImages, network: LabelSet) -> _Reading:
    numbered = [name for name in images.classes if _number(name) is not None]
    if images.label_order == "index" and len(numbered) < len(images.classes):
        other = next(name for name in images.classes if name not in numbered)
        raise ImagesError(
            "the label order 'index' needs classes that are numbers, got "
            f"{other!r}. Give the names of the network's classes instead"
        )
    n_outputs, n_classes = len(network), len(images.classes)
    rule = (
        f"Of the {n_classes} classes of the images, the {len(numbered)} that are "
        f"numbers are taken as indices of the network's {n_outputs} outputs."
    )
    if not numbered:
        rule = (
            f"The network does not name its {n_outputs} outputs, and so none of the "
            f"{n_classes} classes of the images is known to it."
        )
    return _Reading(network, _by_number(images, n_outputs), rule)


def _named(network: LabelSet, names: tuple[str, ...] | list[str]) -> LabelSet:
    """Label set with names for the first outputs, unless it has its own."""
    rest = [str(index) for index in range(len(names), len(network))]
    is_usable = len({*names, *rest}) == len(names) + len(rest) == len(network)
    if not network.is_assumed or not is_usable:
        return network
    return label_set([*names, *rest])


def _others(
    images: LabelledImages, network: LabelSet, taken: _Indices
) -> dict[LabelOrder, _Indices]:
    readings: dict[LabelOrder, _Indices] = {
        "name": _by_class(images, lambda name: _find(network, name)),
        "index": _by_number(images, len(network)),
    }
    if len(images.classes) <= len(network):
        readings["sorted"] = _sorted(images)
    return {
        order: indices
        for order, indices in readings.items()
        if not np.array_equal(indices, taken)
    }


def _sorted(images: LabelledImages) -> _Indices:
    position = {name: index for index, name in enumerate(sorted(images.classes))}
    return _by_class(images, lambda name: position.get(name, -1))


def _by_number(images: LabelledImages, n_outputs: int) -> _Indices:
    def index(name: str) -> int:
        number = _number(name)
        return -1 if number is None or number >= n_outputs else number

    return _by_class(images, index)


def _number(name: str) -> int | None:
    return int(name) if re.fullmatch(r"\s*\d{1,9}\s*", name) else None


def _by_class(images: LabelledImages, index_of: Callable[[str], int]) -> _Indices:
    known = {name: index_of(name) for name in dict.fromkeys(images.class_names)}
    return np.array([known[name] for name in images.class_names], np.int64)


def _find(network: LabelSet, name: str, *, strict: bool = False) -> int:
    """Index of a class; -1 where there is none, or (unless `strict`) several."""
    try:
        return network.find(name, suggests=False).index
    except ClassNameError as error:
        if strict and isinstance(error, AmbiguousClassError):
            raise
        return -1


def _are_all_known(classes: tuple[str, ...], network: LabelSet) -> bool:
    return all(_find(network, name) >= 0 for name in classes)


def _are_numbers(names: tuple[str, ...]) -> bool:
    return all(re.fullmatch(r"\s*-?\d+\s*", name) for name in names)
