"""How figures look, and what is written of each: picture, numbers, caption."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd  # type: ignore[import-untyped]
import xarray as xr
from matplotlib.figure import Figure

from se_probe.errors import UsageError
from se_probe.plots.layout import Width, inches
from se_probe.plots.rows import check_cmap
from se_probe.plots.style import Styles, use_style

__all__ = ["Drawn", "Look"]


@dataclass(frozen=True)
class Look:
    """How figures look; what they show is the views' business.

    Parameters
    ----------
    cmap : str, default "viridis"
        Colour map of the heatmaps.
    limits : "own" or tuple of float, default "own"
        Gates at the ends of the heatmaps' colour bars: each block's own 1st and 99th
        percentile, or a pair for all.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all panels.
    style : path, optional
        A .mplstyle file, or a style of matplotlib, over the package's own.
    styles : mapping of str to mapping, optional
        Line properties of classes, by any accepted name.
    """

    cmap: str = "viridis"
    limits: Literal["own"] | tuple[float, float] = "own"
    width: Width = "page"
    title: str = ""
    style: str | Path | None = None
    styles: Styles = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what cannot be drawn before anything is computed.

        Raises
        ------
        UsageError
            If there is no such colour map, width or style, or the limits are no range.
        """
        check_cmap(self.cmap)
        inches(self.width)
        if self.limits != "own" and not self.limits[0] < self.limits[1]:
            low, high = self.limits
            raise UsageError(
                f"expected two limits, the smaller first, got {low:g} and {high:g}"
            )
        with use_style(self.style or {}):
            pass

    @property
    def common_limits(self) -> tuple[float, float] | None:
        """The pair for all heatmaps; None where each has its own."""
        return None if self.limits == "own" else self.limits


@dataclass(frozen=True)
class Drawn:
    """A figure, its numbers and its caption, under the name of its files."""

    name: str
    figure: Figure
    numbers: xr.Dataset | pd.DataFrame
    caption: str
