"""Gates of the images that a request wants, picked from the records of its entry."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xarray as xr

from se_probe.cache.folder import digest
from se_probe.cache.listing import ImageList, read_list, wanted_images
from se_probe.cache.request import RecordingRequest
from se_probe.errors import GateRecordError
from se_probe.gates import State, check_readable, is_record, open_gates

__all__ = ["find_cached", "missing_images", "record_attributes"]


def find_cached(request: RecordingRequest) -> xr.DataArray | None:
    """Gate record of just the images that a request wants, if they were recorded.

    Parameters
    ----------
    request : RecordingRequest

    Returns
    -------
    xr.DataArray or None
        Dims (image, channel), in the order of the source. None where images are
        missing, or files have changed.

    Raises
    ------
    ClassNameError
        If what was asked for means no class, or several.
    ImagesError
        If there are no images of a class.
    """
    images = read_list(request)
    if images is None:
        return None
    wanted = wanted_images(images, request)
    ids = [images.image_ids[i] for i in wanted]
    parts, missing = _pick(request, images, ids)
    if missing or not parts:
        return None
    gates = _joined(parts, ids)
    gates.attrs = {**gates.attrs, "images": images.facts_of(wanted, request)}
    return gates


def missing_images(
    request: RecordingRequest, images: ImageList
) -> tuple[list[int], Path]:
    """Positions of the wanted images that no record holds, and where to record them.

    Parameters
    ----------
    request : RecordingRequest
    images : ImageList

    Returns
    -------
    positions : list of int
        In the list of images.
    path : Path
        The same for the same images, so that a recording that was interrupted is
        resumed.

    Raises
    ------
    ClassNameError
        If what was asked for means no class, or several.
    ImagesError
        If there are no images of a class.
    """
    wanted = wanted_images(images, request)
    _, missing = _pick(request, images, [images.image_ids[i] for i in wanted])
    positions = [i for i in wanted if images.image_ids[i] in missing]
    content = [sorted(missing), images.stamp]
    return positions, request.entry() / f"{digest(content)}.zarr"


def record_attributes(request: RecordingRequest, images: ImageList) -> dict[str, Any]:
    """What a record of the cache says about itself, for :func:`find_cached` to read.

    Parameters
    ----------
    request : RecordingRequest
    images : ImageList

    Returns
    -------
    dict
        `files_stamp` and `checkpoint_path`.
    """
    return {"files_stamp": images.stamp, "checkpoint_path": request.ckpt}


def _pick(
    request: RecordingRequest, images: ImageList, ids: list[str]
) -> tuple[list[xr.DataArray], set[str]]:
    """Slices of finished records that hold the images, and the ids that none holds.

    A record of exactly these images comes first: its batches were those of a request
    on its own.

    Returns
    -------
    parts : list of xr.DataArray
    missing : set of str
    """
    missing, parts = set(ids), []
    records = [r for r in _records(request) if _is_usable(r, images)]
    records.sort(key=lambda record: record["image_id"].values.tolist() != ids)
    for record in records:
        names = record["image_id"].values
        here = [i for i, name in enumerate(names) if name in missing]
        if here and _is_readable(record):
            is_all = len(here) == len(names)
            parts.append(record if is_all else record.isel(image=here))
            missing -= {names[i] for i in here}
    return parts, missing


def _is_usable(record: xr.DataArray, images: ImageList) -> bool:
    is_done = bool((record["state"].values != State.NOT_RECORDED).all())
    is_of_them = record.attrs.get("files_stamp") == images.stamp
    return is_done and is_of_them and record.attrs["label_set"] == images.label_set


def _is_readable(record: xr.DataArray) -> bool:
    """Whether no batch is damaged; those that are will be recorded again."""
    try:
        check_readable(record)
    except GateRecordError:
        return False
    return True


def _joined(parts: list[xr.DataArray], ids: list[str]) -> xr.DataArray:
    if len(parts) == 1:
        gates = parts[0]
    else:
        gates = xr.concat(
            parts,
            dim="image",
            coords="minimal",
            compat="override",
            join="override",
            combine_attrs="override",
        )
    names = gates["image_id"].values.tolist()
    if names == ids:
        return gates
    place = {name: i for i, name in enumerate(names)}
    return gates.isel(image=[place[name] for name in ids])


def _records(request: RecordingRequest) -> Iterator[xr.DataArray]:
    for path in sorted(request.entry().glob("*.zarr")):
        if is_record(path):
            try:
                yield open_gates(path)
            except GateRecordError:  # a damaged one is of no use, and will be replaced
                continue
