"""Begin a gate record, or join one that was begun before or by another process."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr

from se_probe.errors import GateRecordError, ImagesError, UsageError
from se_probe.gates import (
    CONTEXT,
    count_channels,
    create_record,
    is_record,
    open_group,
    read_image_ids,
    url_of,
)
from se_probe.images import ImageLabels, LabelledImages
from se_probe.record.provenance import check_same

__all__ = ["begin_or_join", "begun_threads", "check_request"]

_PATIENCE = 600  # seconds in which the first process starts and finds the blocks


def check_request(
    images: LabelledImages, out: str | Path | None, *, is_shared: bool, overwrite: bool
) -> None:
    """Check that images can be recorded into `out`.

    Parameters
    ----------
    images : LabelledImages
    out : path or None
    is_shared : bool
        Whether other processes write into the record too.
    overwrite : bool

    Raises
    ------
    ImagesError
        If there are no images.
    UsageError
        If several processes are to share a record in memory, or to start one over.
    GateRecordError
        If `out` is there and no gate record, or one that cannot be written.
    """
    if not len(images):
        raise ImagesError("there are no images to record; add some to the folder")
    if is_shared and (out is None or overwrite):
        raise UsageError(
            "several processes share one record on disk: give it a name, and delete an "
            "old one before they start"
        )
    if out is not None and is_record(out) and Path(out).is_file():
        raise GateRecordError(
            f"{out} is a zip file, which can be read and not written; choose another "
            "name"
        )
    if out is not None and Path(out).exists() and not is_record(out):
        raise GateRecordError(
            f"{out} exists and is not a gate record; choose another name"
        )


def begun_threads(out: str | Path | None) -> int | None:
    """Number of CPU threads with which a record was begun; None where none says it.

    Returns
    -------
    int or None
    """
    threads = _begun_attributes(out).get("threads")
    return threads if isinstance(threads, int) and threads > 0 else None


def _begun_attributes(out: str | Path | None) -> dict[str, Any]:
    if out is None or not is_record(out):
        return {}
    # Not by open_gates, which refuses a record with a damaged batch: it is mended here.
    return dict(open_group(out)["gate"].attrs)


def begin_or_join(
    out: str | Path | None,
    facts: Mapping[str, Any],
    labels: ImageLabels,
    images: LabelledImages,
    attrs: Mapping[str, Any],
    rank: int = 0,
) -> tuple[zarr.Group, bool]:
    """Group of a record to write batches into.

    Creating a record is a rename, so of several processes that begin the same one at
    the same time, one creates it and the others join; none of them waits. At a URL,
    where nothing can be renamed, rank 0 creates it and the others wait for that.

    Parameters
    ----------
    out : path or None
    facts : mapping
        Provenance of the present run.
    labels : ImageLabels
        Of the images.
    images : LabelledImages
    attrs : mapping
        More provenance for a new record.
    rank : int, default 0
        Number of this process.

    Returns
    -------
    group : zarr.Group
    has_begun : bool
        Whether this process created it.

    Raises
    ------
    GateRecordError
        If the record at `out` is of something else, naming what differs; if no other
        process creates it where that is waited for.
    """
    if out is not None and rank and url_of(out):
        _await_record(out)
    if out is None or not is_record(out):
        try:
            group = create_record(
                out,
                blocks=facts["blocks"],
                rows={
                    "image_id": images.image_ids,
                    "class_name": labels.names,
                    "wnid": labels.wnids,
                    "class_index": labels.class_index.tolist(),
                },
                batch_size=images.batch_size,
                attrs={**facts, "labels": labels.rule, **attrs},
                context=[name for name in CONTEXT if name in facts.get("context", "")],
                dtype=facts["dtype"],
            )
            return group, True
        except GateRecordError:
            if out is None or not is_record(out):
                raise
    return _join(Path(out), facts, images), False


def _await_record(out: str | Path) -> None:
    """Wait until another process has created a record."""
    for _ in range(_PATIENCE):
        if is_record(out):
            return
        time.sleep(1)
    raise GateRecordError(
        f"{url_of(out)} was not begun within {_PATIENCE} seconds. Where several "
        "processes record to a URL the first one begins it: start that of rank 0 (or "
        "--part 1/N) too"
    )


def _join(out: Path, facts: Mapping[str, Any], images: LabelledImages) -> zarr.Group:
    check_same(_begun_attributes(out), facts)
    group = open_group(out)
    n_channels = sum(int(block["channels"]) for block in facts["blocks"])
    if count_channels(group) != n_channels:
        raise GateRecordError(
            f"{out} holds {count_channels(group)} of {n_channels} channels; it was "
            "saved from a selection. Choose another name"
        )
    image_ids = read_image_ids(group)
    if image_ids != list(images.image_ids):
        raise GateRecordError(
            f"{out} was begun with {len(image_ids)} other images than the "
            f"{len(images)} of now. Choose another name, or --force to start over"
        )
    return group
