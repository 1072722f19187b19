"""Label sets: ImageNet's, a network's own, and numbers where names are missing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from se_probe.class_names.labels import WNID, ClassLabel, fold, unique_names
from se_probe.class_names.lookup import ALIASES, LabelSet
from se_probe.class_names.wordnet import imagenet_classes
from se_probe.errors import ClassNameError

__all__ = ["PAPER_CLASSES", "imagenet_labels", "label_set", "numbered_labels"]

# Hu, Shen, Sun. CVPR 2018, section 7.2 (journal version).
PAPER_CLASSES = ("goldfish", "pug", "plane", "cliff")

_IMAGENET = "imagenet-1k"


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
    return LabelSet(imagenet_classes().values(), "ImageNet-1k", _IMAGENET)


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
        if spec != _IMAGENET:
            raise ClassNameError(
                f"expected {_IMAGENET!r} or a list of class names, got {spec!r}"
            )
        return imagenet_labels()
    names = [str(name) for name in spec]
    if not names:
        what = "a network whose classes are not known"
        return LabelSet([], what, [], is_assumed=True)
    twice = [name for name, n_times in Counter(names).items() if n_times > 1]
    if twice:
        raise ClassNameError(
            "expected every class of the network once, got "
            f"{', '.join(twice[:3])} more than once"
        )
    return imagenet_labels() if _are_imagenet(names) else _own_labels(names)


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


def _own_labels(names: list[str]) -> LabelSet:
    known = imagenet_classes()
    labels = []
    for index, name in enumerate(names):
        plain = ClassLabel(index, name, name if WNID.fullmatch(name) else "", (name,))
        source = known.get(name, plain)
        labels.append(replace(source, index=index, name=source.lemmas[0]))
    n_known = sum(name in known for name in names)
    kind = " ImageNet" if n_known == len(names) else ""
    what = f"this {len(names)}-class{kind} label set"
    return LabelSet(unique_names(labels), what, names)


def _are_imagenet(names: list[str]) -> bool:
    labels = imagenet_labels()
    if len(names) != len(labels):
        return False
    return all(
        fold(name) in {label.wnid, *map(fold, label.lemmas)}
        or label.wnid in ALIASES.get(fold(name), ())
        for name, label in zip(names, labels, strict=True)
    )
