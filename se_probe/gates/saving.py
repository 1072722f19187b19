"""Gate records in memory, or selections of one, saved as a folder or one zip file."""

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates.blocks import block_facts
from se_probe.gates.create import new_record
from se_probe.gates.places import FORMAT, remove_record
from se_probe.gates.record import CHANNEL_COORDS, ROW_COORDS, check_gates
from se_probe.gates.store import write_rows

__all__ = ["check_whole", "save_gates"]

_ROWS_PER_CHUNK = 32  # where the record does not say
_WRITTEN = ("predicted", "state")  # with the gates, batch by batch
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # of zip files: equal records give equal bytes


def save_gates(
    gates: xr.DataArray, path: str | Path, *, overwrite: bool = False
) -> None:
    """Save a gate record: one made in memory, or a selection of any.

    Parameters
    ----------
    gates : xr.DataArray, dims (image, channel)
    path : str or Path
        A folder such as ``run.zarr``, or one file to send on such as ``run.zarr.zip``.
        Both are opened by :func:`open_gates` and by every command.
    overwrite : bool, default False
        Replace a record that is there already.

    Raises
    ------
    GateRecordError
        If `gates` is no gate record, or `path` exists.

    Examples
    --------
    >>> import tempfile
    >>> from se_probe.gates import make_gates, open_gates
    >>> gates = make_gates({"SE_2_1": [[0.25, 0.75]]}, ["pug"])
    >>> path = Path(tempfile.mkdtemp(), "run.zarr.zip")
    >>> save_gates(gates.isel(channel=[1]), path)
    >>> open_gates(path).values.tolist()
    [[0.75]]
    """
    check_gates(gates)
    path = Path(path)
    if path.exists() and not overwrite:
        raise GateRecordError(
            f"{path} exists already; choose another name, or give overwrite=True"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{path.name}.new."))
    try:
        folder = building / "run.zarr"
        _write_folder(gates, folder)
        saved = _packed(folder) if path.suffix == ".zip" else folder
        remove_record(path)
        saved.rename(path)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def check_whole(record: xr.DataArray) -> None:
    """Check that a record holds all images and channels that its run had.

    Raises
    ------
    GateRecordError
        If it is a selection.
    """
    n_images = (record.attrs.get("images") or {}).get("n_images", record.sizes["image"])
    n_channels = sum(int(fact["channels"]) for fact in record.attrs.get("blocks") or ())
    if record.sizes["image"] != n_images or record.sizes["channel"] != n_channels:
        raise GateRecordError(
            f"the gate record is a selection: {record.sizes['image']} of "
            f"{n_images} images and {record.sizes['channel']} of {n_channels} "
            "channels. Give the record that it was taken from"
        )


def _write_folder(gates: xr.DataArray, folder: Path) -> None:
    rows = int(gates.attrs.get("batch_size") or _ROWS_PER_CHUNK)
    along = [name for name in (*ROW_COORDS, *CHANNEL_COORDS) if name not in _WRITTEN]
    group = new_record(
        folder,
        {name: gates[name].variable for name in along},
        rows,
        gates.attrs | {"format": FORMAT, "batch_size": rows, "blocks": _blocks(gates)},
        dtype=gates.attrs.get("dtype", "float32"),
    )
    for number, start in enumerate(range(0, gates.sizes["image"], rows)):
        part = gates.isel(image=slice(start, start + rows)).load()
        states = part["state"].values.astype(np.uint8)
        if states.any():
            rest = {"predicted": part["predicted"].values, "state": states}
            write_rows(group, number, {"gate": part.values} | rest)


def _blocks(gates: xr.DataArray) -> list[dict[str, Any]]:
    """All that the attributes know of the network's blocks, and those only held."""
    known = [dict(fact) for fact in gates.attrs.get("blocks") or ()]
    names = {fact["name"] for fact in known}
    return known + [fact for fact in block_facts(gates) if fact["name"] not in names]


def _packed(folder: Path) -> Path:
    """One zip file of a folder; gates hardly shrink, so nothing is compressed."""
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return packed
