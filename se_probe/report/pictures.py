"""Figures as pictures within the page, each with words for who cannot see it."""

import base64
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from se_probe.plots import (
    figure_depth,
    figure_heatmaps,
    figure_profiles,
    figure_spread,
    save,
)
from se_probe.views import (
    class_profiles,
    default_pair,
    depth_caption,
    profiles_caption,
    rows_caption,
    sorted_rows,
    spread_caption,
)

__all__ = ["Picture", "picture_of", "pictures_of"]


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, its title, alternative text and caption."""

    title: str
    uri: str
    alternative: str
    caption: str
    name: str = ""


def pictures_of(
    record: xr.DataArray, moments: xr.Dataset, depth: xr.Dataset, classes: Sequence[str]
) -> Iterator[Picture]:
    """The four figures of a record.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    moments : xr.Dataset
    depth : xr.Dataset, dims (block,)
    classes : sequence of str
        Those that are shown.

    Yields
    ------
    Picture
    """
    profiles = class_profiles(moments, classes=classes)
    pair = default_pair(profiles)
    spread = profiles.sel(class_name=pair)
    rows = sorted_rows(record, classes=classes)
    yield picture_of(
        figure_depth(depth),
        "Along the depth",
        "Line plots of separability, class share, input dependence and saturation, "
        "block by block. The table of blocks below holds the same numbers.",
        # What else the caption says stands above already, among the findings.
        depth_caption(depth).partition(". ")[0] + ".",
        "depth",
    )
    yield picture_of(
        figure_profiles(profiles),
        "Class profiles",
        "Line plots of the mean gate of each class over the channels of "
        f"{len(set(profiles['block'].to_numpy()))} blocks, and of the mean of all "
        "classes in grey.",
        profiles_caption(profiles),
        "profiles",
    )
    yield picture_of(
        figure_spread(spread),
        "Spread within classes",
        f"Mean gate and a band of one standard deviation for {' and '.join(pair)}.",
        spread_caption(spread),
    )
    yield picture_of(
        figure_heatmaps(rows),
        "Heatmap",
        "Gates as colours: one row for each image or group of images, sorted by class, "
        "one column for each channel.",
        rows_caption(rows),
        "heatmap",
    )


def picture_of(
    figure: Figure, title: str, alternative: str, caption: str, name: str = ""
) -> Picture:
    """A figure as a picture within a page.

    Parameters
    ----------
    figure : Figure
    title, alternative, caption : str
        Of the caption, the sentences only: the page says the provenance once.
    name : str
        Of the plot that takes its place where the page can run scripts.

    Returns
    -------
    Picture
    """
    with tempfile.TemporaryDirectory() as folder:
        data = save(figure, Path(folder) / "figure.png").read_bytes()
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return Picture(title, uri, alternative, caption.partition("\n")[0], name)
