"""What stands out in a record, in sentences computed from its numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from se_probe.gates import block_names
from se_probe.stats import MIN_IMAGES
from se_probe.views import (
    class_similarities,
    describe_depth,
    describe_similarity,
    listed,
)

__all__ = ["findings", "recorded_sentences", "warnings_of"]

# A block with less input dependence loses less than a hundredth of the gates' power
# where they are held constant.
_NEARLY_CONSTANT = 0.01
_FEW = 10


def recorded_sentences(
    record: xr.DataArray, summary: Mapping[str, Any]
) -> Iterator[str]:
    """Network, data, how many images; accuracy with its interval.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    summary : mapping
        From :func:`~se_probe.stats.record_summary`.

    Yields
    ------
    str
    """
    attrs, n = record.attrs, summary["n_recorded"]
    images = attrs.get("images")
    where = images.get("name") if isinstance(images, Mapping) else None
    n_blocks, n_channels = len(block_names(record)), record.sizes["channel"]
    network = attrs.get("architecture") or "a network"
    yield (
        f"The gates of {n_blocks} SE block{'s' * (n_blocks != 1)} ({n_channels:,} "
        f"channels) of {network}, recorded for {n:,} image{'s' * (n != 1)}"
        f"{f' of {where}' if where else ''}."
    )
    if summary["top1"] is None:
        yield "Its accuracy is not known: no prediction of a class that it knows."
        return
    low, high = summary["top1_interval"]
    yield (
        f"Its top-1 accuracy on the {summary['n_known_class']:,} images of classes it "
        f"knows is {100 * summary['top1']:.1f} % (95 % interval {100 * low:.1f} to "
        f"{100 * high:.1f} %)."
    )


def findings(
    depth: xr.Dataset, channels: xr.Dataset, moments: xr.Dataset
) -> Iterator[str]:
    """What stands out: depth, constant blocks, dead channels, close classes.

    Parameters
    ----------
    depth : xr.Dataset, dims (block,)
        From :func:`~se_probe.views.depth_profile`.
    channels : xr.Dataset, dims (channel,)
        From :func:`~se_probe.stats.channel_table`.
    moments : xr.Dataset

    Yields
    ------
    str
    """
    yield _separate(depth)
    yield from describe_depth(depth)
    yield _nearly_constant(depth)
    yield from _behaviours(channels)
    if moments.sizes["class_name"] >= 3:
        last = block_names(moments)[-1]
        yield from describe_similarity(class_similarities(moments, [last]))


def warnings_of(
    record: xr.DataArray, summary: Mapping[str, Any], moments: xr.Dataset
) -> Iterator[str]:
    """What a reader has to keep in mind: too little, skipped, not done.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    summary : mapping
    moments : xr.Dataset

    Yields
    ------
    str
    """
    if summary["n_pending"]:
        yield (
            f"The record is not finished: {summary['n_pending']:,} of "
            f"{summary['n_images']:,} images are not recorded yet, and not shown."
        )
    for key, what in (
        ("skipped", "could not be read and are left out"),
        ("nan", "gave NaN and are left out"),
    ):
        if summary[key]:
            yield f"{len(summary[key]):,} images {what}: {listed(summary[key], 3)}."
    counts = moments["count"].to_numpy()
    if len(counts) == 1:
        yield (
            "Only one class was recorded: class share and separability are not known."
        )
    n_few = int((counts < _FEW).sum())
    if n_few:
        yield (
            f"{n_few:,} of {len(counts):,} classes have fewer than {_FEW} images: "
            f"their means are uncertain, and separability needs {MIN_IMAGES} images of "
            "a class."
        )
    if (record["class_index"].to_numpy() < 0).any():
        yield "Some images are of classes that the network does not know."


def _separate(depth: xr.Dataset) -> str:
    low, chance = depth["separability_low"].to_numpy(), depth["chance"].to_numpy()
    names = depth["block"].to_numpy()
    if not np.isfinite(low).any():
        return (
            "Where classes begin to separate is not known: it needs two classes with "
            f"{MIN_IMAGES} images each."
        )
    above = np.flatnonzero(low > chance)
    if not len(above):
        return "In no block do the gates tell the classes apart better than chance."
    k = above[0]
    return (
        f"Classes begin to separate in {names[k]}, the first block with a separability "
        f"above chance ({depth['separability'].to_numpy()[k]:.3g}, chance "
        f"{chance[k]:.3g})."
    )


def _nearly_constant(depth: xr.Dataset) -> str:
    values, names = depth["input_dependence"].to_numpy(), depth["block"].to_numpy()
    if not np.isfinite(values).any():
        return "Whether gates are constant is not known: it needs two images."
    found = [f"{names[k]}" for k in np.flatnonzero(values < _NEARLY_CONSTANT)]
    bound = f"input dependence below {_NEARLY_CONSTANT:g}"
    if not found:
        return f"No block is nearly constant ({bound})."
    return f"Nearly constant ({bound}): {listed(found, 20)}."


def _behaviours(channels: xr.Dataset) -> Iterator[str]:
    behaviour, block = channels["behaviour"].to_numpy(), channels["block"].to_numpy()
    for name, meaning in (
        ("dead", "a gate of 0.05 or less for every image"),
        ("always open", "a gate of 0.95 or more for every image"),
    ):
        at = behaviour == name
        if not at.any():
            yield f"No channel is {name} ({meaning})."
            continue
        blocks, counts = np.unique(block[at].astype(str), return_counts=True)
        most = np.argsort(-counts, kind="stable")
        where = [f"{counts[k]:,} in {blocks[k]}" for k in most]
        yield (
            f"{int(at.sum()):,} of {len(at):,} channels are {name} ({meaning}): "
            f"{listed(where, 5)}."
        )
