"""New gate records, on disk or in memory."""

import json
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from se_probe.errors import GateRecordError
from se_probe.gates.half import Dtype, check_dtype
from se_probe.gates.opening import open_group
from se_probe.gates.places import FORMAT, MAIN
from se_probe.gates.record import channel_coords, row_coords, strings
from se_probe.gates.remote import remote_path, url_of
from se_probe.gates.sums import sums_of_files

__all__ = ["CONTEXT", "create_record", "new_record"]

# What can be recorded beside the gates, in the subgroup `context`.
CONTEXT = ("squeeze", "energy")


def create_record(
    out: str | Path | None,
    *,
    blocks: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Sequence[Any]],
    batch_size: int,
    attrs: Mapping[str, Any],
    context: Sequence[str] = (),
    dtype: Dtype = "float32",
) -> zarr.Group:
    """Empty gate record, ready for :func:`write_batch`.

    Everything but the gates is written here. A chunk of `gate`, `predicted` and
    `state` holds exactly one batch of rows, so two writers never share a chunk, and a
    batch's `state` chunk tells whether it is done.

    Parameters
    ----------
    out : path or None
        A path that does not exist yet, or a URL that fsspec opens, at which one process
        only creates it; None keeps the record in memory.
    blocks : sequence of mappings
        Facts of each block in network order, with at least `name`, `stage`, `channels`.
    rows : mapping
        `image_id`, `class_name`, `wnid`, `class_index`, each of length n_images.
    batch_size : int
        Rows per chunk.
    attrs : mapping
        Provenance in plain JSON types.
    context : sequence of {"squeeze", "energy"}
        What is written beside the gates: of each channel of the feature map that a
        gate scales, the mean over its positions, and the mean square.
    dtype : {"float32", "float16"}
        How gates are stored; they are read as float32.

    Returns
    -------
    zarr.Group

    Raises
    ------
    GateRecordError
        If `out` exists, is to be a zip file, or an item of `context` is unknown.
    UsageError
        If gates are not stored as `dtype`.
    """
    coords = row_coords(rows["image_id"], rows["class_name"])
    coords["wnid"] = ("image", strings(rows["wnid"]))
    coords["class_index"] = ("image", np.asarray(rows["class_index"], dtype=np.int64))
    coords |= channel_coords(blocks)
    provenance = {"blocks": [dict(block) for block in blocks]} | dict(attrs)
    provenance = {"format": FORMAT, "batch_size": batch_size} | provenance
    return new_record(out, coords, batch_size, provenance, context, dtype)


def new_record(
    out: str | Path | None,
    coords: Mapping[str, Any],
    batch_size: int,
    attrs: Mapping[str, Any],
    context: Sequence[str] = (),
    dtype: Dtype = "float32",
) -> zarr.Group:
    """Empty gate record with given coordinates; see :func:`create_record`.

    Parameters
    ----------
    out : path or None
    coords : mapping
        Every coordinate but `predicted` and `state`, as xarray takes them.
    batch_size : int
    attrs : mapping
    context : sequence of str
    dtype : {"float32", "float16"}

    Returns
    -------
    zarr.Group

    Raises
    ------
    GateRecordError
        As :func:`create_record`.
    UsageError
        If gates are not stored as `dtype`.
    OSError
        If the folder cannot be written.
    """
    check_dtype(dtype)
    unknown = [name for name in context if name not in CONTEXT]
    if unknown:
        raise GateRecordError(
            f"a record holds {' and '.join(CONTEXT)} beside the gates, got {unknown[0]}"
        )
    if out is None:
        return _fill(MemoryStore(), coords, batch_size, attrs, context, dtype)
    url = url_of(out)
    if url:
        with tempfile.TemporaryDirectory() as folder:
            _build(Path(folder), coords, batch_size, attrs, context, dtype)
            remote_path(url).copy_from(Path(folder), last=MAIN)
        return open_group(url)
    path = Path(out)
    if path.suffix == ".zip":
        raise GateRecordError(
            f"a record is written into a folder, {path} is a zip file. Give "
            f"{path.with_suffix('')}, and pack it when it is done with "
            "se_probe.gates.save_gates()"
        )
    if path.exists():
        raise GateRecordError(f"{path} exists already; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Built under a temporary name and renamed: nobody ever sees half a record, and of
    # two processes that create the same one, one fails.
    building = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        _build(building, coords, batch_size, attrs, context, dtype)
        building.rename(path)
    except OSError as error:
        if path.exists():
            raise GateRecordError(
                f"{path} exists already; choose another name"
            ) from error
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return open_group(path)


def _build(
    folder: Path,
    coords: Mapping[str, Any],
    batch_size: int,
    attrs: Mapping[str, Any],
    context: Sequence[str],
    dtype: Dtype,
) -> None:
    """Write all files of a record that is not begun yet, with their sums."""
    group = _fill(folder, coords, batch_size, attrs, context, dtype)
    group.attrs["sha256"] = sums_of_files(folder)
    _consolidate(folder)


def _fill(
    store: Path | MemoryStore,
    coords: Mapping[str, Any],
    batch_size: int,
    attrs: Mapping[str, Any],
    context: Sequence[str],
    dtype: Dtype,
) -> zarr.Group:
    dataset = xr.Dataset(coords=coords)
    compressors = (ZstdCodec(), Crc32cCodec())
    dataset.to_zarr(
        store,
        zarr_format=3,
        consolidated=False,
        encoding={str(name): {"compressors": compressors} for name in dataset.coords},
    )
    group = zarr.open_group(store, mode="r+")
    shape = (dataset.sizes["image"], dataset.sizes["channel"])
    gate = _create_rows(group, "gate", shape, batch_size, dtype, np.nan)
    gate.attrs.update(json.loads(json.dumps(dict(attrs))))
    _create_rows(group, "predicted", shape[:1], batch_size, "int64", -1)
    _create_rows(group, "state", shape[:1], batch_size, "uint8", 0)
    names = str(group.attrs.get("coordinates", "")).split()
    group.attrs["coordinates"] = " ".join([*names, "predicted", "state"])
    if context:
        beside = group.create_group("context")
        for name in context:
            _create_rows(beside, name, shape, batch_size, "float32", np.nan)
    _consolidate(store)
    return group


def _create_rows(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    batch_size: int,
    dtype: str,
    fill_value: float,
) -> zarr.Array[Any]:
    return group.create_array(
        name,
        shape=shape,
        chunks=(batch_size, *shape[1:]),
        dtype=dtype,
        fill_value=fill_value,
        compressors=(Crc32cCodec(),),
        dimension_names=("image", "channel")[: len(shape)],
    )


def _consolidate(store: Path | MemoryStore) -> None:
    with warnings.catch_warnings():
        # Zarr warns that consolidated metadata is not in the format-3 specification;
        # xarray warns where it is missing. It is an index only: every reader may do
        # without.
        warnings.simplefilter("ignore", UserWarning)
        zarr.consolidate_metadata(store)
