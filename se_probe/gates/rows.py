"""Every recorded row of a record, read in slices of bounded memory."""

from collections.abc import Iterator

import xarray as xr

from se_probe.gates.blocks import Channels
from se_probe.gates.opening import context_of
from se_probe.gates.record import recorded

__all__ = ["check_readable", "row_batches"]

_READ_BYTES = 64 * 2**20


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


def check_readable(record: xr.DataArray) -> None:
    """Read every recorded row once, so that all checksums are looked at.

    What was recorded beside the gates is read too.

    Raises
    ------
    GateRecordError
        If a batch is damaged; the message names the first.
    """
    beside = context_of(record)
    for rows in (record, *(() if beside is None else beside.data_vars.values())):
        for _ in row_batches(rows):
            pass


def _rows_per_read(record: xr.DataArray) -> int:
    """Whole chunks (batches), as many as fit `_READ_BYTES`, at least one."""
    chunk = record.encoding.get("chunks", (1,))[0]
    fitting = _READ_BYTES // (4 * max(record.sizes["channel"], 1))
    return int(max(fitting // chunk, 1) * chunk)
