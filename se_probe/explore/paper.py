"""The present views as figures on paper, each with its numbers."""

from pathlib import Path

import xarray as xr

from se_probe.explore.state import Exploration
from se_probe.plots import (
    figure_depth,
    figure_heatmaps,
    figure_profiles,
    save,
    save_table,
)
from se_probe.views import rows_table

__all__ = ["save_views"]


def save_views(
    look: Exploration, out: str | Path, depth: xr.Dataset | None = None
) -> list[Path]:
    """Write what is shown now, by the painters of the figures.

    Parameters
    ----------
    look : Exploration
    out : path
        Folder; files of the same names are written over.
    depth : xr.Dataset, dims (block,), optional
        The numbers along the network, where they are known already.

    Returns
    -------
    list of Path
    """
    profiles, rows = look.profiles(), look.rows()
    drawn = {
        "profiles": (figure_profiles(profiles), profiles),
        "heatmap": (figure_heatmaps(rows), rows_table(rows)),
    }
    if depth is not None:
        drawn["depth"] = (figure_depth(depth), depth)
    paths = []
    for name, (figure, numbers) in drawn.items():
        stem = Path(out) / name
        paths += [save(figure, f"{stem}.{suffix}") for suffix in ("png", "pdf")]
        paths.append(save_table(numbers, f"{stem}.csv"))
    return paths
