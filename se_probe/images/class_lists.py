"""Lists of class names in the many forms that data sets and files have them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from se_probe.errors import UsageError

__all__ = ["class_list", "read_class_names"]


def class_list(classes: Any) -> list[str]:
    """Names of classes in the order of their indices.

    Parameters
    ----------
    classes : sequence, array or mapping
        Names; tuples of several names of each class, as torchvision's ImageNet has
        them; a mapping of name to index, or of index to name or (wnid, name).

    Returns
    -------
    list of str
        Of several names the first, or all of them where the first is not the class's
        alone; of a wnid and a name the wnid.

    Raises
    ------
    UsageError
        If the indices of a mapping are not 0 to n - 1, or `classes` holds no names.

    Examples
    --------
    >>> class_list({"cat": 1, "ant": 0})
    ['ant', 'cat']
    >>> class_list([("crane", "lifting device"), ("crane", "bird"), ("tench", "fish")])
    ['crane, lifting device', 'crane, bird', 'tench']
    """
    if isinstance(classes, Mapping):
        classes = _in_order(classes)
    elif hasattr(classes, "tolist"):
        classes = classes.tolist()
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise UsageError(
            "expected a list of class names, one for each output of the network, got "
            f"{type(classes).__name__} ({str(classes)[:60]!r})"
        )
    names = [_names_of(each) for each in classes]
    firsts = [each[0] for each in names]
    return [
        first if firsts.count(first) == 1 else ", ".join(each)
        for first, each in zip(firsts, names, strict=True)
    ]


def read_class_names(path: str | Path) -> list[str]:
    """Class names of a file: one a line, or JSON (a list, or a map with indices).

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of str
        As :func:`class_list`.

    Raises
    ------
    UsageError
        If the file is not there, or holds no class names.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a UTF-8 text"
        raise UsageError(f"{path} holds no class names ({reason})") from error
    if text.lstrip().startswith(("[", "{")):
        names = _names_in_json(text, path)
    else:
        names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        raise UsageError(f"{path} holds no class names; expected one a line, or JSON")
    return names


def _names_in_json(text: str, path: str | Path) -> list[str]:
    try:
        return class_list(json.loads(text))
    except UsageError as error:
        raise UsageError(f"{path} holds no class names ({error})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON ({error})") from error


def _in_order(classes: Mapping[Any, Any]) -> list[Any]:
    """What a mapping says of each index, from 0."""
    by_index = {_integer(key): value for key, value in classes.items()}
    if None in by_index:
        by_index = {_integer(value): key for key, value in classes.items()}
    if set(by_index) != set(range(len(classes))):
        raise UsageError(
            f"expected the indices 0 to {len(classes) - 1} in the map of class names, "
            f"one for each of the {len(classes)} entries"
        )
    return [by_index[index] for index in range(len(classes))]


def _integer(value: Any) -> int | None:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    is_index = isinstance(value, int) and not isinstance(value, bool)
    return value if is_index else None


def _names_of(each: Any) -> list[str]:
    names = [name for name in each if name is not None] if _is_list(each) else [each]
    if not names or any(_is_list(n) or isinstance(n, _NO_NAMES) for n in names):
        raise UsageError(
            f"expected the name of a class, or several, got {str(each)[:60]!r}"
        )
    return [str(name) for name in names]


_NO_NAMES = (type(None), bool, Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple | list)
