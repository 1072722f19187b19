"""What stands under a figure in a thesis: what it shows, of what, and where from."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.gates import block_names
from se_probe.views.context import describe_context
from se_probe.views.redundancy import describe_redundancy
from se_probe.views.selectivity import describe_selectivity
from se_probe.views.similarity import MAX_LABELLED, describe_similarity
from se_probe.views.words import describe_depth

__all__ = [
    "Source",
    "caption_text",
    "context_caption",
    "correlations_caption",
    "depth_caption",
    "extremes_caption",
    "gates_by_squeeze_caption",
    "profiles_caption",
    "redundancy_caption",
    "rows_caption",
    "selectivity_caption",
    "similarity_caption",
    "spread_caption",
]

_N_NAMED = 20

# What only the caller knows: the `record` and the `command` that drew the figure.
Source = Mapping[str, str]


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
        f"Class profiles: mean gate of each class over {_channels(view)} of "
        f"{_blocks(view)}. The reference curve is the mean of the means of all "
        f"{n_all:,} recorded classes."
    )
    return caption_text(view.attrs, [shown, _classes(view)], source)


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
        f"deviation (n - 1) over {_channels(view)} of {_blocks(view)}."
    )
    return caption_text(view.attrs, [shown, _classes(view)], source)


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
    first = f"Gates of all channels of {_blocks(view)}, {n_images.sum():,} images"
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
    return caption_text(view.attrs, [*sentences, _listed_classes(counts)], source)


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
        f"and smallest (least open), for {n_channels} channels of {_blocks(view)}, of "
        f"{view.attrs['n_searched']:,} images; below each its class and its gate."
    )
    return caption_text(view.attrs, [first], source)


def depth_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the depth figure, which says in words what it shows.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.depth_profile`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    first = (
        "Separability, class share, input dependence and saturation of the gates of "
        f"{view.sizes['block']} SE blocks, {int(view['n_images'].max()):,} images."
    )
    return caption_text(view.attrs, [first, *describe_depth(view)], source)


def selectivity_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the selectivity figure.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.selectivity_profile`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    first = (
        "Class selectivity (largest class mean against the mean of the other class "
        f"means) of the channels of {view.sizes['block']} SE blocks: median, middle "
        "half, and 5th to 95th percentile; in grey the same after the labels were "
        f"shuffled once (seed {view.attrs['seed']})."
    )
    return caption_text(view.attrs, [first, *describe_selectivity(view)], source)


def redundancy_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the redundancy figure.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.redundancy_profile`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    first = (
        f"Effective rank of the gates of {view.sizes['block']} SE blocks, beside the "
        "numbers of channels and of images, and beside the rank of independent "
        "channels (the gates of each channel dealt to the images at random)."
    )
    return caption_text(view.attrs, [first, *describe_redundancy(view)], source)


def correlations_caption(view: xr.DataArray, source: Source | None = None) -> str:
    """Caption of the correlation matrix of one block.

    Parameters
    ----------
    view : xr.DataArray, dims (channel, other_channel)
        From :func:`~se_probe.views.gate_correlations`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    facts, n_shown = view.attrs, view.sizes["channel"]
    left_out = facts["constant_channels"]
    first = (
        f"Correlation over {facts['n_images']:,} images between the gates of "
        f"{n_shown:,} of the {facts['n_channels']:,} channels of {facts['block']}, "
        "ordered by clustering (average linkage on 1 - correlation)."
    )
    rest = f"{left_out:,} constant channels are left out." if left_out else ""
    return caption_text(facts, [first, rest], source)


def similarity_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the similarity of classes.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`~se_probe.views.class_similarities`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    names = [str(name) for name in view["block"].to_numpy()]
    first = (
        "Similarity of classes: correlation over channels between the mean gates of "
        "every two classes, after each channel's mean over the classes was taken off, "
        f"in {', '.join(names)}. Classes stand in the order of a clustering in "
        f"{names[-1]}."
    )
    sentences = [first, *describe_similarity(view), _classes(view)]
    if view.sizes["class_name"] > MAX_LABELLED:
        sentences.append("The table lists the most similar class of each class.")
    return caption_text(view.attrs, sentences, source)


def context_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the context figure.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.context_profile`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    first = (
        "Context slope: correlation over images of each channel's gate with its own "
        "squeeze, the mean of its feature map. Points are medians over the channels of "
        "a block; bars hold the middle half and the middle 90 % of them."
    )
    return caption_text(view.attrs, [first, *describe_context(view)], source)


def gates_by_squeeze_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of one block's gates against their squeeze.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`~se_probe.views.gates_by_squeeze`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    about = view.attrs
    first = (
        f"Gates of {about['block']} against the squeeze that each is computed from: "
        f"{about['n_images']:,} images, {about['n_channels']:,} channels. A hexagon's "
        "colour counts pairs of an image and a channel; the line is the mean gate of "
        "equally many pairs, by squeeze. Channels differ in both, so no single channel "
        "need follow it."
    )
    return caption_text(about, [first], source)


def caption_text(
    attrs: Mapping[Any, Any], sentences: Sequence[str], source: Source | None
) -> str:
    """Sentences, then a line each for network, data, record and command.

    Parameters
    ----------
    attrs : mapping
        Of a view: the provenance of its record.
    sentences : sequence of str
        Empty ones are left out.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    known = source or {}
    facts = {
        "Network": _network(attrs),
        "Data": _data(attrs),
        "Record": known.get("record", ""),
        "Command": known.get("command", ""),
    }
    lines = [f"{key}: {value}" for key, value in facts.items() if value]
    return "\n".join([" ".join(filter(None, sentences)), *lines]) + "\n"


def _channels(view: xr.Dataset) -> str:
    n_all = view.attrs["n_channels"]
    shown = {b: int((view["block"].values == b).sum()) for b in block_names(view)}
    if all(shown[block] == n_all[block] for block in shown):
        return "all channels"
    if view.attrs["sampling"] == "given":
        given = dict.fromkeys(view["channel_in_block"].values.tolist())
        return f"the channels {', '.join(map(str, given))}"
    numbers = sorted({str(n) for n in shown.values()}, key=int)
    how = "at random" if view.attrs["sampling"] == "random" else "evenly spaced"
    return f"{' or '.join(numbers)} channels ({how})"


def _blocks(view: xr.DataArray | xr.Dataset) -> str:
    names = block_names(view)
    return f"the SE block{'s' * (len(names) > 1)} {', '.join(names)}"


def _classes(view: xr.Dataset) -> str:
    names, counts = view["class_name"].values, view["count"].values
    return _listed_classes(dict(zip(names.tolist(), counts.tolist(), strict=True)))


def _listed_classes(counts: Mapping[str, int]) -> str:
    if len(counts) > _N_NAMED:
        least, most = min(counts.values()), max(counts.values())
        return f"{len(counts):,} classes, n = {least:,} to {most:,}."
    return "Classes: " + ", ".join(f"{k} (n = {n:,})" for k, n in counts.items()) + "."


def _network(attrs: Mapping[Any, Any]) -> str:
    parts = [attrs.get("architecture"), attrs.get("checkpoint")]
    if attrs.get("sha256"):
        parts.append(f"sha256 {attrs['sha256'][:12]}")
    return ", ".join(str(part) for part in parts if part)


def _data(attrs: Mapping[Any, Any]) -> str:
    images = attrs.get("images")
    if not isinstance(images, Mapping):
        return ""
    split = f" ({images['split']})" if images.get("split") else ""
    n_images, size = images.get("n_images"), attrs.get("image_size")
    parts = [f"{images.get('name')}{split}"]
    if n_images:
        parts.append(f"{n_images:,} images recorded")
    if size:
        unit = "pixels" if len(size) == 2 else "positions"
        parts.append(f"{' x '.join(map(str, size))} {unit}")
    return ", ".join(parts)
