"""All figures of a record into one folder, each with its numbers beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]
import xarray as xr
from matplotlib.figure import Figure

from se_probe.errors import UsageError
from se_probe.plots.depth import figure_depth
from se_probe.plots.heatmap import figure_heatmaps, panel_rows
from se_probe.plots.labels import gate_limits
from se_probe.plots.profiles import figure_profiles
from se_probe.plots.saving import save, save_table
from se_probe.plots.spread import figure_spread
from se_probe.plots.style import class_styles
from se_probe.stats import class_moments
from se_probe.views import (
    Selection,
    batch_rows,
    class_profiles,
    default_pair,
    depth_profile,
    find_classes,
    rows_table,
    sorted_rows,
)

__all__ = ["FIGURES", "write_figures"]

FIGURES = ("profiles", "spread", "heatmap", "depth")

# Name of a figure, the figure, and its numbers.
Drawn = tuple[str, Figure, xr.Dataset | pd.DataFrame]


def write_figures(
    record: xr.DataArray,
    out: str | Path,
    selection: Selection | None = None,
    *,
    figures: Sequence[str] = FIGURES,
    formats: Sequence[str] = ("png", "pdf"),
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
    selection : Selection, optional
        Which classes, blocks and channels.
    figures : sequence of str
        Some of "profiles", "spread", "heatmap", "depth".
    formats : sequence of str
        Some of "png", "pdf", "svg".
    pair : sequence of str, optional
        Classes of the spread figure; :func:`~se_probe.views.default_pair` otherwise.
    cmap : str
        Colour map of the heatmap.
    batches : sequence of int
        Batches of the record that get a heatmap of their own besides, such as
        "heatmap_batch_38"; they share the ends of the colour bar.

    Returns
    -------
    paths : list of Path
        What was written, figure by figure.
    depth : xr.Dataset, dims (block,), or None
        The view of "depth"; None without it, because it reads all gates several times.

    Raises
    ------
    UsageError
        If a figure, a format, a number of channels or a batch cannot be meant.
    ClassNameError, BlockNameError
        If a class or a block is not in the record.
    GateRecordError
        If batches are asked for and the record does not say its batch size.
    """
    _check_figures(figures, batches)
    selection = selection or Selection()
    chosen = selection.resolve(record)
    selection = replace(selection, classes=chosen.classes, blocks=chosen.blocks)
    n_rows = panel_rows(len(chosen.blocks))
    parts = [batch_rows(record, k, selection, max_rows=n_rows) for k in batches]
    moments = class_moments(record)
    profiles = class_profiles(moments, selection)
    names = find_classes(moments, pair) if pair else default_pair(profiles)
    depth = depth_profile(record, moments) if "depth" in figures else None

    def drawn() -> Iterator[Drawn]:
        if "profiles" in figures:
            yield "profiles", figure_profiles(profiles), profiles
        if "spread" in figures:
            spread = class_profiles(moments, replace(selection, classes=names))
            styles = class_styles(list(dict.fromkeys([*chosen.classes, *names])))
            figure = figure_spread(spread, classes=names, styles=styles)
            yield "spread", figure, spread
        if "heatmap" in figures:
            rows = sorted_rows(record, selection, max_rows=n_rows)
            yield "heatmap", figure_heatmaps(rows, cmap=cmap), rows_table(rows)
        yield from _batch_heatmaps(parts, cmap)
        if depth is not None:
            yield "depth", figure_depth(depth), depth

    paths = []
    for name, figure, numbers in drawn():
        paths += [save(figure, Path(out) / f"{name}.{suffix}") for suffix in formats]
        paths.append(save_table(numbers, Path(out) / f"{name}.csv"))
    return paths, depth


def _check_figures(figures: Sequence[str], batches: Sequence[int]) -> None:
    unknown = [name for name in figures if name not in FIGURES]
    if unknown:
        raise UsageError(
            f"figures are {', '.join(FIGURES)}; got {', '.join(map(repr, unknown))}"
        )
    if batches and "heatmap" not in figures:
        raise UsageError("batches are drawn as heatmaps: add heatmap to the figures")


def _batch_heatmaps(parts: Sequence[xr.DataArray], cmap: str) -> Iterator[Drawn]:
    """Heatmaps of single batches, on one scale."""
    ends = [end for part in parts for end in (part.min().item(), part.max().item())]
    for part in parts:
        number, n_images = part.attrs["batch"], int(part["n_images"].sum())
        which = f"batch {number}: {n_images:,} image{'s' * (n_images > 1)}"
        figure = figure_heatmaps(
            part, cmap=cmap, limits=gate_limits(ends), title=f"{which}, sorted by class"
        )
        yield f"heatmap_batch_{number}", figure, rows_table(part)
