"""The one class that a name, a wnid or an index means."""

import difflib
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import SupportsIndex, overload

from se_probe.class_names.labels import (
    WNID,
    ClassLabel,
    fold,
    has_word,
    listed_labels,
)
from se_probe.class_names.wordnet import imagenet_classes
from se_probe.errors import AmbiguousClassError, ClassNameError

__all__ = ["ALIASES", "LabelSet"]

_AIRLINER = "n02690373"
# Looked up before the lemmas; the first target that the label set has is meant.
# ImageNet's only literal "plane" is the carpenter's tool, and the paper's plane has
# wings; CIFAR-10 and STL-10 have a class "airplane". The last two are torchvision's own
# names for a class whose WordNet name another class has too.
ALIASES = {
    "plane": (_AIRLINER, "airplane", "aeroplane"),
    "airplane": (_AIRLINER, "airplane", "aeroplane"),
    "aeroplane": (_AIRLINER, "airplane", "aeroplane"),
    "crane bird": ("n02012849",),
    "maillot tank suit": ("n03710721",),
}

_INTEGER = re.compile(r"[+-]?\d+")
_N_SUGGESTIONS = 5


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
        Whether nobody said it, and it was assumed because names are missing.
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
            for key in {fold(name) for name in (label.name, *label.lemmas)}:
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
        """The same classes, marked as assumed because names are missing."""
        return LabelSet(self._labels, self.name, self.spec, is_assumed=True)

    def find(self, query: str | SupportsIndex, *, suggests: bool = True) -> ClassLabel:
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
        suggests : bool, default True
            Look for near misses, which takes time; not for who shows no message.

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
        >>> from se_probe.class_names import imagenet_labels
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
        for label in self._by_name.get(fold(text), []):
            if label.name == text and not label.wnid:
                return label
        if WNID.fullmatch(text.lower()):
            return self._with_wnid(text.lower())
        if _INTEGER.fullmatch(text):
            return self._at(int(text))
        return self._alias(text) or self._named(text, suggests=suggests)

    def _at(self, index: int) -> ClassLabel:
        if not 0 <= index < len(self):
            raise ClassNameError(
                f"{self.name} has no class {index}: its indices run from 0 to "
                f"{len(self) - 1}"
            )
        return self._labels[index]

    def _with_wnid(self, wnid: str) -> ClassLabel:
        if wnid not in self._by_wnid:
            known = imagenet_classes().get(wnid)
            which = f" ({known.name})" if known else ""
            raise ClassNameError(
                f"{self.name} has no class {wnid}{which}. {self._what_there_is()}"
            )
        return self._by_wnid[wnid]

    def _alias(self, text: str) -> ClassLabel | None:
        for target in ALIASES.get(fold(text), ()):
            named = self._by_name.get(fold(target), [])
            label = self._by_wnid.get(target) or (named[0] if named else None)
            if label:
                return label
        return None

    def _named(self, text: str, *, suggests: bool) -> ClassLabel:
        hits = self._by_name.get(fold(text), [])
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise AmbiguousClassError(
                f"{text!r} means {len(hits)} classes of {self.name}: "
                f"{listed_labels(hits)}. "
                f"Give the {'wnid' if hits[0].wnid else 'index'} of the one you mean"
            )
        near = self._near(text) if suggests else []
        nearest = " or ".join(map(str, near))
        hint = f"Did you mean {nearest}?" if near else self._what_there_is()
        raise ClassNameError(f"no class of {self.name} is called {text!r}. {hint}")

    def _near(self, text: str) -> list[ClassLabel]:
        """Classes to suggest: the word in a name, a typo, the word in the gloss."""
        query = fold(text)
        in_name = [label for label in self if has_word(query, *label.lemmas)]
        names = [*self._by_name, *(alias for alias in ALIASES if self._alias(alias))]
        alike = difflib.get_close_matches(query, names, n=3, cutoff=0.8)
        spelled = [self._alias(name) or self._by_name[name][0] for name in alike]
        in_gloss = [label for label in self if has_word(query, label.gloss)]
        return list(dict.fromkeys(in_name + spelled + in_gloss))[:_N_SUGGESTIONS]

    def _what_there_is(self) -> str:
        if len(self) <= 20:
            return f"It has {', '.join(label.name for label in self)}"
        return f"Give a name, a wnid, or an index from 0 to {len(self) - 1}"
