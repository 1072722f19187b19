"""What stands on the page: numbers, words, pictures; nothing laid out yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.gates import block_names
from se_probe.report.findings import findings, recorded_sentences, warnings_of
from se_probe.report.pictures import Picture, pictures_of
from se_probe.stats import Kept, channel_table, class_moments, record_summary
from se_probe.thumbnails import Thumbnails
from se_probe.views import (
    ENDS,
    class_profiles,
    comparison_profile,
    default_classes,
    depth_profile,
    describe_comparison,
    extremes,
    moved_channels,
    moved_classes,
)

__all__ = ["Card", "Contents", "Gallery", "gather"]

# What an SE-ResNet-50 with ten classes shown may embed is a few hundred kilobytes.
_CHANNELS = 256
_N_CARDS = 6
_N_GALLERIES = 3
_PROVENANCE = (
    *("architecture", "checkpoint", "sha256", "precision", "image_size", "batch_size"),
    *("device", "device_name", "torch", "torchvision", "timm", "se_probe", "python"),
)


@dataclass(frozen=True)
class Card:
    """One image: its picture as a data URI ("" where there is none), and words."""

    uri: str
    image_id: str
    class_name: str
    gate: float


@dataclass(frozen=True)
class Gallery:
    """The images at one end of a channel."""

    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that the page shows.

    Parameters
    ----------
    title : str
    recorded, findings, warnings : tuple of str
        Sentences.
    pictures : tuple of Picture
    depth : xr.Dataset, dims (block,)
    profiles : xr.Dataset, dims (class_name, channel)
        Of all blocks, for the plots that answer to the mouse.
    galleries : tuple of Gallery
    no_pictures : str
        Why there are no thumbnails; "" where there are.
    provenance : mapping
    commands : mapping of str to str
    comparison : mapping, optional
        `words`, `picture`, `classes`, `channels`.
    """

    title: str
    recorded: tuple[str, ...]
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    pictures: tuple[Picture, ...]
    depth: xr.Dataset
    profiles: xr.Dataset
    galleries: tuple[Gallery, ...]
    no_pictures: str
    provenance: Mapping[str, Any]
    commands: Mapping[str, str]
    comparison: Mapping[str, Any] = field(default_factory=dict)


def gather(
    record: xr.DataArray,
    against: xr.DataArray | None,
    thumbnails: Thumbnails,
    *,
    labels: tuple[str, str],
    path: str | None = None,
    command: str = "",
) -> Contents:
    """Compute everything that the page shows.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    against : xr.DataArray, optional
        Another record of the same images.
    thumbnails : Thumbnails
    labels : tuple of str
        What the two records are called.
    path : str, optional
        Where the record lies; what is computed of a large one is kept beside it.
    command : str
        What writes the page.

    Returns
    -------
    Contents
    """
    kept = Kept(record, path)
    moments = kept.get("moments", lambda: class_moments(record))
    depth = kept.get("depth", lambda: depth_profile(record, moments))
    channels = kept.get("channels", lambda: channel_table(record, moments))
    classes = default_classes(record)
    summary = record_summary(record)
    profiles = class_profiles(
        moments, classes=classes, blocks=block_names(record), channels=_CHANNELS
    )
    galleries = _galleries(record, channels, thumbnails)
    return Contents(
        title=f"Gates of {record.attrs.get('architecture') or labels[0]}",
        recorded=tuple(recorded_sentences(record, summary)),
        findings=tuple(findings(depth, channels, moments)),
        warnings=tuple(warnings_of(record, summary, moments)),
        pictures=tuple(pictures_of(record, moments, depth, channels, classes)),
        depth=depth,
        profiles=profiles,
        galleries=galleries,
        no_pictures=thumbnails.problem,
        provenance=_provenance(record),
        commands={
            "record": str(record.attrs.get("command") or ""),
            "page": command,
        },
        comparison=_comparison(record, against, labels) if against is not None else {},
    )


def _galleries(
    record: xr.DataArray, channels: xr.Dataset, thumbnails: Thumbnails
) -> tuple[Gallery, ...]:
    """Both ends of the most selective channels of the last block."""
    last = block_names(record)[-1]
    own = channels.isel(channel=(channels["block"] == last).to_numpy())
    by = "sd" if np.isnan(own["selectivity"]).all() else "selectivity"
    order = (-own[by].fillna(-1)).to_numpy().argsort(kind="stable")[:_N_GALLERIES]
    numbers = own["channel_in_block"].to_numpy()[order].tolist()
    view = extremes(record, [last], numbers, n_images=_N_CARDS)
    return tuple(
        Gallery(
            f"Channel {number} of {last}: the images that open it {end}",
            _cards(view.isel(channel=k).sel(end=end), thumbnails),
        )
        for k, number in enumerate(numbers)
        for end in ENDS
    )


def _cards(one: xr.Dataset, thumbnails: Thumbnails) -> tuple[Card, ...]:
    names = ("image_id", "class_name", "gate")
    columns = (one[name].to_numpy().tolist() for name in names)
    return tuple(
        Card(thumbnails.data_uri(image_id), image_id, class_name, gate)
        for image_id, class_name, gate in zip(*columns, strict=True)
    )


def _comparison(
    record: xr.DataArray, against: xr.DataArray, labels: tuple[str, str]
) -> dict[str, Any]:
    from se_probe.plots import figure_comparison
    from se_probe.report.pictures import picture_of

    view = comparison_profile(record, against, labels)
    words = describe_comparison(view)
    return {
        "words": words,
        "picture": picture_of(
            figure_comparison(view),
            f"{labels[0]} and {labels[1]}",
            "Correlation of class means, difference of the gates, and change of class "
            "share and separability, block by block. " + words[0],
            f"Changes are {labels[1]} minus {labels[0]}; bars are 95 % bootstrap "
            "intervals over images.",
        ),
        "classes": _rows(moved_classes(view, 10)),
        "channels": _rows(moved_channels(view, 10)),
    }


def _rows(table: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = table.to_dict("records")
    return rows


def _provenance(record: xr.DataArray) -> dict[str, Any]:
    facts = {
        key.replace("_", " "): record.attrs[key]
        for key in _PROVENANCE
        if record.attrs.get(key) not in (None, "")
    }
    images = record.attrs.get("images")
    if isinstance(images, Mapping):
        facts["images"] = ", ".join(
            f"{key} {value}" for key, value in images.items() if value not in (None, "")
        )
    return facts
