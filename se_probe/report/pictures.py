"""Figures as pictures within the page, each with words for who cannot see it."""

import base64
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

from se_probe.plots import (
    figure_depth,
    figure_heatmaps,
    figure_profiles,
    figure_selectivity,
    figure_similarity,
    figure_spread,
    save,
)
from se_probe.views import (
    class_profiles,
    class_similarities,
    default_pair,
    depth_caption,
    profiles_caption,
    rows_caption,
    selectivity_caption,
    selectivity_profile,
    similarity_caption,
    sorted_rows,
    spread_caption,
)

__all__ = ["Picture", "picture_of", "pictures_of"]

# So many have names of their own beside the matrix.
_MOST_CLASSES = 40


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, its title, alternative text and caption."""

    title: str
    uri: str
    alternative: str
    caption: str
    name: str = ""


def pictures_of(
    record: xr.DataArray,
    moments: xr.Dataset,
    depth: xr.Dataset,
    channels: xr.Dataset,
    classes: Sequence[str],
) -> Iterator[Picture]:
    """The figures of a record: of its blocks and classes, then of its channels.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    moments : xr.Dataset
    depth : xr.Dataset, dims (block,)
    channels : xr.Dataset, dims (channel,)
        From :func:`~se_probe.stats.channel_table`.
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
    yield from _of_channels(moments, channels)


def _of_channels(moments: xr.Dataset, channels: xr.Dataset) -> Iterator[Picture]:
    """What channels prefer, and which classes open the same ones."""
    if np.isfinite(channels["selectivity"]).any():
        preferred = selectivity_profile(channels)
        yield picture_of(
            figure_selectivity(preferred),
            "Selectivity of the channels",
            "How much the channels of each block prefer one class, block by block, "
            "beside the level that shuffled labels give.",
            selectivity_caption(preferred),
        )
    if 3 <= moments.sizes["class_name"] <= _MOST_CLASSES:
        alike = class_similarities(moments)
        yield picture_of(
            figure_similarity(alike),
            "Similarity of the classes",
            "Correlation of the mean gates of every two classes in an early, a middle "
            "and a late block, as colours.",
            similarity_caption(alike),
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
        data = _small(save(figure, Path(folder) / "figure.png"))
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return Picture(title, uri, alternative, caption.partition("\n")[0], name)


def _small(path: Path) -> bytes:
    """Picture in 256 colours, which figures hardly exceed, in half the bytes."""
    data = BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(data, "PNG", optimize=True)
    return data.getvalue()
