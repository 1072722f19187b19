"""Which of a network's outputs holds the class scores.

Networks answer with a tensor, a tuple, a dict, a dataclass, or these within each
other: logits beside an embedding, auxiliary heads, feature maps. Whoever needs
predictions asks here, so that all of se_probe takes the same output for the scores.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

__all__ = ["class_scores", "describe_output"]

# What the class scores are called where outputs have names: Transformers and most
# others say `logits`, torchvision's dicts say `out`.
_NAMES = ("logits", "out")


def class_scores(
    output: Any, n_classes: int | None = None, *, batch_size: int | None = None
) -> Tensor | None:
    """The class scores among what a network gave back.

    Of all tensors of shape (batch, classes), or that with trailing axes of length 1,
    the one named `logits`, else the one named `out`, else the first one; dicts, lists,
    (named) tuples and dataclasses are looked through in their order, however deep.

    Parameters
    ----------
    output : Any
        What the network returned for one batch.
    n_classes : int, optional
        Number of classes that the network knows; a tensor of another width does not
        hold their scores. Where it is not known, any width of at least 2 fits, unless
        unnamed tensors of different widths leave open which one is meant.
    batch_size : int, optional
        Number of images in the batch, if it shall be checked too.

    Returns
    -------
    Tensor or None
        Shape (batch, classes); a view of the network's own tensor. None where nothing
        fits: feature maps, embeddings, one number per image.

    Examples
    --------
    >>> import torch
    >>> embedding, logits = torch.zeros(2, 512), torch.ones(2, 10)
    >>> class_scores((embedding, logits), 10) is logits
    True
    >>> class_scores({"features": embedding, "out": {"head": logits}}, 10) is logits
    True
    >>> class_scores(torch.ones(2, 10, 1, 1)).shape
    torch.Size([2, 10])
    >>> class_scores(torch.ones(2, 10, 7, 7), 10) is None
    True
    """
    fitting = [
        (names, tensor.flatten(1) if tensor.ndim > 2 else tensor)
        for names, tensor in _tensors(output)
        if _fits(tensor, n_classes, batch_size)
    ]
    for name in _NAMES:
        for names, scores in fitting:
            if name in names:
                return scores
    widths = {scores.shape[1] for _, scores in fitting}
    return fitting[0][1] if len(widths) == 1 else None


def describe_output(output: Any) -> str:
    """The tensors of a network's output with their shapes, for a message.

    Parameters
    ----------
    output : Any

    Returns
    -------
    str

    Examples
    --------
    >>> import torch
    >>> describe_output({"map": torch.zeros(2, 8, 7, 7), "boxes": [torch.zeros(2, 4)]})
    'map (2, 8, 7, 7), boxes (2, 4)'
    >>> describe_output(None)
    'no tensor'
    """
    tensors = [
        f"{'.'.join(names)} {tuple(tensor.shape)}".lstrip()
        for names, tensor in _tensors(output)
    ]
    return ", ".join(tensors) or "no tensor"


def _fits(tensor: Tensor, n_classes: int | None, batch_size: int | None) -> bool:
    shape = tuple(tensor.shape)
    is_table = len(shape) >= 2 and all(side == 1 for side in shape[2:])
    if not is_table or not tensor.is_floating_point():
        return False
    if batch_size is not None and shape[0] != batch_size:
        return False
    return shape[1] == n_classes if n_classes is not None else shape[1] >= 2


def _tensors(
    output: Any, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """All tensors of an output in its order, each with the names that lead to it."""
    if isinstance(output, Tensor):
        yield names, output
    else:
        for name, value in _members(output):
            yield from _tensors(value, names if name is None else (*names, name))


def _members(output: Any) -> Iterator[tuple[str | None, Any]]:
    """What an output is made of; the names of what has no name are None."""
    if isinstance(output, Mapping):
        yield from ((str(name), value) for name, value in output.items())
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        yield from zip(output._fields, output, strict=True)
    elif isinstance(output, tuple | list):
        yield from ((None, value) for value in output)
    elif is_dataclass(output) and not isinstance(output, type):
        yield from ((each.name, getattr(output, each.name)) for each in fields(output))
