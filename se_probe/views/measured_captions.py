"""Captions of what was measured: costs of blocks, and records side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.views.caption_parts import Source, caption_text
from se_probe.views.exchange import describe_exchange
from se_probe.views.selection import block_part

__all__ = [
    "block_costs_caption",
    "exchange_caption",
    "freezing_costs_caption",
    "pairs_caption",
]

_TREATMENTS = (
    "frozen (gates held constant) or replaced by the identity (all gates 1, the block "
    "removed)"
)


def block_costs_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of what each block costs by itself.

    Parameters
    ----------
    view : xr.Dataset, dims (block, treatment)
        From :func:`~se_probe.views.block_costs`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    shown = (
        "KL divergence from the unaltered network and change of its top-1 accuracy "
        f"when one of its {view.sizes['block']} SE blocks is {_TREATMENTS}. Blocks in "
        "the order of the parameters that each saves. Bars are 95 % intervals."
    )
    return caption_text(view.attrs, [shown, _evaluated(view.attrs)], source)


def exchange_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of the exchange figure, which says in words what it shows.

    Parameters
    ----------
    view : xr.Dataset, dims (extent, block, treatment)
        From :func:`~se_probe.views.exchange_costs`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    about = view.attrs
    first = (
        "KL divergence from the unaltered network when the gates of SE blocks are "
        "exchanged: for 1 (identity), for the mean gates of all images (frozen) or of "
        "the other images of the class (class_mean), for the gates of another image of "
        f"the class (same_class) or of another class (other_class); the same "
        f"{about['n_images']:,} images of {about['n_classes']:,} classes in all. Bars "
        "are 95 % intervals."
    )
    return caption_text(about, [first, *describe_exchange(view)], source)


def freezing_costs_caption(view: xr.Dataset, source: Source | None = None) -> str:
    """Caption of what removing more and more blocks costs.

    Parameters
    ----------
    view : xr.Dataset, dims (line, n_blocks)
        From :func:`~se_probe.views.freezing_costs`.
    source : mapping, optional
        `record` and `command`, where they are known.

    Returns
    -------
    str
    """
    shown = (
        "KL divergence from the unaltered network and change of its top-1 accuracy "
        f"when 1 to {int(view['n_blocks'].max())} of its SE blocks are {_TREATMENTS}, "
        "in the order that is named above the panels, and frozen in a random order. "
        "Bands are 95 % intervals."
    )
    return caption_text(view.attrs, [shown, _evaluated(view.attrs)], source)


def pairs_caption(
    views: Sequence[xr.Dataset], block: str, source: Source | None = None
) -> str:
    """Caption of one block in pairs of records.

    Parameters
    ----------
    views : sequence of xr.Dataset, dims (row, channel)
        From :func:`~se_probe.views.paired_rows`, one of each pair.
    block : str
        The block that is drawn.
    source : mapping, optional
        `command`, where it is known.

    Returns
    -------
    str
    """
    n_images = int(views[0]["n_images"].sum())
    images = "image" if n_images == 1 else f"{n_images:,} images"
    shown = (
        f"Gates of {block} for the same {images}, sorted by class, in two records, and "
        "their difference (second - first)."
    )
    pairs = [
        f"{' and '.join(map(str, view.attrs['labels']))}: channels {_order(view)}; "
        f"{_largest(view, block)}."
        for view in views
    ]
    return caption_text({}, [shown, *pairs], source)


def _order(view: xr.Dataset) -> str:
    in_order = view.attrs["is_in_order"]
    return "in the network's order" if in_order else "sorted by their mean gate"


def _largest(view: xr.Dataset, block: str) -> str:
    part = block_part(view, block)["difference"]
    return f"the largest difference is {float(abs(part).max()):.2g}"


def _evaluated(attrs: Mapping[Any, Any]) -> str:
    n_images = f"Evaluated on {attrs['n_images']:,} images"
    if attrs.get("top1") is None:
        return f"{n_images}, none of a class that the network knows."
    return (
        f"{n_images}; top-1 accuracy of the unaltered network "
        f"{100 * attrs['top1']:.1f} % of the {attrs['n_known']:,} whose class it knows."
    )
