"""Any torch Dataset of (image, label), as pictures."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from se_probe.errors import ImagesError
from se_probe.images.class_lists import class_list
from se_probe.images.decode import to_mode
from se_probe.images.pictures import Pictures, numbered_ids
from se_probe.images.preprocessing import Preprocessing

__all__ = ["dataset_pictures"]


def dataset_pictures(
    dataset: Dataset[Any], preprocessing: Preprocessing | None
) -> Pictures:
    """Pictures, or tensors of any shape, of a map-style torch Dataset, in its order.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Of (image, label). Pillow images, and arrays of uint8 with shape
        (height, width) or (height, width, 3), are preprocessed. Tensors of whatever
        shape are taken as they are; all have the same. ``dataset.classes[label]`` names
        the class where there is one (or ``dataset.wnids[label]``), ``str(label)``
        else.
    preprocessing : Preprocessing, optional
        Tensors need none.

    Returns
    -------
    Pictures

    Raises
    ------
    ImagesError
        If it has no length, is empty, or its first item cannot be used; if a label is
        not one class.
    """
    if isinstance(dataset, DataLoader):
        raise ImagesError(
            "expected a torch Dataset, got a DataLoader, whose order may change: give "
            "loader.dataset, and batch_size and workers as arguments"
        )
    n_images = len(dataset) if hasattr(dataset, "__len__") else 0
    if not n_images:
        raise ImagesError(
            "expected a map-style torch Dataset with at least one item, got "
            f"{type(dataset).__name__}"
        )
    shape = _shape_of_tensors(dataset, n_images)
    read = partial(_read_item, dataset, preprocessing, shape)
    with suppress(OSError):  # a damaged first picture is skipped later, like any other
        read(0)
    names = _names_of_classes(_innermost(dataset))
    facts = {
        "kind": "dataset",
        "name": type(_innermost(dataset)).__name__,
        "path": None,
        "split": None,
        "decoder": "as the data set gives them",
    }
    values = [_plain(label, index) for index, label in enumerate(_labels(dataset))]
    numbers = tuple(value for value in values if isinstance(value, int))
    return Pictures(
        facts,
        numbered_ids(n_images),
        tuple(_class_name(value, names) for value in values),
        read,
        tuple(names),
        numbers if len(numbers) == len(values) else None,
        shape,
    )


def _names_of_classes(dataset: Any) -> list[str]:
    """Names of a data set's classes by index; none where it does not say them."""
    classes = getattr(dataset, "classes", None)
    if classes is None or not len(classes):
        return []
    wnids = getattr(dataset, "wnids", None)
    # torchvision's ImageNet: a wnid means one class, a lemma may mean two.
    if wnids is not None and len(wnids) == len(classes):
        return [str(wnid) for wnid in wnids]
    names = class_list(classes)
    return names if len(set(names)) == len(names) else []


def _innermost(dataset: Dataset[Any]) -> Dataset[Any]:
    return _innermost(dataset.dataset) if isinstance(dataset, Subset) else dataset


def _labels(dataset: Any) -> list[Any]:
    """Every label, without reading the images where the data set allows it."""
    if isinstance(dataset, Subset):
        labels = _labels(dataset.dataset)
        return [labels[i] for i in dataset.indices]
    targets = getattr(dataset, "targets", None)
    if (
        targets is not None
        and len(targets) == len(dataset)
        # With a target transform, `targets` is not what the items say.
        and getattr(dataset, "target_transform", None) is None
    ):
        return list(targets)
    return [_label(dataset, index) for index in range(len(dataset))]


def _label(dataset: Any, index: int) -> Any:
    try:
        return dataset[index][1]
    except OSError as error:
        raise ImagesError(
            f"item {index} of the torch Dataset cannot be read ({error}), and so its "
            "label is not known; leave it out, or give the data set a list `targets`"
        ) from error


def _plain(label: Any, index: int) -> int | str:
    """A label as a number or name; refuses what is not one class."""
    value = label
    if hasattr(label, "tolist"):  # of torch and NumPy
        value = label.tolist()
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return value
    shape = f" of shape {tuple(label.shape)}" if hasattr(label, "shape") else ""
    raise ImagesError(
        "expected one class for each item of the torch Dataset, as an integer or a "
        f"name, got {type(label).__name__}{shape} as the label of item {index}. Where "
        "an item has several classes, let the data set choose one, such as "
        "label.argmax(), or give 0 for all of them: gates need no classes"
    )


def _class_name(value: int | str, names: Sequence[str]) -> str:
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return str(value)


def _shape_of_tensors(dataset: Dataset[Any], n_images: int) -> tuple[int, ...] | None:
    """Shape of the first item that can be read; None where it is no tensor."""
    for index in range(n_images):
        with suppress(OSError):
            item = _item(dataset, index)
            return tuple(item.shape) if isinstance(item, Tensor) else None
    return None


def _item(dataset: Dataset[Any], index: int) -> Any:
    """What an item holds beside its label."""
    item = dataset[index]
    if not isinstance(item, Sequence) or len(item) != 2:
        raise ImagesError(
            f"expected a torch Dataset of (image, label), got {type(item).__name__} "
            f"as item {index}"
        )
    return item[0]


def _read_item(
    dataset: Dataset[Any],
    preprocessing: Preprocessing | None,
    shape: tuple[int, ...] | None,
    index: int,
) -> Image.Image | Tensor:
    image = _item(dataset, index)
    if isinstance(image, Tensor) or shape is not None:
        return _checked_tensor(image, shape, index)
    if isinstance(image, np.ndarray):
        image = _from_array(image)
    if not isinstance(image, Image.Image):
        raise ImagesError(
            "expected the images of a torch Dataset to be Pillow images, arrays or "
            f"tensors, got {type(image).__name__}"
        )
    if preprocessing is None:
        raise ImagesError(
            "pictures have to be prepared as the network takes them: give its "
            "preprocessing, or a Dataset of tensors that are prepared already"
        )
    return to_mode(image, preprocessing.mode)


def _checked_tensor(image: Any, shape: tuple[int, ...] | None, index: int) -> Tensor:
    if not isinstance(image, Tensor) or not image.is_floating_point():
        kind = image.dtype if isinstance(image, Tensor) else type(image).__name__
        raise ImagesError(
            "a torch Dataset that gives tensors must give them as the network takes "
            f"them, of floating-point numbers, got {kind} as item {index}. Or let it "
            "give Pillow images"
        )
    if tuple(image.shape) != shape:
        raise ImagesError(
            f"expected tensors of one shape, so that they make batches, got "
            f"{tuple(image.shape)} as item {index}, and {shape} before. Let the "
            "Dataset pad or crop them"
        )
    return image.float()


def _from_array(image: np.ndarray[Any, Any]) -> Image.Image:
    is_picture = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in {3, 4})
    if image.dtype != np.uint8 or not is_picture:
        raise ImagesError(
            "expected arrays of uint8, of shape (height, width) or (height, width, 3), "
            f"got {image.dtype} of shape {image.shape}"
        )
    return Image.fromarray(image)
