"""Which recorded classes are meant, and which are shown where none are named."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.class_names import PAPER_CLASSES, label_set
from se_probe.errors import ClassNameError, UsageError
from se_probe.gates import recorded
from se_probe.stats import require_images

__all__ = ["default_classes", "default_pair", "find_classes", "listed"]

_N_DEFAULT_CLASSES = 10
_PAPERS_PAIR = ("n01443537", "n02690373")  # goldfish and plane


def find_classes(
    labelled: xr.DataArray | xr.Dataset, queries: Sequence[str] | None
) -> list[str]:
    """Recorded class names that queries mean.

    Parameters
    ----------
    labelled : xr.DataArray or xr.Dataset
        A gate record, of which only recorded images count, or its moments; anything
        with the coordinates `class_name` and `class_index`.
    queries : sequence of str, optional
        Recorded names, or what :meth:`~se_probe.class_names.LabelSet.find` takes. All
        recorded classes by default.

    Returns
    -------
    list of str
        In the order asked, each once.

    Raises
    ------
    ClassNameError
        If a query means no class, several, or one of which no image was recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If there are no queries.
    """
    names, indices = (labelled[n].values for n in ("class_name", "class_index"))
    if isinstance(labelled, xr.DataArray) and "state" in labelled.coords:
        require_images(labelled)
        is_recorded = recorded(labelled)
        names, indices = names[is_recorded], indices[is_recorded]
    index_of = dict(zip(names, indices.tolist(), strict=True))
    if queries is None:
        return sorted(index_of, key=lambda name: (index_of[name], name))
    if not queries:
        raise UsageError("expected at least one class, got none")
    found = [_find_class(query, index_of, labelled.attrs) for query in queries]
    return list(dict.fromkeys(found))


def _find_class(
    query: str, index_of: Mapping[str, int], attrs: Mapping[Any, Any]
) -> str:
    if query in index_of:
        return query
    names = list(index_of)
    spec = attrs.get("label_set")
    if not spec:
        return names[label_set(names).find(query).index]
    label = label_set(spec).find(query)
    for name in names:
        if index_of[name] == label.index:
            return name
    raise ClassNameError(f"no image of {label} was recorded, but of {listed(names)}")


def default_classes(source: xr.DataArray | xr.Dataset) -> list[str]:
    """The paper's four classes where all were recorded, else up to the first ten.

    Returns
    -------
    list of str
    """
    try:
        return find_classes(source, PAPER_CLASSES)
    except ClassNameError:
        return find_classes(source, None)[:_N_DEFAULT_CLASSES]


def default_pair(source: xr.DataArray | xr.Dataset) -> list[str]:
    """Goldfish and plane, as in the paper, if both are there; else the first two.

    Parameters
    ----------
    source : xr.DataArray or xr.Dataset
        Anything with the coordinates `class_name` and `wnid`.

    Returns
    -------
    list of str
        One where there is only one class.
    """
    names, wnids = source["class_name"].values, source["wnid"].values
    wnid_of = dict(zip(names, wnids, strict=True))
    papers = [
        str(name) for wnid in _PAPERS_PAIR for name in wnid_of if wnid_of[name] == wnid
    ]
    return papers if len(papers) == 2 else [str(name) for name in wnid_of][:2]


def listed(names: Sequence[str], n_shown: int = 8) -> str:
    """Names as a sentence lists them: the first few, and how many more.

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["goldfish", "pug", "plane"], 2)
    'goldfish, pug and 1 more'
    """
    shown = ", ".join(names[:n_shown])
    n_more = len(names) - n_shown
    return f"{shown} and {n_more} more" if n_more > 0 else shown
