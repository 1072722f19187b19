"""Labels of a torch Dataset, where it can without reading its images; class names."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from torch.utils.data import ConcatDataset, Dataset, Subset

from se_probe.errors import ImagesError
from se_probe.images.class_lists import class_list
from se_probe.images.items import label_key, label_of

__all__ = ["class_labels", "innermost", "name_of"]


def class_labels(dataset: Dataset[Any]) -> tuple[list[int | str], list[str]]:
    """Label of every item, and the names of the classes by index.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Not empty.

    Returns
    -------
    labels : list of int or str
    names : list of str
        Empty where the data set does not say them.

    Raises
    ------
    ImagesError
        If a label is not one class, or not known.
    """
    labels = [_plain(label, index) for index, label in enumerate(_labels(dataset))]
    return labels, _names_of_classes(innermost(dataset))


def innermost(dataset: Any) -> Any:
    """The data set of which a subset was taken."""
    return innermost(dataset.dataset) if isinstance(dataset, Subset) else dataset


def name_of(label: int | str, names: Sequence[str]) -> str:
    """Name of a class; its label as text where it has none."""
    if isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return str(label)


def _names_of_classes(dataset: Any) -> list[str]:
    if isinstance(dataset, ConcatDataset):
        named = [_names_of_classes(innermost(part)) for part in dataset.datasets]
        return named[0] if all(names == named[0] for names in named) else []
    classes = getattr(dataset, "classes", None)
    if classes is None:
        classes = _names_of_features(dataset)
    if classes is None or not len(classes):
        return []
    wnids = getattr(dataset, "wnids", None)
    # torchvision's ImageNet: a wnid means one class, a lemma may mean two.
    if wnids is not None and len(wnids) == len(classes):
        return [str(wnid) for wnid in wnids]
    names = class_list(classes)
    return names if len(set(names)) == len(names) else []


def _names_of_features(dataset: Any) -> list[str] | None:
    """Names that a data set of Hugging Face has for its labels."""
    features = getattr(dataset, "features", None)
    if features is None or not hasattr(features, "values"):
        return None
    named = [
        feature.names
        for feature in features.values()
        if getattr(feature, "names", None) and hasattr(feature, "int2str")
    ]
    return list(named[0]) if len(named) == 1 else None


def _labels(dataset: Any) -> list[Any]:
    if isinstance(dataset, Subset):
        labels = _labels(dataset.dataset)
        return [labels[i] for i in dataset.indices]
    if isinstance(dataset, ConcatDataset):
        return [label for part in dataset.datasets for label in _labels(part)]
    targets = getattr(dataset, "targets", None)
    if (
        targets is not None
        and len(targets) == len(dataset)
        # With a target transform, `targets` is not what the items say.
        and getattr(dataset, "target_transform", None) is None
    ):
        return list(targets)
    column = _column(dataset)
    if column is not None:
        return column
    return [_label(dataset, index) for index in range(len(dataset))]


def _column(dataset: Any) -> list[Any] | None:
    """Labels of a data set of Hugging Face, which keeps them as a column."""
    columns = getattr(dataset, "column_names", None)
    of_reader = (getattr(dataset, "format", None) or {}).get("type") == "custom"
    # A transform of the reader's own may change labels; what it does is not known.
    if not isinstance(columns, list) or of_reader:
        return None
    with suppress(OSError):
        key = label_key(dataset[0], 0)
        return list(dataset[key]) if key in columns else None
    return None


def _label(dataset: Any, index: int) -> Any:
    try:
        return label_of(dataset[index], index)
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
    while isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return str(value)
    shape = f" of shape {tuple(label.shape)}" if hasattr(label, "shape") else ""
    raise ImagesError(
        "expected one class for each item of the torch Dataset, as an integer or a "
        f"name, got {type(label).__name__}{shape} as the label of item {index}. Where "
        "an item has several classes, let the data set choose one, such as "
        "label.argmax(), or give 0 for all of them: gates need no classes"
    )
