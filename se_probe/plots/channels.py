"""The figures of channels: what each gate prefers, and which gates are alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import xarray as xr

from se_probe.plots.context import figure_context, figure_gates_by_squeeze
from se_probe.plots.drawn import Drawn, Look
from se_probe.plots.redundancy import figure_correlations, figure_redundancy
from se_probe.plots.selectivity import figure_selectivity
from se_probe.plots.similarity import figure_similarity
from se_probe.progress import Progress
from se_probe.stats import Kept, channel_table
from se_probe.views import (
    Source,
    class_similarities,
    context_caption,
    context_profile,
    correlations_caption,
    gate_correlations,
    gates_by_squeeze,
    gates_by_squeeze_caption,
    most_by_squeeze,
    redundancy_caption,
    redundancy_profile,
    selectivity_caption,
    selectivity_profile,
    similarity_caption,
    similarity_table,
)

__all__ = ["ChannelFigures"]


@dataclass(frozen=True)
class ChannelFigures:
    """The figures of channels: of all blocks, or of those that are asked for."""

    record: xr.DataArray
    kept: Kept
    blocks: list[str] | None
    look: Look
    source: Source
    progress: Progress | None

    def selectivity(self, moments: xr.Dataset) -> Drawn:
        """How much channels prefer one class."""
        table = self.kept.get(
            "channels",
            lambda: channel_table(self.record, moments, progress=self.progress),
        )
        view = selectivity_profile(table)
        figure = figure_selectivity(view, **self._look)
        return Drawn(
            "selectivity", figure, view, selectivity_caption(view, self.source)
        )

    def redundancy(self) -> Iterator[Drawn]:
        """How many gates are independent, and which move together in one block."""
        view = self.kept.get("redundancy", lambda: redundancy_profile(self.record))
        figure = figure_redundancy(view, **self._look)
        yield Drawn("redundancy", figure, view, redundancy_caption(view, self.source))
        n_moving = (view["channels"] - view["constant_channels"]).to_series()
        names = [name for name in n_moving.index if n_moving[name] > 1]
        shown = [name for name in names if self.blocks is None or name in self.blocks]
        if not shown:
            return
        matrix = gate_correlations(self.record, shown[-1])
        figure = figure_correlations(matrix, **self._look)
        numbers, caption = (
            matrix.to_dataset(),
            correlations_caption(matrix, self.source),
        )
        yield Drawn("correlations", figure, numbers, caption)

    def similarity(self, moments: xr.Dataset) -> Drawn:
        """Which classes have similar gates."""
        view = class_similarities(
            self.record, self.blocks, moments, progress=self.progress
        )
        figure = figure_similarity(view, **self._look)
        caption = similarity_caption(view, self.source)
        return Drawn("similarity", figure, similarity_table(view), caption)

    def context(self) -> Iterator[Drawn]:
        """How gates go with their own squeeze, by depth and in one block."""
        view = self.kept.get(
            "context", lambda: context_profile(self.record, progress=self.progress)
        )
        figure = figure_context(view, **self._look)
        yield Drawn("context", figure, view, context_caption(view, self.source))
        shown = view if self.blocks is None else view.sel(block=self.blocks)
        pairs = gates_by_squeeze(self.record, most_by_squeeze(shown))
        figure = figure_gates_by_squeeze(pairs, cmap=self.look.cmap, **self._look)
        caption = gates_by_squeeze_caption(pairs, self.source)
        numbers = pairs[["bin_squeeze", "bin_gate"]]
        yield Drawn("context_block", figure, numbers, caption)

    @property
    def _look(self) -> dict[str, Any]:
        return {"width": self.look.width, "title": self.look.title}
