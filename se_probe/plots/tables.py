"""The numbers behind each figure, as tables."""

from collections.abc import Sequence
from typing import Unpack

import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.plots.binning import label_sorted_rows
from se_probe.plots.heatmap import panel_rows
from se_probe.plots.selection import (
    NChannels,
    Picking,
    block_names,
    find_classes,
    pick_channels,
    shown_channels,
)
from se_probe.stats import reference_curve

__all__ = ["depth_table", "heatmap_table", "profile_table", "spread_table"]


def profile_table(
    moments: xr.Dataset,
    classes: Sequence[str] | None = None,
    blocks: Sequence[str] | None = None,
    **picking: Unpack[Picking],
) -> pd.DataFrame:
    """Numbers behind :func:`~se_probe.plots.figure_profiles`.

    Parameters
    ----------
    moments, classes, blocks, **picking
        As for the figure.

    Returns
    -------
    pd.DataFrame
        One row per block, class and channel: `block`, `channel` (position in the
        block), `class_name`, `wnid`, `n_images`, `mean_gate`, and `mean_of_classes`,
        the grey curve.

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    UsageError
        If the channels cannot be meant.
    """
    table = _class_table(moments, classes, blocks, **picking)
    return table.drop(columns="sd_gate")


def spread_table(
    moments: xr.Dataset,
    classes: Sequence[str] | None = None,
    blocks: Sequence[str] | None = None,
    **picking: Unpack[Picking],
) -> pd.DataFrame:
    """Numbers behind :func:`~se_probe.plots.figure_spread`.

    Parameters
    ----------
    moments, classes, blocks, **picking
        As for the figure; `classes` are those drawn.

    Returns
    -------
    pd.DataFrame
        One row per block, class and channel: `block`, `channel` (position in the
        block), `class_name`, `wnid`, `n_images`, `mean_gate`, `sd_gate` (empty for a
        class of one image).

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    UsageError
        If the channels cannot be meant.
    """
    table = _class_table(moments, classes, blocks, **picking)
    return table.drop(columns="mean_of_classes")


def heatmap_table(
    record: xr.DataArray,
    blocks: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    *,
    channels: NChannels = 50,
) -> pd.DataFrame:
    """Numbers behind :func:`~se_probe.plots.figure_heatmaps`, at some channels.

    All channels of a large network would make a file of many megabytes, and the gate
    record holds them anyway; so evenly spaced ones are taken unless all are asked for.

    Parameters
    ----------
    record, blocks, classes
        As for the figure.
    channels : int or "all", default 50
        How many channels of each block.

    Returns
    -------
    pd.DataFrame
        One row per row of the heatmap: `row`, `class_name`, `n_images`, and a column
        of mean gates for each channel, such as "SE_5_1/41".

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If the channels cannot be meant.
    """
    chosen = block_names(record, blocks)
    rows = label_sorted_rows(record, classes=classes, max_rows=panel_rows(len(chosen)))
    columns = {
        "row": range(rows.sizes["row"]),
        "class_name": rows["class_name"].to_numpy(),
        "n_images": rows["n_images"].to_numpy(),
    }
    gates, block_of = rows.to_numpy(), rows["block"].to_numpy()
    for block in chosen:
        part = gates[:, block_of == block]
        for i in pick_channels(part.shape[1], channels):
            columns[f"{block}/{i}"] = part[:, i]
    return pd.DataFrame(columns)


def depth_table(summary: xr.Dataset) -> pd.DataFrame:
    """Numbers behind :func:`~se_probe.plots.figure_depth`, one row per block.

    Parameters
    ----------
    summary : xr.Dataset, dims (block,)
        From :func:`~se_probe.stats.block_summary`.

    Returns
    -------
    pd.DataFrame
        `block`, and every variable of the summary.
    """
    return summary.to_dataframe().reset_index()


def _class_table(
    moments: xr.Dataset,
    classes: Sequence[str] | None,
    blocks: Sequence[str] | None,
    **picking: Unpack[Picking],
) -> pd.DataFrame:
    names = find_classes(moments, classes)
    chosen = block_names(moments, blocks)
    parts = [shown_channels(moments, block, **picking) for block in chosen]
    tables = [_one_class(part, name) for part in parts for name in names]
    return pd.concat(tables, ignore_index=True)


def _one_class(shown: xr.Dataset, name: str) -> pd.DataFrame:
    one = shown.sel(class_name=name)
    return pd.DataFrame(
        {
            "block": shown["block"].to_numpy(),
            "channel": shown["channel_in_block"].to_numpy(),
            "class_name": name,
            "wnid": one["wnid"].item(),
            "n_images": one["count"].item(),
            "mean_gate": one["mean"].to_numpy(),
            "sd_gate": one["sd"].to_numpy(),
            "mean_of_classes": reference_curve(shown).to_numpy(),
        }
    )
