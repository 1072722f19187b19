"""What a run was begun with, against what it would be now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Change", "begun_otherwise", "changes", "in_short"]


@dataclass(frozen=True)
class Change:
    """Something that is no longer as it was.

    Parameters
    ----------
    what, then, now : str
    """

    what: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.what} ({self.then} then, {self.now} now)"


def changes(
    words: Mapping[str, str], then: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[Change, ...]:
    """Settings that differ, as they were and as they are.

    Parameters
    ----------
    words : mapping
        What each key that counts is called in a message.
    then, now : mapping
        Values of plain JSON types.

    Returns
    -------
    tuple of Change

    Examples
    --------
    >>> [str(change) for change in changes({"lr": "peak rate"}, {"lr": 1}, {"lr": 2})]
    ['peak rate (1 then, 2 now)']
    """
    return tuple(
        Change(what, in_short(then.get(key)), in_short(now.get(key)))
        for key, what in words.items()
        if then.get(key) != now.get(key)
    )


def begun_otherwise(what: str, different: Sequence[Change]) -> str:
    """Sentence that refuses to continue a run which was begun with other settings.

    Parameters
    ----------
    what : str
        What was begun, such as "the record".
    different : sequence of Change

    Returns
    -------
    str
    """
    return (
        f"{what} was begun with another {'; another '.join(map(str, different))}. Give "
        "the settings it was begun with, another name, or --force to start over"
    )


def in_short(value: Any, length: int = 60) -> str:
    """Show a setting in few words.

    Parameters
    ----------
    value : JSON
    length : int, default 60
        Longest text, in characters.

    Returns
    -------
    str

    Examples
    --------
    >>> in_short({"name": "val", "n_images": 9, "sha256": "1f"}), in_short([0.5], 4)
    ('9 of val', '1 of them')
    """
    if isinstance(value, Mapping) and "n_images" in value:
        return f"{value['n_images']} of {value['name']}"
    text = "not said" if value is None else str(value)
    if len(text) <= length:
        return text
    if isinstance(value, list):
        return f"{len(value)} of them"
    return f"{text[: length - 3]}..."
