"""One class of a label set, and how its names are compared."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import SupportsIndex

__all__ = [
    "WNID",
    "ClassLabel",
    "echo",
    "fold",
    "has_word",
    "listed_labels",
    "unique_names",
]

WNID = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class ClassLabel:
    """One class of a label set.

    Attributes
    ----------
    index : int
        Position in the network's label set, from 0.
    name : str
        First lemma; with the wnid behind it where another class has the same one.
    wnid : str
        WordNet id such as "n02690373"; "" where the class has none.
    lemmas : tuple of str
        Every name of the class.
    gloss : str
        What WordNet says it is; "" where unknown.
    """

    index: int
    name: str
    wnid: str = ""
    lemmas: tuple[str, ...] = ()
    gloss: str = ""

    def __str__(self) -> str:
        """Index, wnid and lemmas, as in "404 n02690373 airliner"."""
        names = ", ".join(self.lemmas) or self.name
        return " ".join(filter(None, (str(self.index), self.wnid, names)))


def echo(query: str | SupportsIndex, label: ClassLabel) -> str:
    """One line that says what was taken for a query.

    Returns
    -------
    str

    Examples
    --------
    >>> echo("plane", ClassLabel(404, "airliner", "n02690373"))
    'plane -> 404 n02690373 airliner'
    """
    return f"{query} -> {label}"


def unique_names(labels: Sequence[ClassLabel]) -> list[ClassLabel]:
    """The same classes; the wnid stands behind a name that several have.

    Returns
    -------
    list of ClassLabel
    """
    n_called = Counter(fold(label.name) for label in labels)
    return [
        replace(label, name=f"{label.name} ({label.wnid})")
        if label.wnid and n_called[fold(label.name)] > 1
        else label
        for label in labels
    ]


def fold(name: str) -> str:
    """A name as it is compared: case, "_" and "-" do not count.

    Returns
    -------
    str

    Examples
    --------
    >>> fold(" Drop_Off")
    'drop off'
    """
    return " ".join(re.split(r"[\s_-]+", name.casefold().strip()))


def has_word(word: str, *texts: str) -> bool:
    """Whether a text has a word, or several in this order, as whole words.

    Returns
    -------
    bool
    """
    pattern = rf"\b{re.escape(word)}\b"
    return bool(word) and any(re.search(pattern, fold(text)) for text in texts)


def listed_labels(labels: Iterable[ClassLabel]) -> str:
    """Classes with what WordNet says they are, for a message.

    Returns
    -------
    str
    """
    return "; ".join(
        f"{label} ({_shortened(label.gloss)})" if label.gloss else str(label)
        for label in labels
    )


def _shortened(gloss: str, length: int = 60) -> str:
    if len(gloss) <= length:
        return gloss
    return gloss[:length].rsplit(" ", 1)[0] + " ..."
