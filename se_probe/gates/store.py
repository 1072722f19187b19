"""Gate records on disk: created, filled batch by batch, opened, read in slices."""

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from zarr.abc.store import Store
from zarr.storage import MemoryStore

from se_probe.errors import GateRecordError
from se_probe.gates.blocks import Channels, block_facts
from se_probe.gates.record import (
    FORMAT,
    State,
    channel_coords,
    check_gates,
    recorded,
    row_coords,
    strings,
)

__all__ = [
    "create_record",
    "is_record",
    "open_gates",
    "open_group",
    "pending_batches",
    "read_states",
    "remove_record",
    "row_batches",
    "write_batch",
]

_READ_BYTES = 64 * 2**20


def create_record(
    out: str | Path | None,
    *,
    blocks: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Sequence[Any]],
    batch_size: int,
    attrs: Mapping[str, Any],
) -> zarr.Group:
    """Empty gate record, ready for :func:`write_batch`.

    Everything but the gates is written here. A chunk of `gate`, `predicted` and
    `state` holds exactly one batch of rows, so two writers never share a chunk, and a
    batch's `state` chunk tells whether it is done.

    Parameters
    ----------
    out : path or None
        A path that does not exist yet; None keeps the record in memory.
    blocks : sequence of mappings
        Facts of each block in network order, with at least `name`, `stage`, `channels`.
    rows : mapping
        `image_id`, `class_name`, `wnid`, `class_index`, each of length n_images.
    batch_size : int
        Rows per chunk.
    attrs : mapping
        Provenance in plain JSON types.

    Returns
    -------
    zarr.Group

    Raises
    ------
    GateRecordError
        If `out` exists.
    """
    if out is None:
        return _fill_new_store(MemoryStore(), blocks, rows, batch_size, attrs)
    path = Path(out)
    if path.exists():
        raise GateRecordError(f"{path} exists already; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Built under a temporary name and renamed: nobody ever sees half a record, and of
    # two processes that create the same one, one fails.
    building = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        _fill_new_store(building, blocks, rows, batch_size, attrs)
        building.rename(path)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return open_group(path)


def _fill_new_store(
    store: Path | MemoryStore,
    blocks: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Sequence[Any]],
    batch_size: int,
    attrs: Mapping[str, Any],
) -> zarr.Group:
    coords = row_coords(rows["image_id"], rows["class_name"])
    coords["wnid"] = ("image", strings(rows["wnid"]))
    coords["class_index"] = ("image", np.asarray(rows["class_index"], dtype=np.int64))
    coords |= channel_coords(blocks)
    xr.Dataset(coords=coords).to_zarr(store, zarr_format=3, consolidated=False)

    group = zarr.open_group(store, mode="r+")
    n_images, n_channels = len(rows["image_id"]), len(coords["block"][1])
    gate = group.create_array(
        "gate",
        shape=(n_images, n_channels),
        chunks=(batch_size, n_channels),
        dtype="float32",
        fill_value=np.nan,
        compressors=None,
        dimension_names=("image", "channel"),
    )
    provenance = {
        "format": FORMAT,
        "blocks": [dict(block) for block in blocks],
        "batch_size": batch_size,
    } | dict(attrs)
    gate.attrs.update(json.loads(json.dumps(provenance)))
    for name, dtype, fill in (("predicted", "int64", -1), ("state", "uint8", 0)):
        group.create_array(
            name,
            shape=(n_images,),
            chunks=(batch_size,),
            dtype=dtype,
            fill_value=fill,
            compressors=None,
            dimension_names=("image",),
        )
    names = str(group.attrs.get("coordinates", "")).split()
    group.attrs["coordinates"] = " ".join([*names, "predicted", "state"])
    with warnings.catch_warnings():
        # Zarr warns that consolidated metadata is not in the format-3 specification;
        # xarray warns where it is missing. It is an index only: every reader may do
        # without.
        warnings.simplefilter("ignore", UserWarning)
        zarr.consolidate_metadata(store)
    return group


def write_batch(
    group: zarr.Group,
    number: int,
    gates: npt.NDArray[np.float32],
    predicted: npt.NDArray[np.integer],
    state: npt.NDArray[np.integer],
) -> None:
    """Write the rows of batch `number`; its `state` goes last, as the done mark.

    Parameters
    ----------
    group : zarr.Group
        From :func:`create_record` or :func:`open_group`.
    number : int
        Batch number, from 0.
    gates : np.ndarray, shape (rows, n_channels)
    predicted, state : np.ndarray, shape (rows,)
        No state may be `NOT_RECORDED`.

    Raises
    ------
    GateRecordError
        If the shapes are not those of this batch, or a state is `NOT_RECORDED`.
    """
    array = _array(group, "gate")
    start = number * array.chunks[0]
    stop = min(start + array.chunks[0], array.shape[0])
    expected = (stop - start, array.shape[1])
    if gates.shape != expected or state.shape != expected[:1]:
        raise GateRecordError(
            f"expected gates of batch {number} with shape {expected}, got {gates.shape}"
        )
    if not state.all():
        raise GateRecordError(f"batch {number} holds rows that were not recorded")
    array[start:stop] = gates
    _array(group, "predicted")[start:stop] = predicted
    _array(group, "state")[start:stop] = state


def read_states(group: zarr.Group) -> npt.NDArray[np.uint8]:
    """State of every image as it is now; shape (n_images,)."""
    return np.asarray(_array(group, "state")[:])


def pending_batches(group: zarr.Group) -> list[int]:
    """Numbers of the batches that are not done yet, in order."""
    done = read_states(group) != State.NOT_RECORDED
    size = _array(group, "state").chunks[0]
    starts = range(0, len(done), size)
    return [k for k, start in enumerate(starts) if not done[start : start + size].all()]


def is_record(path: str | Path) -> bool:
    """Whether a path looks like a gate record on disk."""
    return (Path(path) / "gate" / "zarr.json").is_file()


def open_group(path: str | Path) -> zarr.Group:
    """Zarr group of a record on disk, for writing rows.

    Returns
    -------
    zarr.Group

    Raises
    ------
    GateRecordError
        If there is no gate record at `path`.
    """
    _check_path(path)
    return zarr.open_group(path, mode="r+", use_consolidated=False)


def open_gates(source: str | Path | zarr.Group) -> xr.DataArray:
    """Gate record of a path or group; gates are read when they are used.

    Parameters
    ----------
    source : path or zarr.Group
        A folder written by `se-probe record`, finished or not, or the group that
        :func:`create_record` returned.

    Returns
    -------
    xr.DataArray, dims (image, channel)
        Everything but the gates is in memory. Rows in a state other than `RECORDED`
        hold NaN.

    Raises
    ------
    GateRecordError
        If there is no gate record at `source`, or it is damaged.
    """
    store: str | Path | Store
    if isinstance(source, zarr.Group):
        store = source.store
    else:
        _check_path(source)
        store = source
    try:
        dataset = xr.open_zarr(store, chunks=None, consolidated=False)
        record: xr.DataArray = dataset["gate"]
        for name, coord in record.coords.items():
            # Zarr's strings come back as StringDType; plain objects work everywhere.
            values = coord.values
            record[name] = (
                coord.dims,
                strings(values) if _is_text(values) else values,
            )
    except (OSError, ValueError, KeyError) as error:
        raise GateRecordError(
            f"the gate record {source} cannot be read ({error}). Record it again, or "
            "copy it once more if it was copied"
        ) from error
    check_gates(record)
    _check_blocks(record)
    return record


def _check_blocks(record: xr.DataArray) -> None:
    """Check what a file says of its blocks against its channels."""
    if not record.attrs.get("blocks"):
        raise GateRecordError("the gate record does not say which blocks it holds")
    known = {fact["name"]: int(fact["channels"]) for fact in record.attrs["blocks"]}
    for fact in block_facts(record):
        if fact["channels"] > known.get(fact["name"], 0):
            raise GateRecordError(
                f"the gate record holds {fact['channels']} channels of "
                f"{fact['name']}, which has {known.get(fact['name'], 0)}"
            )


def row_batches(
    record: xr.DataArray, channels: Channels | None = None
) -> Iterator[xr.DataArray]:
    """Slices of the recorded rows, loaded, in order.

    Everything that reads all rows goes through here, so memory stays bounded however
    many images a record holds.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    channels : slice or np.ndarray of int, optional
        Positions along `channel`; all by default. See :func:`block_channels`.

    Yields
    ------
    xr.DataArray, dims (image, channel)
        Rows in state `RECORDED` only; slices without any are left out.
    """
    wanted = record if channels is None else record.isel(channel=channels)
    step = _rows_per_read(record)
    is_recorded = recorded(record)
    for start in range(0, record.sizes["image"], step):
        rows = is_recorded[start : start + step]
        if rows.any():
            part = wanted.isel(image=slice(start, start + step)).load()
            yield part if rows.all() else part.isel(image=rows)


def _rows_per_read(record: xr.DataArray) -> int:
    """Whole chunks (batches), as many as fit `_READ_BYTES`, at least one."""
    chunk = record.encoding.get("chunks", (1,))[0]
    fitting = _READ_BYTES // (4 * max(record.sizes["channel"], 1))
    return int(max(fitting // chunk, 1) * chunk)


def remove_record(path: str | Path) -> None:
    """Delete a gate record from disk; refuse any other folder.

    Raises
    ------
    GateRecordError
        If `path` exists and is not a gate record.
    """
    if not Path(path).exists():
        return
    _check_path(path)
    shutil.rmtree(path)


def _check_path(path: str | Path) -> None:
    if not Path(path).exists():
        raise GateRecordError(
            f"there is no gate record at {path}. Write one with `se-probe record`"
        )
    if not is_record(path):
        raise GateRecordError(
            f"{path} is not a gate record (a folder that `se-probe record` wrote)"
        )


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise GateRecordError(f"{name!r} of the gate record is not an array")
    return array


def _is_text(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind in "TUO"
