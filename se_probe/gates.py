"""The gate record: one labelled array of every gate of every image.

A gate record is an ``xarray.DataArray`` named ``gate`` with dims ``(image, channel)``.
The channels of all SE blocks lie side by side in network order. On disk it is a Zarr
(format 3) group in which a chunk of rows is one batch of the recording network, so that
"this batch is done" is a property of the store itself (see :func:`create_record`).
"""

import fnmatch
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from zarr.abc.store import Store
from zarr.storage import MemoryStore

from se_probe.errors import BlockNameError, GateRecordError

__all__ = [
    "State",
    "block_channels",
    "block_facts",
    "block_names",
    "check_gates",
    "create_record",
    "is_record",
    "make_gates",
    "match_blocks",
    "only_correct",
    "open_gates",
    "open_group",
    "pending_batches",
    "read_states",
    "recorded",
    "remove_record",
    "row_batches",
    "write_batch",
]

FORMAT = "se_probe gate record 1"
ROW_COORDS = ("image_id", "class_name", "wnid", "class_index", "predicted", "state")
CHANNEL_COORDS = ("block", "stage", "channel_in_block")
_READ_BYTES = 64 * 2**20


class State(IntEnum):
    """What became of an image."""

    NOT_RECORDED = 0
    RECORDED = 1
    SKIPPED = 2  # the image could not be read
    NAN = 3  # the network gave NaN


def make_gates(
    values: Mapping[str, npt.ArrayLike],
    class_names: Sequence[str],
    *,
    image_ids: Sequence[str] | None = None,
    wnids: Sequence[str] | None = None,
    class_index: npt.ArrayLike | None = None,
    predicted: npt.ArrayLike | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Gate record in memory, from one array of gates per SE block.

    Parameters
    ----------
    values : mapping of str to array, each of shape (n_images, channels)
        Gates of each block, in network order; the key is the block's name.
    class_names : sequence of str, length n_images
    image_ids, wnids : sequence of str, length n_images, optional
        Default to "0", "1", ... and to no wnid.
    class_index, predicted : array of int, length n_images, optional
        Default to the position of the class name among the sorted class names, and
        to -1.
    attrs : mapping, optional
        Provenance, in plain JSON types. `blocks` is filled in where it is missing.

    Returns
    -------
    xr.DataArray, dims (image, channel)
        float32 gates, every row in state `RECORDED` (or `NAN` where a gate is NaN).

    Raises
    ------
    GateRecordError
        If a block's array does not have one row per class name.

    Examples
    --------
    >>> gates = make_gates({"SE_2_1": [[0.1, 0.9]], "SE_3_1": [[0.5]]}, ["pug"])
    >>> gates.sizes["channel"], block_names(gates)
    (3, ['SE_2_1', 'SE_3_1'])
    """
    arrays = {name: np.asarray(array, np.float32) for name, array in values.items()}
    n_images = len(class_names)
    for name, gates in arrays.items():
        if gates.ndim != 2 or len(gates) != n_images:
            raise GateRecordError(
                f"expected gates of {name!r} with shape ({n_images}, channels), one "
                f"row per class name, got {gates.shape}"
            )
    facts = [
        {"name": name, "stage": _stage_in_name(name), "channels": gates.shape[1]}
        for name, gates in arrays.items()
    ]
    flat = np.concatenate(list(arrays.values()), axis=1)
    if class_index is None:
        names = np.asarray(class_names, dtype=str)
        class_index = np.unique(names, return_inverse=True)[1]
    coords = row_coords(image_ids or [str(i) for i in range(n_images)], class_names)
    coords["wnid"] = ("image", _strings(wnids or [""] * n_images))
    coords["class_index"] = ("image", np.asarray(class_index, dtype=np.int64))
    coords["predicted"] = (
        "image",
        np.full(n_images, -1) if predicted is None else np.asarray(predicted, np.int64),
    )
    coords["state"] = ("image", row_states(flat))
    given = dict(attrs or {})
    return xr.DataArray(
        flat,
        dims=("image", "channel"),
        coords=coords | channel_coords(facts),
        attrs={"blocks": facts} | given,
        name="gate",
    )


def row_coords(image_ids: Sequence[str], class_names: Sequence[str]) -> dict[str, Any]:
    """Coordinates along `image` that are known before anything is recorded."""
    return {
        "image_id": ("image", _strings(image_ids)),
        "class_name": ("image", _strings(class_names)),
    }


def channel_coords(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Coordinates along `channel`, from each block's name, stage and channels."""
    widths = [int(fact["channels"]) for fact in facts]
    names = _strings([fact["name"] for fact in facts])
    stages = [int(fact["stage"]) for fact in facts]
    return {
        "block": ("channel", np.repeat(names, widths)),
        "stage": ("channel", np.repeat(stages, widths)),
        "channel_in_block": ("channel", np.concatenate([np.arange(w) for w in widths])),
    }


def row_states(gates: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """State of each row that was computed: `NAN` where it holds one."""
    has_nan = np.isnan(gates).any(axis=1)
    return np.where(has_nan, State.NAN, State.RECORDED).astype(np.uint8)


def check_gates(record: xr.DataArray) -> None:
    """Check that an array is a gate record.

    Raises
    ------
    GateRecordError
        Naming what is missing or does not fit.
    """
    if record.dims != ("image", "channel"):
        raise GateRecordError(
            f"expected a gate record with dims (image, channel), got {record.dims}"
        )
    missing = [n for n in (*ROW_COORDS, *CHANNEL_COORDS) if n not in record.coords]
    if missing:
        raise GateRecordError(
            f"the gate record lacks the coordinates {', '.join(missing)}. "
            "Was it written by `se-probe record`?"
        )
    n_channels = sum(int(fact["channels"]) for fact in block_facts(record))
    if n_channels != record.sizes["channel"]:
        raise GateRecordError(
            f"the blocks of the gate record have {n_channels} channels in all, "
            f"its rows have {record.sizes['channel']}"
        )


# --- writing -------------------------------------------------------------------------


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
    coords["wnid"] = ("image", _strings(rows["wnid"]))
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


# --- reading -------------------------------------------------------------------------


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
                _strings(values) if _is_text(values) else values,
            )
    except (OSError, ValueError, KeyError) as error:
        raise GateRecordError(
            f"the gate record {source} cannot be read ({error}). Record it again, or "
            "copy it once more if it was copied"
        ) from error
    check_gates(record)
    return record


def row_batches(
    record: xr.DataArray, channels: slice | None = None
) -> Iterator[xr.DataArray]:
    """Slices of the recorded rows, loaded, in order.

    Everything that reads all rows goes through here, so memory stays bounded however
    many images a record holds.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    channels : slice, optional
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


def recorded(record: xr.DataArray) -> npt.NDArray[np.bool_]:
    """Which rows hold gates; shape (n_images,)."""
    return np.asarray(record["state"].values == State.RECORDED)


def only_correct(record: xr.DataArray) -> xr.DataArray:
    """Record in which only images that the network classified rightly count.

    The state of all others is `SKIPPED`.

    Returns
    -------
    xr.DataArray, dims (image, channel)

    Raises
    ------
    GateRecordError
        If not one was classified rightly, or no class is one of the network's.
    """
    index = record["class_index"].values
    correct = (record["predicted"].values == index) & (index >= 0)
    if not (correct & recorded(record)).any():
        raise GateRecordError(
            "no recorded image was classified rightly; leave --correct-only out. Are "
            "the classes of the images those of the network?"
        )
    state = np.where(correct, record["state"].values, State.SKIPPED)
    return record.assign_coords(state=("image", state.astype(np.uint8)))


def block_facts(record: xr.DataArray) -> list[dict[str, Any]]:
    """Facts of each block in network order, as `se-probe inspect --json` prints them.

    Returns
    -------
    list of dict

    Raises
    ------
    GateRecordError
        If the record does not hold them.
    """
    facts = record.attrs.get("blocks")
    if not facts:
        raise GateRecordError("the gate record does not say which blocks it holds")
    return list(facts)


def block_names(record: xr.DataArray) -> list[str]:
    """Names of the blocks in network order."""
    return [str(fact["name"]) for fact in block_facts(record)]


def block_channels(record: xr.DataArray, block: str) -> slice:
    """Positions of one block's channels along `channel`.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    block : str
        A block's name or module path.

    Returns
    -------
    slice

    Raises
    ------
    BlockNameError
        If no block, or more than one, has that name.

    Examples
    --------
    >>> gates = make_gates({"SE_2_1": [[0.1, 0.9]], "SE_3_1": [[0.5]]}, ["pug"])
    >>> block_channels(gates, "SE_3_1")
    slice(2, 3, None)
    """
    facts = block_facts(record)
    names = match_blocks([block], facts)
    if len(names) > 1:
        raise BlockNameError(f"{block!r} means several blocks: {', '.join(names)}")
    widths = [int(fact["channels"]) for fact in facts]
    position = [fact["name"] for fact in facts].index(names[0])
    start = sum(widths[:position])
    return slice(start, start + widths[position])


def match_blocks(
    patterns: Sequence[str], facts: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Names of the blocks that patterns mean, in network order, each once.

    Parameters
    ----------
    patterns : sequence of str
        Names, module paths, or globs of either: `SE_5_*`, `layer4.*.se`.
    facts : sequence of mappings
        Each block's `name` and, where known, `path`.

    Returns
    -------
    list of str

    Raises
    ------
    BlockNameError
        If a pattern means no block; the message names those that are nearest.

    Examples
    --------
    >>> facts = [{"name": "SE_4_2"}, {"name": "SE_4_10"}, {"name": "SE_5_1"}]
    >>> match_blocks(["SE_4_*"], facts)
    ['SE_4_2', 'SE_4_10']
    """
    chosen: set[str] = set()
    for pattern in patterns:
        hits = {str(fact["name"]) for fact in facts if _means(pattern, fact)}
        if not hits:
            raise BlockNameError(_no_such_block(pattern, facts))
        chosen |= hits
    return [str(fact["name"]) for fact in facts if fact["name"] in chosen]


def _means(pattern: str, fact: Mapping[str, Any]) -> bool:
    return any(
        fnmatch.fnmatchcase(str(fact.get(key) or "").casefold(), pattern.casefold())
        for key in ("name", "path")
    )


def _no_such_block(pattern: str, facts: Sequence[Mapping[str, Any]]) -> str:
    import difflib  # only for the message

    names = [str(fact["name"]) for fact in facts]
    near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.5) or names[-3:]
    return (
        f"no SE block is called {pattern!r}; the network has {len(names)}: "
        f"{names[0]} to {names[-1]}. Did you mean {' or '.join(near)}?"
    )


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


def _strings(values: Sequence[str]) -> npt.NDArray[np.object_]:
    # Zarr format 3 has no fixed-length unicode: object arrays become its `string`.
    array = np.empty(len(values), dtype=object)
    array[:] = [str(value) for value in values]
    return array


def _is_text(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind in "TUO"


def _stage_in_name(name: str) -> int:
    parts = name.split("_")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else 0
