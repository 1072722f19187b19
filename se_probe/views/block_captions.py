"""What stands under a figure of blocks and their channels: what it shows, in words."""

import xarray as xr

from se_probe.views.caption_parts import Source, caption_text, classes_shown
from se_probe.views.context import describe_context
from se_probe.views.redundancy import describe_redundancy
from se_probe.views.selectivity import describe_selectivity
from se_probe.views.similarity import MAX_LABELLED, describe_similarity
from se_probe.views.words import describe_depth

__all__ = [
    "context_caption",
    "correlations_caption",
    "depth_caption",
    "gates_by_squeeze_caption",
    "redundancy_caption",
    "selectivity_caption",
    "similarity_caption",
]


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
    sentences = [first, *describe_similarity(view), classes_shown(view)]
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
