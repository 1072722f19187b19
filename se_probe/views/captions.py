"""What stands under a figure of classes or images: what it shows, and of what."""

import xarray as xr

from se_probe.views.caption_parts import (
    Source,
    blocks_shown,
    caption_text,
    channels_shown,
    classes_shown,
    listed_classes,
)

__all__ = [
    "extremes_caption",
    "profiles_caption",
    "rows_caption",
    "spread_caption",
]


def profiles_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the class profiles.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        From :func:`~se_probe.views.class_profiles`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
        Sentences, then one line each for network, data, record and command.
    """
    n_all = view.attrs["n_recorded_classes"]
    shown = (
        f"Class profiles: mean gate of each class over {channels_shown(view)} of "
        f"{blocks_shown(view)}. The reference curve is the mean of the means of all "
        f"{n_all:,} recorded classes."
    )
    return caption_text(view.attrs, [shown, classes_shown(view)], source)


def spread_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the spread within classes.

    Parameters
    ----------
    view : xr.Dataset, dims (class_name, channel)
        The classes that are drawn.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    shown = (
        "Spread within classes: mean gate of each class and a band of one standard "
        f"deviation (n - 1) over {channels_shown(view)} of {blocks_shown(view)}."
    )
    return caption_text(view.attrs, [shown, classes_shown(view)], source)


def rows_caption(view: xr.DataArray, source: Source | None = None) -> str:
    """Caption of a heatmap.

    Parameters
    ----------
    view : xr.DataArray, dims (row, channel)
        From :func:`~se_probe.views.sorted_rows`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    names, n_images = view["class_name"].values, view["n_images"].values
    counts: dict[str, int] = {}
    for name, n in zip(names, n_images.tolist(), strict=True):
        counts[str(name)] = counts.get(str(name), 0) + n
    first = f"Gates of all channels of {blocks_shown(view)}, {n_images.sum():,} images"
    sentences = [f"{first} sorted by class."]
    if view.attrs["images_per_row"] > 1:
        sentences.append(
            f"A row is the mean of up to {view.attrs['images_per_row']:,} images."
        )
    if "batch" in view.attrs:
        sentences.append(f"The images are those of batch {view.attrs['batch']}.")
    if view.attrs.get("channel_order") == "class":
        sentences.append(
            "Channels stand side by side by the class for which they open most "
            "(largest standardised class mean), sorted on the images that are shown."
        )
    return caption_text(view.attrs, [*sentences, listed_classes(counts)], source)


def extremes_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of a contact sheet.

    Parameters
    ----------
    view : xr.Dataset, dims (end, rank, channel)
        From :func:`~se_probe.views.extremes`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    n_images, n_channels = view.sizes["rank"], view.sizes["channel"]
    first = (
        f"The {n_images} images for which the gate of a channel is largest (most open) "
        f"and smallest (least open), for {n_channels} channels of "
        f"{blocks_shown(view)}, of {view.attrs['n_searched']:,} "
        "images; below each its class and its gate."
    )
    return caption_text(view.attrs, [first], source)
