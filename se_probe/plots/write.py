"""All figures of a record into one folder, each with its numbers and its caption."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import block_names
from se_probe.plots.channels import ChannelFigures
from se_probe.plots.depth import figure_depth
from se_probe.plots.drawn import Drawn, Look
from se_probe.plots.extremes import check_n_channels, figure_extremes
from se_probe.plots.heatmap import Limits, figure_heatmaps, own_limits, panel_rows
from se_probe.plots.labels import gate_limits
from se_probe.plots.profiles import figure_profiles
from se_probe.plots.saving import save, save_caption, save_table
from se_probe.plots.spread import figure_spread, spread_limits
from se_probe.plots.style import N_NAMED, Styles, styles_of, use_style
from se_probe.progress import Progress
from se_probe.stats import Kept, class_moments, squeeze_of
from se_probe.thumbnails import PictureSource, Thumbnails
from se_probe.views import (
    ChannelOrder,
    Chosen,
    Selection,
    Source,
    batch_rows,
    block_part,
    class_profiles,
    default_pair,
    depth_caption,
    depth_profile,
    extremes,
    extremes_caption,
    find_classes,
    profiles_caption,
    rows_caption,
    rows_table,
    sorted_rows,
    spread_caption,
)

__all__ = ["ALL_FIGURES", "FIGURES", "Look", "write_figures"]

# Those that are drawn where none is asked for, and all that can be.
FIGURES = ("profiles", "spread", "heatmap", "depth")
ALL_FIGURES = (
    *FIGURES,
    "extremes",
    "selectivity",
    "redundancy",
    "similarity",
    "context",
)


def write_figures(
    record: xr.DataArray,
    out: str | Path,
    selection: Selection | None = None,
    *,
    figures: Sequence[str] = FIGURES,
    formats: Sequence[str] = ("png", "pdf"),
    pair: Sequence[str] | None = None,
    look: Look | None = None,
    channel_order: ChannelOrder = "index",
    batches: Sequence[int] = (),
    path: str | Path | None = None,
    images: str | Path | PictureSource | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> tuple[list[Path], xr.Dataset | None]:
    """Draw the figures of a record; write their numbers and captions beside them.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record.
    out : path
        Folder; files of the same names are written over.
    selection : Selection, optional
        Which classes, blocks and channels.
    figures : sequence of str
        Some of "profiles", "spread", "heatmap", "depth", "extremes", "selectivity",
        "redundancy" (with "correlations" of the last block that is drawn), "similarity"
        and "context" (with "context_block", of the block whose gates go most with their
        squeeze).
    formats : sequence of str
        Some of "png", "pdf", "svg".
    pair : sequence of str, optional
        Classes of the spread figure; :func:`~se_probe.views.default_pair` otherwise.
    look : Look, optional
    channel_order : {"index", "class"}, default "index"
        Of the heatmaps; see :func:`~se_probe.views.sorted_rows`.
    batches : sequence of int
        Batches of the record that get a heatmap of their own besides, such as
        "heatmap_batch_38"; they share the ends of the colour bars.
    path : path, optional
        Where the record lies: what is computed of a large one is kept beside it, and
        used while it is unchanged (:class:`~se_probe.stats.Kept`).
    images : path or PictureSource, optional
        For the pictures of "extremes"; where the record says they are by default.
    command : str
        For the captions.
    progress : callable, optional
        Called with how many images are done and how many there are, in each pass.

    Returns
    -------
    paths : list of Path
        What was written, figure by figure.
    depth : xr.Dataset, dims (block,), or None
        The view of "depth"; None without it, because it reads all gates twice.

    Raises
    ------
    UsageError
        If a figure, a format, a look, a number of channels or a batch is invalid.
    ClassNameError, BlockNameError
        If a class or a block is not in the record.
    GateRecordError
        If batches are asked for and the record does not say its batch size, or
        "context" and it was recorded without.
    """
    look = look or Look()
    if "context" in figures:
        squeeze_of(record)  # says how to record it
    _check_figures(figures, batches)
    look.check()
    selection = selection or Selection()
    chosen, blocks_asked = selection.resolve(record), selection.blocks is not None
    selection = replace(selection, classes=chosen.classes, blocks=chosen.blocks)
    if "extremes" in figures:
        check_n_channels(len(chosen.channels))
    n_rows = panel_rows(len(chosen.blocks), look.width)
    rows_of = _Rows(selection, n_rows, channel_order, progress)
    parts = [batch_rows(record, k, selection, max_rows=n_rows) for k in batches]
    kept = Kept(record, path)
    source = {"record": str(path or ""), "command": command}

    def moments() -> xr.Dataset:
        return kept.get("moments", lambda: class_moments(record, progress=progress))

    def depth() -> xr.Dataset:
        return kept.get(
            "depth", lambda: depth_profile(record, moments(), progress=progress)
        )

    def drawn() -> Iterator[Drawn]:
        if {"profiles", "spread"} & set(figures):
            yield from _curves(moments(), selection, pair, figures, look, source)
        if "heatmap" in figures:
            yield _heatmap("heatmap", rows_of.view(record, kept), look, source)
        yield from _batch_heatmaps(parts, look, source)
        if "depth" in figures:
            figure = figure_depth(depth(), width=look.width, title=look.title)
            yield Drawn("depth", figure, depth(), depth_caption(depth(), source))
        if "extremes" in figures:
            yield _contact_sheet(record, chosen, images, look, source)
        blocks = chosen.blocks if blocks_asked else None
        by_channel = ChannelFigures(record, kept, blocks, look, source, progress)
        if "selectivity" in figures:
            yield by_channel.selectivity(moments())
        if "redundancy" in figures:
            yield from by_channel.redundancy()
        if "similarity" in figures:
            yield by_channel.similarity(moments())
        if "context" in figures:
            yield from by_channel.context()

    paths: list[Path] = []
    with use_style(look.style) if look.style else nullcontext():
        for one in drawn():
            stem = Path(out) / one.name
            paths += [save(one.figure, f"{stem}.{suffix}") for suffix in formats]
            paths.append(save_table(one.numbers, f"{stem}.csv"))
            paths.append(save_caption(one.caption, f"{stem}.txt"))
    return paths, depth() if "depth" in figures else None


@dataclass(frozen=True)
class _Rows:
    """How the rows of a heatmap are computed."""

    selection: Selection
    max_rows: int
    channel_order: ChannelOrder
    progress: Progress | None

    def view(self, record: xr.DataArray, kept: Kept) -> xr.DataArray:
        """The rows, computed or kept."""
        made = kept.get(
            "rows",
            lambda: self._made(record),
            classes=list(self.selection.classes or ()),
            blocks=list(self.selection.blocks or ()),
            max_rows=self.max_rows,
            channel_order=self.channel_order,
        )
        return made["gate"].assign_attrs(made.attrs)

    def _made(self, record: xr.DataArray) -> xr.Dataset:
        rows = sorted_rows(
            record,
            self.selection,
            max_rows=self.max_rows,
            channel_order=self.channel_order,
            progress=self.progress,
        )
        return rows.drop_attrs().to_dataset().assign_attrs(rows.attrs)


def _curves(
    moments: xr.Dataset,
    selection: Selection,
    pair: Sequence[str] | None,
    figures: Sequence[str],
    look: Look,
    source: Source,
) -> Iterator[Drawn]:
    """Profiles and spread, on one gate axis and with one style for each class."""
    profiles = class_profiles(moments, selection)
    names = find_classes(moments, pair) if pair else default_pair(profiles)
    spread = class_profiles(moments, replace(selection, classes=names))
    both = [profiles["class_name"].to_numpy(), spread["class_name"].to_numpy()]
    every = moments.sel(class_name=list(dict.fromkeys(np.concatenate(both))))
    styles = styles_of(every, look.styles)
    ends = [*gate_limits(profiles["mean"]), *spread_limits(spread)]
    if "spread" not in figures:
        ends = list(gate_limits(profiles["mean"]))
    limits = min(ends), max(ends)
    if "profiles" in figures:
        is_cloud = profiles.sizes["class_name"] > N_NAMED and not look.styles
        figure = figure_profiles(
            profiles,
            styles=None if is_cloud else _of(profiles, styles),
            limits=limits,
            width=look.width,
            title=look.title,
        )
        caption = profiles_caption(profiles, source)
        yield Drawn("profiles", figure, profiles, caption)
    if "spread" in figures:
        figure = figure_spread(
            spread,
            classes=names,
            styles=_of(spread, styles),
            limits=limits,
            width=look.width,
            title=look.title,
        )
        yield Drawn("spread", figure, spread, spread_caption(spread, source))


def _of(view: xr.Dataset, styles: Styles) -> Styles:
    """The styles of the classes that a view shows."""
    return {name: styles[name] for name in view["class_name"].to_numpy()}


def _contact_sheet(
    record: xr.DataArray,
    chosen: Chosen,
    images: str | Path | PictureSource | None,
    look: Look,
    source: Source,
) -> Drawn:
    view = extremes(record.isel(channel=chosen.channels))
    side = 160  # as many pixels as a picture has on paper
    figure = figure_extremes(
        view,
        Thumbnails(record, images, side=side).picture,
        width=look.width,
        title=look.title,
    )
    return Drawn("extremes", figure, view, extremes_caption(view, source))


def _heatmap(
    name: str,
    rows: xr.DataArray,
    look: Look,
    source: Source,
    *,
    limits: Limits | None = None,
    title: str = "",
) -> Drawn:
    figure = figure_heatmaps(
        rows,
        cmap=look.cmap,
        limits=look.common_limits or limits,
        width=look.width,
        title="\n".join(filter(None, [look.title, title])),
    )
    return Drawn(name, figure, rows_table(rows), rows_caption(rows, source))


def _batch_heatmaps(
    parts: Sequence[xr.DataArray], look: Look, source: Source
) -> Iterator[Drawn]:
    """Heatmaps of single batches, each block on one scale in all of them."""
    blocks = block_names(parts[0]) if parts else []
    limits = {
        block: own_limits(
            np.concatenate([block_part(part, block).to_numpy() for part in parts])
        )
        for block in blocks
    }
    for part in parts:
        number, n_images = part.attrs["batch"], int(part["n_images"].sum())
        title = f"batch {number}: {n_images:,} image{'s' * (n_images > 1)}"
        yield _heatmap(
            f"heatmap_batch_{number}",
            part,
            look,
            source,
            limits=limits,
            title=f"{title}, sorted by class",
        )


def _check_figures(figures: Sequence[str], batches: Sequence[int]) -> None:
    unknown = [name for name in figures if name not in ALL_FIGURES]
    if unknown:
        raise UsageError(
            f"figures are {', '.join(ALL_FIGURES)}; got {', '.join(map(repr, unknown))}"
        )
    if batches and "heatmap" not in figures:
        raise UsageError("batches are drawn as heatmaps: add heatmap to the figures")
