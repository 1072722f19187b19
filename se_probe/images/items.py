"""What an item of a torch Dataset holds: the input or inputs, and a label."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, from_numpy

from se_probe.errors import ImagesError
from se_probe.running import Inputs, input_tensors

__all__ = ["inputs_of", "label_key", "label_of", "not_prepared", "shapes_of"]

# What data sets that give dicts call the class.
_LABEL_KEYS = (
    "label",
    "labels",
    "target",
    "targets",
    "class",
    "class_id",
    "class_idx",
    "class_index",
    "cls",
    "y",
)
# What tells samples apart and is no input.
_NUMBER_KEYS = frozenset({"id", "idx", "index", "image_id", "sample_id"})


def label_of(item: Any, index: int) -> Any:
    """Label of an item, as it is given.

    Parameters
    ----------
    item : Any
        What ``dataset[index]`` gave.
    index : int

    Returns
    -------
    Any

    Raises
    ------
    ImagesError
        If the item has none, or it is not clear which of its parts it is.
    """
    named = _named(item)
    if named is not None:
        return named[label_key(named, index)]
    return _pair(item, index)[1]


def inputs_of(item: Any, index: int) -> Any:
    """What an item holds beside its label.

    Parameters
    ----------
    item, index
        As for :func:`label_of`.

    Returns
    -------
    Image, array of uint8, Tensor, tuple of Tensor or dict of Tensor
        A picture, or tensors in the network's number types. Of a dict whatever is a
        picture or tensor: one of them alone, several by their names.

    Raises
    ------
    ImagesError
        If it holds none, or something else.
    """
    named = _named(item)
    if named is not None:
        key = label_key(named, index)
        given: Any = {name: value for name, value in named.items() if name != key}
    else:
        given = _pair(item, index)[0]
        if isinstance(given, Mapping):
            given = dict(given)
    if isinstance(given, dict):
        return _by_name(given, index)
    if isinstance(given, tuple | list):
        return _side_by_side(given, index)
    return _prepared(given, index)


def label_key(item: Mapping[str, Any], index: int) -> str:
    """Name under which a dict holds its class.

    Returns
    -------
    str

    Raises
    ------
    ImagesError
        If there is none, or several.
    """
    found = [name for name in item if str(name).lower() in _LABEL_KEYS]
    if len(found) == 1:
        return found[0]
    has = "none" if not found else "several"
    raise ImagesError(
        f"expected one key for the class in the dicts of the torch Dataset, such as "
        f"{' or '.join(_LABEL_KEYS[:3])}, got {has}: item {index} has the keys "
        f"{_listed(item)}. Let the data set give (inputs, label)"
    )


def not_prepared(kind: Any, where: str) -> str:
    """Why something is no input, for a message."""
    return (
        "a torch Dataset that gives tensors must give them as the network takes "
        f"them, of floating-point numbers, got {kind} as {where}. Or let it "
        "give Pillow images"
    )


def shapes_of(inputs: Inputs) -> Any:
    """Shapes of one input or several, in plain JSON types."""
    shapes = [list(tensor.shape) for tensor in input_tensors(inputs)]
    if isinstance(inputs, dict):
        return dict(zip(inputs, shapes, strict=True))
    return shapes[0] if isinstance(inputs, Tensor) else shapes


def _named(item: Any) -> dict[str, Any] | None:
    """The parts of an item that have names; None where they have none."""
    if isinstance(item, Mapping):
        return dict(item)
    if is_dataclass(item) and not isinstance(item, type):
        return {each.name: getattr(item, each.name) for each in fields(item)}
    if isinstance(item, tuple) and len(getattr(item, "_fields", ())) > 2:
        return dict(zip(item._fields, item, strict=True))  # type: ignore[attr-defined]
    return None


def _pair(item: Any, index: int) -> Sequence[Any]:
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 2:
        return item
    several = isinstance(item, Sequence) and len(item) > 2
    came = f"{len(item)} parts" if several else type(item).__name__
    raise ImagesError(
        f"expected a torch Dataset of (image, label), got {came} as item {index}. "
        "Several inputs are given as ((tensor, ...), label) or as a dict, and what is "
        "neither input nor label is left out"
    )


def _by_name(given: dict[str, Any], index: int) -> Any:
    inputs = {
        str(name): value
        for name, value in given.items()
        if _is_input(value) and str(name).lower() not in _NUMBER_KEYS
    }
    if not inputs:
        raise ImagesError(
            "expected pictures, arrays or tensors in the dicts of the torch Dataset, "
            f"got none under the keys {_listed(given)} of item {index}. Of Hugging "
            "Face's data sets, dataset.with_format('torch') gives tensors"
        )
    if len(inputs) == 1:
        return _prepared(next(iter(inputs.values())), index)
    return {
        name: _tensor(value, f"{name!r} of item {index}")
        for name, value in inputs.items()
    }


def _side_by_side(given: Sequence[Any], index: int) -> Any:
    if len(given) == 1:
        return _prepared(given[0], index)
    return tuple(
        _tensor(value, f"input {number} of item {index}")
        for number, value in enumerate(given)
    )


def _is_input(value: Any) -> bool:
    return isinstance(value, Tensor | Image.Image | np.ndarray)


def _prepared(value: Any, index: int) -> Any:
    """A picture as it is, anything else as the tensor that the network is given."""
    if not isinstance(value, Tensor) and not _is_measurement(value):
        return value
    tensor = _tensor(value, f"item {index}")
    # Numbers of words have one axis; whole numbers in a map are those of pictures.
    if tensor.is_floating_point() or tensor.ndim == 1:
        return tensor
    raise ImagesError(not_prepared(tensor.dtype, f"item {index}"))


def _is_measurement(value: Any) -> bool:
    """Whether an array holds numbers as a network takes them, and no picture."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return False
    return not (value.ndim == 3 and value.shape[2] in {1, 3, 4} and value.shape[0] > 4)


def _tensor(value: Any, where: str) -> Tensor:
    """A tensor of float32, or of whole numbers or truth values as they are."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fib":
        value = from_numpy(np.ascontiguousarray(value))
    if not isinstance(value, Tensor):
        raise ImagesError(not_prepared(type(value).__name__, where))
    if value.is_floating_point():
        return value.detach().float()
    is_byte = value.element_size() == 1 and value.dtype is not torch.bool
    if value.is_complex() or is_byte:  # bytes are those of pictures
        raise ImagesError(not_prepared(value.dtype, where))
    return value


def _listed(names: Mapping[Any, Any]) -> str:
    return ", ".join(f"{name} ({_kind(value)})" for name, value in names.items())


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    name = type(value).__name__
    return name if shape is None else f"{name} {tuple(shape)}"
