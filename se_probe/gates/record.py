"""What a gate record is: making one in memory, and checking any."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates.blocks import block_channels, block_names

__all__ = [
    "CHANNEL_COORDS",
    "ROW_COORDS",
    "State",
    "channel_coords",
    "check_gates",
    "make_gates",
    "only_correct",
    "recorded",
    "row_coords",
    "row_states",
    "strings",
]

ROW_COORDS = ("image_id", "class_name", "wnid", "class_index", "predicted", "state")
CHANNEL_COORDS = ("block", "stage", "channel_in_block")


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
    >>> from se_probe.gates import block_names
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
    coords["wnid"] = ("image", strings(wnids or [""] * n_images))
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
        "image_id": ("image", strings(image_ids)),
        "class_name": ("image", strings(class_names)),
    }


def channel_coords(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Coordinates along `channel`, from each block's name, stage and channels."""
    widths = [int(fact["channels"]) for fact in facts]
    names = strings([fact["name"] for fact in facts])
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
    """Check that an array is a gate record, whole or a selection of one.

    Raises
    ------
    GateRecordError
        Naming what is missing or does not fit.
    """
    if record.dims != ("image", "channel"):
        raise GateRecordError(
            "expected a gate record with dims (image, channel), got "
            f"({', '.join(map(str, record.dims))}). Select with lists or slices, which "
            "keep both: gates.isel(image=[3])"
        )
    missing = [n for n in (*ROW_COORDS, *CHANNEL_COORDS) if n not in record.coords]
    if missing:
        raise GateRecordError(
            f"the gate record lacks the coordinates {', '.join(missing)}. "
            "Was it written by `se-probe record`?"
        )
    for names, dim in ((ROW_COORDS, "image"), (CHANNEL_COORDS, "channel")):
        spread = [name for name in names if record[name].dims != (dim,)]
        if spread:
            raise GateRecordError(
                f"expected the coordinate {spread[0]!r} of the gate record along "
                f"{dim!r} only, got {record[spread[0]].dims}. Were records of "
                "different images or blocks concatenated?"
            )
    for name in block_names(record):
        block_channels(record, name)  # no channel may be there twice


def recorded(record: xr.DataArray) -> npt.NDArray[np.bool_]:
    """Which rows hold gates; shape (n_images,)."""
    return np.asarray(record["state"].values == State.RECORDED)


def only_correct(record: xr.DataArray) -> xr.DataArray:
    """Record in which only images that the network classified correctly count.

    The state of all others is `SKIPPED`.

    Returns
    -------
    xr.DataArray, dims (image, channel)

    Raises
    ------
    GateRecordError
        If not one was correctly classified, or no class is one of the network's.
    """
    index = record["class_index"].values
    correct = (record["predicted"].values == index) & (index >= 0)
    if not (correct & recorded(record)).any():
        raise GateRecordError(
            "no recorded image was correctly classified, so there is nothing to show "
            "of the correctly classified ones alone. Are the classes of the images "
            "those of the network?"
        )
    state = np.where(correct, record["state"].values, State.SKIPPED)
    return record.assign_coords(state=("image", state.astype(np.uint8)))


def strings(values: Sequence[str]) -> npt.NDArray[np.object_]:
    """Text as coordinates hold it, shape (n,)."""
    # Zarr format 3 has no fixed-length unicode: object arrays become its `string`.
    array = np.empty(len(values), dtype=object)
    array[:] = [str(value) for value in values]
    return array


def _stage_in_name(name: str) -> int:
    parts = name.split("_")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else 0
