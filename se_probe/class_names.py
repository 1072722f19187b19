"""What was typed for a class, and the one class of the label set that it means.

The table ``data/imagenet_classes.csv`` (index, wnid, lemmas, gloss) was written once
from ``timm.data.ImageNetInfo``: `index_to_label_name` gave the wnid,
`index_to_description` the lemmas, and what follows them in the detailed description
the gloss. It is shipped as a file because importing timm loads torch. Lemmas and
glosses are those of WordNet 3.0 (https://wordnet.princeton.edu); index is the position
of the wnid in sorted order, as in torchvision and timm.
"""

import csv
import difflib
import operator
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import SupportsIndex, overload

from se_probe.errors import AmbiguousClassError, ClassNameError

__all__ = [
    "ALIASES",
    "PAPER_CLASSES",
    "ClassLabel",
    "LabelSet",
    "echo",
    "imagenet_labels",
    "label_set",
    "numbered_labels",
]

IMAGENET = "imagenet-1k"
AIRLINER = "n02690373"
# Hu, Shen, Sun. CVPR 2018, section 7.2 (journal version).
PAPER_CLASSES = ("goldfish", "pug", "plane", "cliff")

# Looked up before the lemmas; the first target that the label set has is meant.
# ImageNet's only literal "plane" is the carpenter's tool, and the paper's plane has
# wings; CIFAR-10 and STL-10 have a class "airplane". The last two are torchvision's own
# names for a class whose WordNet name another class has too.
ALIASES = {
    "plane": (AIRLINER, "airplane", "aeroplane"),
    "airplane": (AIRLINER, "airplane", "aeroplane"),
    "aeroplane": (AIRLINER, "airplane", "aeroplane"),
    "crane bird": ("n02012849",),
    "maillot tank suit": ("n03710721",),
}

_WNID = re.compile(r"n\d{8}")
_INTEGER = re.compile(r"[+-]?\d+")
_N_SUGGESTIONS = 5


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


class LabelSet(Sequence[ClassLabel]):
    """The classes a network tells apart, in the order of its outputs.

    Parameters
    ----------
    labels : iterable of ClassLabel
        `index` must be the position.
    name : str
        What messages call the label set, such as "ImageNet-1k".
    spec : str or list of str
        What :func:`label_set` makes the same label set from; plain JSON.
    is_assumed : bool, default False
        Whether nobody said it, and it was taken for want of names.
    """

    def __init__(
        self,
        labels: Iterable[ClassLabel],
        name: str,
        spec: str | list[str],
        *,
        is_assumed: bool = False,
    ) -> None:
        self._labels = tuple(labels)
        self.name = name
        self.spec = spec
        self.is_assumed = is_assumed
        self._by_wnid = {label.wnid: label for label in self._labels if label.wnid}
        self._by_name: dict[str, list[ClassLabel]] = {}
        for label in self._labels:
            for key in {_fold(name) for name in (label.name, *label.lemmas)}:
                self._by_name.setdefault(key, []).append(label)

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[ClassLabel]:
        return iter(self._labels)

    @overload
    def __getitem__(self, index: int) -> ClassLabel: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ClassLabel, ...]: ...
    def __getitem__(self, index: int | slice) -> ClassLabel | tuple[ClassLabel, ...]:
        return self._labels[index]

    def __repr__(self) -> str:
        return f"LabelSet({self.name!r}, {len(self)} classes)"

    def as_assumed(self) -> "LabelSet":
        """The same classes, marked as taken for want of names."""
        return LabelSet(self._labels, self.name, self.spec, is_assumed=True)

    def find(self, query: str | SupportsIndex) -> ClassLabel:
        """Class that a query means.

        The first that applies: wnid; index in this label set; alias (see
        :data:`ALIASES`); lemma, whatever the case and with `_`, `-` and blanks alike,
        if it means exactly one class. A part of a name is never enough. A class without
        a wnid is always found by its own name as written, so that a class called "2"
        is not mistaken for the class at index 2.

        Parameters
        ----------
        query : str or int
            An int is always an index.

        Returns
        -------
        ClassLabel

        Raises
        ------
        ClassNameError
            If the query means no class; the message names near misses.
        AmbiguousClassError
            If it means several; the message lists them.

        Examples
        --------
        >>> str(imagenet_labels().find("plane"))
        '404 n02690373 airliner'
        >>> imagenet_labels().find("drop_off").name
        'cliff'
        """
        if not self._labels:
            raise ClassNameError(
                f"{query!r} is no class of {self.name}: give their names, one for each "
                "output, with --class-names FILE (in Python: class_names)"
            )
        if not isinstance(query, str):
            return self._at(operator.index(query))
        text = query.strip()
        for label in self._by_name.get(_fold(text), []):
            if label.name == text and not label.wnid:
                return label
        if _WNID.fullmatch(text.lower()):
            return self._with_wnid(text.lower())
        if _INTEGER.fullmatch(text):
            return self._at(int(text))
        return self._alias(text) or self._named(text)

    def _at(self, index: int) -> ClassLabel:
        if not 0 <= index < len(self):
            raise ClassNameError(
                f"{self.name} has no class {index}: its indices run from 0 to "
                f"{len(self) - 1}"
            )
        return self._labels[index]

    def _with_wnid(self, wnid: str) -> ClassLabel:
        if wnid not in self._by_wnid:
            known = _imagenet_by_wnid().get(wnid)
            which = f" ({known.name})" if known else ""
            raise ClassNameError(
                f"{self.name} has no class {wnid}{which}. {self._what_there_is()}"
            )
        return self._by_wnid[wnid]

    def _alias(self, text: str) -> ClassLabel | None:
        for target in ALIASES.get(_fold(text), ()):
            named = self._by_name.get(_fold(target), [])
            label = self._by_wnid.get(target) or (named[0] if named else None)
            if label:
                return label
        return None

    def _named(self, text: str) -> ClassLabel:
        hits = self._by_name.get(_fold(text), [])
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise AmbiguousClassError(
                f"{text!r} means {len(hits)} classes of {self.name}: {_listed(hits)}. "
                f"Give the {'wnid' if hits[0].wnid else 'index'} of the one you mean"
            )
        near = self._near(text)
        nearest = " or ".join(map(str, near))
        hint = f"Did you mean {nearest}?" if near else self._what_there_is()
        raise ClassNameError(f"no class of {self.name} is called {text!r}. {hint}")

    def _near(self, text: str) -> list[ClassLabel]:
        """Classes to suggest: the word in a name, a typo, the word in the gloss."""
        query = _fold(text)
        in_name = [label for label in self if _has_word(query, *label.lemmas)]
        names = [*self._by_name, *(alias for alias in ALIASES if self._alias(alias))]
        alike = difflib.get_close_matches(query, names, n=3, cutoff=0.8)
        spelled = [self._alias(name) or self._by_name[name][0] for name in alike]
        in_gloss = [label for label in self if _has_word(query, label.gloss)]
        return list(dict.fromkeys(in_name + spelled + in_gloss))[:_N_SUGGESTIONS]

    def _what_there_is(self) -> str:
        if len(self) <= 20:
            return f"It has {', '.join(label.name for label in self)}"
        return f"Give a name, a wnid, or an index from 0 to {len(self) - 1}"


@cache
def imagenet_labels() -> LabelSet:
    """All 1000 classes of ImageNet (ILSVRC 2012), in the order of their wnids.

    Returns
    -------
    LabelSet

    Examples
    --------
    >>> imagenet_labels()[1].lemmas
    ('goldfish', 'Carassius auratus')
    """
    return LabelSet(_unique_names(_read_table()), "ImageNet-1k", IMAGENET)


def label_set(spec: str | Sequence[str]) -> LabelSet:
    """Label set from "imagenet-1k", or from a network's classes in their order.

    Parameters
    ----------
    spec : str or sequence of str
        Wnids take their lemmas and gloss from ImageNet's table; any other name stands
        for itself, without a wnid. The 1000 classes of ImageNet in their usual order,
        by wnid or by any of their names, are "imagenet-1k". No names at all mean that
        the classes are not known.

    Returns
    -------
    LabelSet

    Raises
    ------
    ClassNameError
        If `spec` is another text, or names a class twice.

    Examples
    --------
    >>> [str(label) for label in label_set(["n02690373", "paper dart"])]
    ['0 n02690373 airliner', '1 paper dart']
    """
    if isinstance(spec, str):
        if spec != IMAGENET:
            raise ClassNameError(
                f"expected {IMAGENET!r} or a list of class names, got {spec!r}"
            )
        return imagenet_labels()
    names = [str(name) for name in spec]
    if not names:
        return LabelSet(
            [], "a network whose classes are not known", [], is_assumed=True
        )
    twice = [name for name, n_times in Counter(names).items() if n_times > 1]
    if twice:
        raise ClassNameError(
            "expected every class of the network once, got "
            f"{', '.join(twice[:3])} more than once"
        )
    if _are_imagenet(names):
        return imagenet_labels()
    return _build(names)


def numbered_labels(n_classes: int) -> LabelSet:
    """Label set of a network whose classes have no names: "0", "1", ...

    Returns
    -------
    LabelSet
        Marked as assumed.

    Examples
    --------
    >>> [label.name for label in numbered_labels(3)]
    ['0', '1', '2']
    """
    return label_set([str(index) for index in range(n_classes)]).as_assumed()


def echo(query: str | SupportsIndex, label: ClassLabel) -> str:
    """One line that says what was taken for a query.

    Returns
    -------
    str

    Examples
    --------
    >>> echo("plane", imagenet_labels().find("plane"))
    'plane -> 404 n02690373 airliner'
    """
    return f"{query} -> {label}"


def _read_table() -> list[ClassLabel]:
    path = resources.files("se_probe") / "data" / "imagenet_classes.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        ClassLabel(
            index=int(row["index"]),
            name=row["lemmas"].split(", ")[0],
            wnid=row["wnid"],
            lemmas=tuple(row["lemmas"].split(", ")),
            gloss=row["gloss"],
        )
        for row in csv.DictReader(lines)
    ]


def _imagenet_by_wnid() -> dict[str, ClassLabel]:
    return {label.wnid: label for label in imagenet_labels()}


def _build(names: list[str]) -> LabelSet:
    known = _imagenet_by_wnid()
    labels = []
    for index, name in enumerate(names):
        plain = ClassLabel(index, name, name if _WNID.fullmatch(name) else "", (name,))
        source = known.get(name, plain)
        labels.append(replace(source, index=index, name=source.lemmas[0]))
    n_known = sum(name in known for name in names)
    kind = " ImageNet" if n_known == len(names) else ""
    what = f"this {len(names)}-class{kind} label set"
    return LabelSet(_unique_names(labels), what, names)


def _unique_names(labels: list[ClassLabel]) -> list[ClassLabel]:
    n_called = Counter(_fold(label.name) for label in labels)
    return [
        replace(label, name=f"{label.name} ({label.wnid})")
        if label.wnid and n_called[_fold(label.name)] > 1
        else label
        for label in labels
    ]


def _are_imagenet(names: list[str]) -> bool:
    labels = imagenet_labels()
    if len(names) != len(labels):
        return False
    return all(
        _fold(name) in {label.wnid, *map(_fold, label.lemmas)}
        or label.wnid in ALIASES.get(_fold(name), ())
        for name, label in zip(names, labels, strict=True)
    )


def _fold(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.casefold().strip()))


def _has_word(word: str, *texts: str) -> bool:
    pattern = rf"\b{re.escape(word)}\b"
    return bool(word) and any(re.search(pattern, _fold(text)) for text in texts)


def _listed(labels: Iterable[ClassLabel]) -> str:
    return "; ".join(
        f"{label} ({_shortened(label.gloss)})" if label.gloss else str(label)
        for label in labels
    )


def _shortened(gloss: str, length: int = 60) -> str:
    if len(gloss) <= length:
        return gloss
    return gloss[:length].rsplit(" ", 1)[0] + " ..."
