"""The list of all images of an entry, and which of them a request wants."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from se_probe.cache.folder import files_stamp
from se_probe.cache.request import RecordingRequest
from se_probe.class_names import PAPER_CLASSES, LabelSet, label_set
from se_probe.errors import ClassNameError, ImagesError
from se_probe.files import write_whole
from se_probe.sampling import check_batches, some_of_each_class

__all__ = ["ImageList", "read_list", "wanted_images", "write_list"]

_N_DEFAULT_CLASSES = 10


@dataclass(frozen=True)
class ImageList:
    """Every image that there is, as the network names the classes.

    Parameters
    ----------
    image_ids, class_names : tuple of str, length n_images
        In the order of the source; a class that the network does not know has the
        source's own name.
    own_names : tuple of str, length n_images
        Class names as the source spells them.
    label_set : str or list of str
        Spec of the network's label set.
    source : mapping
        Where the images come from, without their number and sum.
    stamp : str or None
        Of the files, as :func:`~se_probe.cache.files_stamp` gives it.
    n_drawn : int or None
        How many pictures of each class "scenes" drew.
    """

    image_ids: tuple[str, ...]
    class_names: tuple[str, ...]
    own_names: tuple[str, ...]
    label_set: str | list[str]
    source: Mapping[str, Any]
    stamp: str | None
    n_drawn: int | None = None

    def facts_of(self, wanted: list[int], request: RecordingRequest) -> dict[str, Any]:
        """Where some of the images come from, as a record of just them would say it.

        Parameters
        ----------
        wanted : list of int
            Positions.
        request : RecordingRequest

        Returns
        -------
        dict
        """
        rows = [f"{self.image_ids[i]}\t{self.own_names[i]}\n" for i in wanted]
        facts: dict[str, Any] = dict(self.source)
        if not request.batches:
            asked = set(_requested_classes(self, request))
            own = {
                own: request.per_class
                for own, name in zip(self.own_names, self.class_names, strict=True)
                if name in asked
            }
            facts["taken"] = [
                {"n_per_class": {}, "others": request.per_class},
                {"n_per_class": own, "others": request.others},
            ]
        facts["n_images"] = len(wanted)
        facts["sha256"] = hashlib.sha256("".join(rows).encode()).hexdigest()
        return facts


def write_list(request: RecordingRequest, images: ImageList) -> None:
    """Keep the list of an entry.

    Parameters
    ----------
    request : RecordingRequest
    images : ImageList
    """
    content = json.dumps(asdict(images))
    write_whole(_path(request), lambda part: part.write_text(content, encoding="utf-8"))


def read_list(request: RecordingRequest) -> ImageList | None:
    """The list of an entry; None where there is none, or files have changed since.

    Parameters
    ----------
    request : RecordingRequest

    Returns
    -------
    ImageList or None
    """
    with suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(_path(request).read_text(encoding="utf-8"))
        for name in ("image_ids", "class_names", "own_names"):
            content[name] = tuple(content[name])
        images = ImageList(**content)
        is_drawn = images.source.get("name") == "scenes"
        if is_drawn and images.n_drawn != request.per_class:
            return None
        if images.stamp == files_stamp(images.source.get("path")):
            return images
    return None


def wanted_images(images: ImageList, request: RecordingRequest) -> list[int]:
    """Positions in the list of the images that a request wants.

    Parameters
    ----------
    images : ImageList
    request : RecordingRequest

    Returns
    -------
    list of int
        In ascending order.

    Raises
    ------
    ClassNameError
        If what was asked for means no class, or several.
    ImagesError
        If there are no images of a class.
    UsageError
        If there is no such batch.
    """
    ids, names = images.image_ids, images.class_names
    if request.batches:
        check_batches(request.batches, len(ids), request.batch_size)
        return list(range(len(ids)))
    asked = _requested_classes(images, request)
    some = some_of_each_class(ids, names, {}, request.per_class)
    chosen = some_of_each_class(
        [ids[i] for i in some],
        [names[i] for i in some],
        dict.fromkeys(asked, request.per_class),
        request.others,
    )
    return [some[i] for i in chosen]


def _requested_classes(images: ImageList, request: RecordingRequest) -> list[str]:
    labels, there = label_set(images.label_set), dict.fromkeys(images.class_names)
    requested = []
    for query in request.classes or _default_classes(labels, there):
        name = query if query in there else labels.find(query).name
        if name not in there:
            some = ", ".join(list(there)[:8])
            raise ImagesError(
                f"there are no images of {name}; the folder has {len(there)} classes: "
                f"{some}{' ...' if len(there) > 8 else ''}"
            )
        requested.append(name)
    return list(dict.fromkeys(requested))


def _default_classes(labels: LabelSet, there: Mapping[str, None]) -> list[str]:
    try:
        paper = [labels.find(name).name for name in PAPER_CLASSES]
    except ClassNameError:
        paper = []
    if paper and set(paper) <= set(there):
        return paper
    return list(there)[:_N_DEFAULT_CLASSES]


def _path(request: RecordingRequest) -> Path:
    return request.entry() / "images.json"
