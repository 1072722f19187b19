"""Gate records opened: to read, or to write further batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr

from se_probe.errors import GateRecordError
from se_probe.gates.blocks import block_facts
from se_probe.gates.direct import read_directly
from se_probe.gates.half import widened
from se_probe.gates.places import Place, damage, find_place, reason
from se_probe.gates.record import State, check_gates, strings
from se_probe.gates.sums import CheckedStore, check_files, row_arrays

__all__ = ["context_of", "open_context", "open_gates", "open_group"]

# Under this key a record remembers where what was recorded beside it lies.
_CONTEXT = "se_probe_context"


def open_gates(source: str | Path | zarr.Group) -> xr.DataArray:
    """Gate record of a path or group; gates are read when they are used.

    Parameters
    ----------
    source : path or zarr.Group
        A folder written by `se-probe record`, finished or not, such a folder in one
        zip file, or the group that :func:`create_record` returned.

    Returns
    -------
    xr.DataArray, dims (image, channel)
        Everything but the gates is in memory. Rows in a state other than `RECORDED`
        hold NaN. Reading gates that are damaged raises a :class:`GateRecordError` that
        names the batch.

    Raises
    ------
    GateRecordError
        If there is no gate record at `source`, or it is damaged.
    """
    group = source if isinstance(source, zarr.Group) else _group(source, "r")
    with _reading(source):
        dataset = xr.open_zarr(
            group.store, group=group.path or None, chunks=None, consolidated=False
        )
        record = widened(dataset["gate"], group["gate"])
        record = read_directly(record, group["gate"])
        for name, coord in record.coords.items():
            # Zarr's strings come back as StringDType; plain objects work everywhere.
            values = coord.values
            record[name] = (
                coord.dims,
                strings(values) if _is_text(values) else values,
            )
    with _reading(source):
        check_gates(record)
        _check_content(record, source)
    if "context" in group:
        record.encoding[_CONTEXT] = source
    return record


def context_of(gates: xr.DataArray) -> xr.Dataset | None:
    """What was recorded beside some gates, row by row and channel by channel.

    Parameters
    ----------
    gates : xr.DataArray, dims (image, channel)
        From :func:`open_gates`, or a selection of such a record.

    Returns
    -------
    xr.Dataset, dims (image, channel), or None
        `squeeze` and `energy`, or one of them, read when they are used. None where
        nothing was recorded beside the gates, or they were not opened from a record.
    """
    source = gates.encoding.get(_CONTEXT)
    if source is None:
        return None
    beside = open_context(source)
    chosen = _aligned(beside, "image", ["image_id"], gates)
    if chosen is not None:
        chosen = _aligned(chosen, "channel", ["block", "channel_in_block"], gates)
    return None if chosen is None else chosen.assign_coords(gates.coords)


def _aligned(
    beside: xr.Dataset, dim: str, names: Sequence[str], gates: xr.DataArray
) -> xr.Dataset | None:
    """Context of the rows or channels of some gates; None if it lacks one."""
    whole, part = (
        list(zip(*(each[name].values.tolist() for name in names), strict=True))
        for each in (beside, gates)
    )
    if whole == part:
        return beside
    place = {key: number for number, key in enumerate(whole)}
    if not all(key in place for key in part):
        return None
    return beside.isel({dim: [place[key] for key in part]})


def open_context(source: str | Path | zarr.Group) -> xr.Dataset:
    """What was recorded beside the gates, with the coordinates of the record.

    Parameters
    ----------
    source : path or zarr.Group
        As for :func:`open_gates`.

    Returns
    -------
    xr.Dataset, dims (image, channel)
        `squeeze` and `energy`, or one of them; read when they are used.

    Raises
    ------
    GateRecordError
        If nothing was recorded beside the gates.
    """
    record = open_gates(source)
    group = source if isinstance(source, zarr.Group) else _group(source, "r")
    if "context" not in group:
        raise GateRecordError(
            "nothing was recorded beside the gates. Record them again with `se-probe "
            "record --with squeeze,energy`"
        )
    with _reading(source):
        path = "/".join(filter(None, (group.path, "context")))
        beside: xr.Dataset = xr.open_zarr(
            group.store, group=path, chunks=None, consolidated=False
        )
    return beside.assign_coords(record.coords).assign_attrs(record.attrs)


def open_group(path: str | Path) -> zarr.Group:
    """Zarr group of a record on disk, for writing rows.

    Returns
    -------
    zarr.Group
        Its store raises :class:`GateRecordError` where a chunk is damaged.

    Raises
    ------
    GateRecordError
        If there is no gate record at `path`, its metadata are damaged, or it is a zip
        file.
    """
    if find_place(path).is_zip:
        raise GateRecordError(
            f"{path} is a zip file, which can be read and not written. Unpack it to "
            "resume recording"
        )
    return _group(path, "r+")


def _group(path: str | Path, mode: Literal["r", "r+"]) -> zarr.Group:
    place = find_place(path)
    check_files(place)
    with _reading(path):
        arrays = row_arrays(_open(CheckedStore(place.store(), place.where), place, "r"))
        return _open(CheckedStore(place.store(), place.where, arrays), place, mode)


def _open(store: CheckedStore, place: Place, mode: Literal["r", "r+"]) -> zarr.Group:
    return zarr.open_group(store, path=place.group, mode=mode, use_consolidated=False)


@contextmanager
def _reading(source: object) -> Iterator[None]:
    """Context in which whatever damage leads to becomes one sentence."""
    try:
        yield
    except GateRecordError:
        raise
    except Exception as error:
        # Zarr and xarray raise whatever damaged metadata lead them to: KeyError,
        # TypeError, RuntimeError of a codec, and a dozen others.
        raise GateRecordError(damage(str(source), reason(error))) from error


def _check_content(record: xr.DataArray, source: object) -> None:
    """Check what a file says of its blocks and rows against each other."""
    if not record.attrs.get("blocks"):
        raise GateRecordError("the gate record does not say which blocks it holds")
    known = {fact["name"]: int(fact["channels"]) for fact in record.attrs["blocks"]}
    for fact in block_facts(record):
        if fact["channels"] > known.get(fact["name"], 0):
            raise GateRecordError(
                f"the gate record holds {fact['channels']} channels of "
                f"{fact['name']}, which has {known.get(fact['name'], 0)}"
            )
    if not np.isin(record["state"].values, list(State)).all():
        raise GateRecordError(damage(str(source), "unknown states of images"))


def _is_text(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind in "TUO"
