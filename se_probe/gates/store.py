"""The batches of a gate record: written one by one, done, pending or damaged."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from se_probe.errors import GateRecordError
from se_probe.gates.half import rounded
from se_probe.gates.places import damage
from se_probe.gates.sums import row_arrays

__all__ = [
    "count_channels",
    "damaged_batches",
    "is_pending",
    "pending_batches",
    "read_image_ids",
    "write_batch",
    "write_rows",
]

# A chunk that holds nothing but its fill value is written too: what is missing then is
# damage.
_WRITING = {"array.write_empty_chunks": True}


def write_batch(
    group: zarr.Group,
    number: int,
    gates: npt.NDArray[np.float32],
    predicted: npt.NDArray[np.integer],
    state: npt.NDArray[np.integer],
    context: Mapping[str, npt.NDArray[np.float32]] | None = None,
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
    context : mapping of str to np.ndarray, each of shape (rows, n_channels), optional
        Everything that the record was created to hold beside the gates.

    Raises
    ------
    GateRecordError
        If the shapes are not those of this batch, a state is `NOT_RECORDED`, the
        context is not what the record holds, or a gate is too large to be stored.
    """
    array = _array(group, "gate")
    start = number * array.chunks[0]
    stop = min(start + array.chunks[0], array.shape[0])
    expected = (stop - start, array.shape[1])
    beside = {f"context/{name}": values for name, values in (context or {}).items()}
    for shape in (gates.shape, *(values.shape for values in beside.values())):
        if shape != expected or state.shape != expected[:1]:
            raise GateRecordError(
                f"expected gates of batch {number} with shape {expected}, got {shape}"
            )
    if not state.all():
        raise GateRecordError(f"batch {number} holds rows that were not recorded")
    held = [name for name in row_arrays(group) if name.startswith("context/")]
    if sorted(held) != sorted(beside):
        raise GateRecordError(
            f"the record holds {', '.join(held) or 'nothing'} beside the gates, got "
            f"{', '.join(beside) or 'nothing'}"
        )
    write_rows(
        group,
        number,
        {"gate": gates} | beside | {"predicted": predicted, "state": state},
    )


def write_rows(
    group: zarr.Group, number: int, values: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write the rows of batch `number` as they are; see :func:`write_batch`.

    Parameters
    ----------
    group : zarr.Group
    number : int
    values : mapping of str to np.ndarray, each with one row per image of the batch
        By path of the array in the group, in the order of writing: `state` last.

    Raises
    ------
    GateRecordError
        If a gate is too large for the number type in which the record stores it.
    """
    with zarr.config.set(_WRITING):
        for name, rows in values.items():
            array = _array(group, name)
            start = number * array.chunks[0]
            array[start : start + len(rows)] = rounded(rows, array.dtype)


def count_channels(group: zarr.Group) -> int:
    """Channels that a record holds, of all its blocks."""
    return int(_array(group, "gate").shape[1])


def read_image_ids(group: zarr.Group) -> list[str]:
    """Ids of all images, in order; batches may be damaged.

    Returns
    -------
    list of str

    Raises
    ------
    GateRecordError
        If the ids themselves are damaged.
    """
    try:
        return [str(name) for name in np.asarray(_array(group, "image_id")[:])]
    except Exception as error:  # of a codec, or whatever the damage leads it to
        raise GateRecordError(damage("", f"image_id: {error}")) from error


def pending_batches(group: zarr.Group) -> list[int]:
    """Numbers of the batches that are not done, or damaged, in order.

    All that is recorded already is read, and its checksums are looked at.

    Returns
    -------
    list of int
    """
    return [k for k in range(_n_batches(group)) if is_pending(group, k)]


def damaged_batches(group: zarr.Group) -> list[int]:
    """Numbers of the batches that are done and can no longer be read, in order."""
    return [k for k in range(_n_batches(group)) if _is_damaged(group, k)]


def is_pending(group: zarr.Group, number: int) -> bool:
    """Whether a batch is not done, or damaged.

    Parameters
    ----------
    group : zarr.Group
    number : int
        Batch number, from 0.

    Returns
    -------
    bool
    """
    if _is_damaged(group, number):
        return True
    return not _read_chunk(group, "state", number).all()


def _is_damaged(group: zarr.Group, number: int) -> bool:
    try:
        if _read_chunk(group, "state", number).any():
            for name in row_arrays(group):
                _read_chunk(group, name, number)
    except GateRecordError:
        return True
    return False


def _read_chunk(group: zarr.Group, name: str, number: int) -> npt.NDArray[Any]:
    array = _array(group, name)
    start = number * array.chunks[0]
    return np.asarray(array[start : start + array.chunks[0]])


def _n_batches(group: zarr.Group) -> int:
    array = _array(group, "state")
    return -(-array.shape[0] // array.chunks[0])


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise GateRecordError(f"{name!r} of the gate record is not an array")
    return array
