"""All figures of a record into one folder, each with its numbers beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd  # type: ignore[import-untyped]
import xarray as xr
from matplotlib.figure import Figure

from se_probe.errors import UsageError
from se_probe.plots.batches import batch_limits, one_batch
from se_probe.plots.depth import figure_depth
from se_probe.plots.heatmap import figure_heatmaps
from se_probe.plots.profiles import figure_profiles
from se_probe.plots.save import save, save_table
from se_probe.plots.selection import find_classes
from se_probe.plots.spread import default_pair, figure_spread
from se_probe.plots.tables import (
    depth_table,
    heatmap_table,
    profile_table,
    spread_table,
)
from se_probe.stats import block_summary, class_moments

__all__ = ["FIGURES", "write_figures"]

FIGURES = ("profiles", "spread", "heatmap", "depth")


def write_figures(
    record: xr.DataArray,
    out: str | Path,
    classes: Sequence[str] | None = None,
    blocks: Sequence[str] | None = None,
    *,
    figures: Sequence[str] = FIGURES,
    formats: Sequence[str] = ("png", "pdf"),
    channels: int | Literal["all"] = 50,
    sampling: Literal["even", "random"] = "even",
    seed: int = 0,
    pair: Sequence[str] | None = None,
    cmap: str = "viridis",
    batches: Sequence[int] = (),
) -> tuple[list[Path], xr.Dataset | None]:
    """Draw the figures of a record, and write the numbers of each as csv beside it.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record.
    out : path
        Folder; files of the same names are written over.
    classes, blocks : sequence of str, optional
        As in :func:`figure_profiles`.
    figures : sequence of str
        Some of "profiles", "spread", "heatmap", "depth".
    formats : sequence of str
        Some of "png", "pdf", "svg".
    channels, sampling, seed
        As in :func:`pick_channels`.
    pair : sequence of str, optional
        Classes of the spread figure; :func:`default_pair` otherwise.
    cmap : str
        Colour map of the heatmap.
    batches : sequence of int
        Batches of the record that get a heatmap of their own besides, such as
        "heatmap_batch_38"; they share the ends of the colour bar.

    Returns
    -------
    paths : list of Path
        What was written, figure by figure.
    summary : xr.Dataset, dims (block,), or None
        :func:`~se_probe.stats.block_summary` of the record, which "depth" needs; None
        without it, because it reads all gates several times.

    Raises
    ------
    UsageError
        If a figure, a format, a number of channels or a batch cannot be meant.
    ClassNameError, BlockNameError
        If a class or a block is not in the record.
    GateRecordError
        If batches are asked for and the record does not say its batch size.
    """
    unknown = [name for name in figures if name not in FIGURES]
    if unknown:
        raise UsageError(
            f"figures are {', '.join(FIGURES)}; got {', '.join(map(repr, unknown))}"
        )
    if batches and "heatmap" not in figures:
        raise UsageError("batches are drawn as heatmaps: add heatmap to the figures")
    names = find_classes(record, classes)
    parts = {number: one_batch(record, number, names) for number in batches}
    moments = class_moments(record)
    summary = block_summary(record, moments) if "depth" in figures else None
    picking: dict[str, Any] = {"channels": channels, "sampling": sampling, "seed": seed}
    two = find_classes(moments, pair) if pair else default_pair(moments, names)

    def drawn() -> Iterator[tuple[str, Figure, pd.DataFrame]]:
        if "profiles" in figures:
            fig = figure_profiles(moments, names, blocks, **picking)
            yield "profiles", fig, profile_table(moments, names, blocks, **picking)
        if "spread" in figures:
            fig = figure_spread(moments, names, blocks, pair=two, **picking)
            yield "spread", fig, spread_table(moments, two, blocks, **picking)
        if "heatmap" in figures:
            fig = figure_heatmaps(record, blocks, classes=names, cmap=cmap)
            yield "heatmap", fig, heatmap_table(record, blocks, names)
        limits = batch_limits(list(parts.values()), blocks)
        for number, part in parts.items():
            yield _batch_heatmap(part, number, blocks, names, cmap=cmap, limits=limits)
        if summary is not None:
            yield "depth", figure_depth(summary), depth_table(summary)

    paths = []
    for name, fig, table in drawn():
        paths += [save(fig, Path(out) / f"{name}.{suffix}") for suffix in formats]
        paths.append(save_table(table, Path(out) / f"{name}.csv"))
    return paths, summary


def _batch_heatmap(
    batch: xr.DataArray,
    number: int,
    blocks: Sequence[str] | None,
    names: Sequence[str],
    **look: Any,
) -> tuple[str, Figure, pd.DataFrame]:
    """Heatmap of one batch, with those of the classes that it holds."""
    n_images = batch.sizes["image"]
    held = set(batch["class_name"].values)
    shown = [name for name in names if name in held]
    title = f"batch {number}: {n_images:,} image{'s' * (n_images > 1)}, sorted by class"
    fig = figure_heatmaps(batch, blocks, classes=shown, title=title, **look)
    return f"heatmap_batch_{number}", fig, heatmap_table(batch, blocks, shown)
