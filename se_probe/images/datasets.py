"""Any torch Dataset of (image, label), as pictures."""

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from se_probe.errors import ImagesError
from se_probe.images.dataset_labels import class_labels, innermost, name_of
from se_probe.images.decode import to_mode
from se_probe.images.items import inputs_of, not_prepared, shapes_of
from se_probe.images.pictures import Pictures, numbered_ids
from se_probe.images.preprocessing import Preprocessing
from se_probe.running import Inputs, describe_output, map_inputs

__all__ = ["dataset_pictures"]


def dataset_pictures(
    dataset: Dataset[Any], preprocessing: Preprocessing | None
) -> Pictures:
    """Pictures, or tensors of any shape, of a map-style torch Dataset, in its order.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Of (image, label), or of dicts such as {"image": ..., "label": ...}. Pillow
        images, and arrays of uint8 with shape (height, width) or (height, width, 3),
        are preprocessed. Tensors of whatever shape are taken as they are; all have the
        same. Several tensors, as a tuple in the order of the network's arguments or as
        a dict by their names, are the inputs of a network with several.
        ``dataset.classes[label]`` names the class where there is one (or
        ``dataset.wnids[label]``), ``str(label)`` else.
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
    form = _form_of_tensors(dataset, n_images)
    read = partial(_read_item, dataset, preprocessing, form)
    with suppress(OSError):  # a damaged first picture is skipped later, like any other
        read(0)
    values, names = class_labels(dataset)
    facts: dict[str, Any] = {
        "kind": "dataset",
        "name": type(innermost(dataset)).__name__,
        "path": None,
        "split": None,
        "decoder": "as the data set gives them",
    }
    if form is not None and not isinstance(form, Tensor):
        facts["inputs"] = shapes_of(form)
    numbers = tuple(value for value in values if isinstance(value, int))
    return Pictures(
        facts,
        numbered_ids(n_images),
        tuple(name_of(value, names) for value in values),
        read,
        tuple(names),
        numbers if len(numbers) == len(values) else None,
        form,
    )


def _form_of_tensors(dataset: Dataset[Any], n_images: int) -> Inputs | None:
    """Zeros like the first item that can be read; None where it is a picture."""
    for index in range(n_images):
        with suppress(OSError):
            item = inputs_of(dataset[index], index)
            is_tensors = isinstance(item, Tensor | tuple | dict)
            return map_inputs(torch.zeros_like, item) if is_tensors else None
    return None


def _read_item(
    dataset: Dataset[Any],
    preprocessing: Preprocessing | None,
    form: Inputs | None,
    index: int,
) -> Image.Image | Inputs:
    given = inputs_of(dataset[index], index)
    if form is not None:
        return _checked(given, form, index)
    if isinstance(given, np.ndarray):
        given = _from_array(given)
    if not isinstance(given, Image.Image):
        raise ImagesError(
            "expected the images of a torch Dataset to be Pillow images, arrays or "
            f"tensors, got {type(given).__name__} as item {index}"
        )
    if preprocessing is None:
        raise ImagesError(
            "pictures have to be prepared as the network takes them: give its "
            "preprocessing, or a Dataset of tensors that are prepared already"
        )
    return to_mode(given, preprocessing.mode)


def _checked(given: Any, form: Inputs, index: int) -> Inputs:
    """The tensors of an item, if they are as many and as large as the first one's."""
    if not isinstance(given, Tensor | tuple | dict):
        raise ImagesError(not_prepared(type(given).__name__, f"item {index}"))
    if (
        isinstance(form, dict)
        and isinstance(given, dict)
        and form.keys() <= given.keys()
    ):
        given = {name: given[name] for name in form}
    if shapes_of(given) != shapes_of(form):
        raise ImagesError(
            f"expected tensors of one shape, so that they make batches, got "
            f"{describe_output(given)} as item {index}, and {describe_output(form)} "
            "before. Let the Dataset pad or crop them"
        )
    checked: Inputs = given
    return checked


def _from_array(image: np.ndarray[Any, Any]) -> Image.Image:
    is_picture = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in {3, 4})
    if image.dtype != np.uint8 or not is_picture:
        raise ImagesError(
            "expected arrays of uint8, of shape (height, width) or (height, width, 3), "
            f"got {image.dtype} of shape {image.shape}"
        )
    return Image.fromarray(image)
