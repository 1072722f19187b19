"""The gates of one block in two records beside each other, and their difference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import block_channels
from se_probe.plots.binning import label_sorted_rows
from se_probe.plots.labels import gate_limits, short_name
from se_probe.plots.layout import finish, set_margins
from se_probe.plots.selection import block_name
from se_probe.plots.style import house_style

__all__ = ["RecordPair", "figure_pairs"]

_MAX_ROWS = 300
_MAX_NAMES = 14
_ROW_HEIGHT = 2.35  # inches, with its title and axis
_LETTER = 0.055  # inches, of a class name at 7 points


@dataclass(frozen=True, eq=False)
class RecordPair:
    """Two records of the same images.

    Parameters
    ----------
    first, second : xr.DataArray, dims (image, channel)
    labels : tuple of str
        What the records are called, as in "run 1, seed 0".
    is_in_order : bool
        Whether channel `k` means the same in both. Otherwise the channels of each are
        sorted by their mean gate before they are compared.
    """

    first: xr.DataArray
    second: xr.DataArray
    labels: tuple[str, str]
    is_in_order: bool


def figure_pairs(
    pairs: Sequence[RecordPair], block: str, *, cmap: str = "viridis"
) -> Figure:
    """Draw each pair as one row: two heatmaps of the gates, and their difference.

    Rows of a heatmap are images sorted by class, averaged within the class where they
    are many.

    Parameters
    ----------
    pairs : sequence of RecordPair
    block : str
        Name or module path.
    cmap : str, default "viridis"
        Of the gates; differences are blue below zero and red above.

    Returns
    -------
    Figure
        7 inches wide, all gates on one scale, all differences on another.

    Raises
    ------
    BlockNameError
        If `block` means no block, or several.
    GateRecordError
        If the records of a pair do not hold the same images.
    UsageError
        If there are no pairs.
    """
    if not pairs:
        raise UsageError("there are no pairs of records to draw; give at least two")
    drawn = [_rows_of(pair, block) for pair in pairs]
    values = [rows.values for both in drawn for rows in both]
    limits = gate_limits([end(each) for each in values for end in (np.min, np.max)])
    differences = [second.values - first.values for first, second in drawn]
    largest = max(float(np.abs(each).max()) for each in differences)
    with house_style():
        fig = Figure((7.0, 0.35 + _ROW_HEIGHT * len(pairs)))
        axes = fig.subplots(len(pairs), 3, squeeze=False, sharey=True)
        left = 0.4 + _LETTER * max(map(len, _labels(drawn[0][0])[1]))
        set_margins(fig, left=left, right=0.62, top=0.5, bottom=0.38)
        fig.subplots_adjust(wspace=0.32, hspace=0.62 / (_ROW_HEIGHT - 0.62))
        fig.suptitle(f"{block_name(pairs[0].first, block)}: {_same_images(drawn)}")
        for row, pair, both, change in zip(
            axes, pairs, drawn, differences, strict=True
        ):
            for ax, rows, label in zip(row, both, pair.labels, strict=False):
                _draw(ax, rows.values, cmap, limits, "gate", pair.is_in_order)
                ax.set_title(label)
            reach = (-largest, largest) if largest else (-1.0, 1.0)
            which = "second \N{MINUS SIGN} first"
            _draw(row[2], change, "RdBu_r", reach, which, pair.is_in_order)
            row[2].set_title(_title(change))
            row[0].set_yticks(*_labels(both[0]))
            row[0].set_ylabel("images by class")
        finish(fig)
    return fig


def _rows_of(pair: RecordPair, block: str) -> tuple[xr.DataArray, xr.DataArray]:
    first, second = (
        label_sorted_rows(record, block_channels(record, block), max_rows=_MAX_ROWS)
        for record in (pair.first, pair.second)
    )
    if not np.array_equal(first["n_images"].values, second["n_images"].values):
        raise GateRecordError(
            "two records are drawn beside each other for the same images only"
        )
    if pair.is_in_order:
        return first, second
    return _by_mean_gate(first), _by_mean_gate(second)


def _by_mean_gate(rows: xr.DataArray) -> xr.DataArray:
    order = np.argsort(-rows.values.mean(axis=0), kind="stable")
    return rows.isel(channel=order)


def _draw(
    ax: Axes,
    values: npt.NDArray[np.floating],
    cmap: str,
    limits: tuple[float, float],
    label: str,
    is_in_order: bool,
) -> None:
    image = ax.imshow(
        values,
        aspect="auto",
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )
    ax.grid(visible=False)
    ax.set_xlabel("channel" if is_in_order else "channel, sorted by mean gate")
    ax.locator_params(axis="x", integer=True)
    ax.figure.colorbar(image, ax=ax, label=label, pad=0.04, fraction=0.08)


def _title(change: npt.NDArray[np.floating]) -> str:
    largest = float(np.abs(change).max())
    return f"difference: {f'at most {largest:.2g}' if largest else '0 everywhere'}"


def _labels(rows: xr.DataArray) -> tuple[list[float], list[str]]:
    """Places and names of the classes beside the rows, as many as there is room for."""
    names = rows["class_name"].values.astype(str)
    starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    centres = (starts + np.append(starts[1:], len(names)) - 1) / 2
    every = -(-len(starts) // _MAX_NAMES)
    shown = [short_name(str(name), 14) for name in names[starts][::every]]
    return centres[::every].tolist(), shown


def _same_images(drawn: Sequence[tuple[xr.DataArray, xr.DataArray]]) -> str:
    n_images = int(drawn[0][0]["n_images"].sum())
    per_row = int(drawn[0][0].attrs["images_per_row"])
    averaged = f", each row the mean of up to {per_row}" if per_row > 1 else ""
    return f"gates of the same {n_images:,} images{averaged}"
