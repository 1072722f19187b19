"""The present views as figures on paper, each with its numbers."""

from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.explore.state import Exploration
from se_probe.plots import (
    figure_channel,
    figure_depth,
    figure_extremes,
    figure_heatmaps,
    figure_image_map,
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
    profiles, rows, images = look.profiles(), look.rows(), look.map()
    channel, ends = look.by_class(), look.extremes()
    drawn = {
        "map": (figure_image_map(images, look.classes), images),
        "profiles": (figure_profiles(profiles), profiles),
        "heatmap": (figure_heatmaps(rows), rows_table(rows)),
        "channel": (figure_channel(channel), channel),
        "extremes": (figure_extremes(ends, look.thumbnails.picture), ends),
    }
    if depth is not None:
        drawn["depth"] = (figure_depth(depth), depth)
    paths = []
    for name, (figure, numbers) in drawn.items():
        stem = Path(out) / name
        paths += [save(figure, f"{stem}.{suffix}") for suffix in ("png", "pdf")]
        paths.append(save_table(numbers, f"{stem}.csv"))
    if len(look.selected):
        paths.append(save_table(_selected(look), Path(out) / "selection.csv"))
    return paths


def _selected(look: Exploration) -> pd.DataFrame:
    """Row, id, class and predicted class index of each selected image."""
    own = look.selection
    names = ("image_id", "class_name", "class_index", "predicted")
    columns = {name: own[name].to_numpy() for name in names}
    return pd.DataFrame({"row": look.selected, **columns})
