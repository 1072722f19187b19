"""How many gates of a block are independent, and which move together."""

from typing import Any

import numpy as np
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import block_channels, block_facts, match_blocks
from se_probe.progress import Progress
from se_probe.stats import redundancy, some_rows
from se_probe.views.clustering import cluster_order
from se_probe.views.selection import pick_channels
from se_probe.views.words import trend

__all__ = [
    "describe_redundancy",
    "gate_correlations",
    "most_redundant",
    "redundancy_profile",
]


def redundancy_profile(
    record: xr.DataArray, *, max_images: int = 4000, progress: Progress | None = None
) -> xr.Dataset:
    """Effective rank of each block's gates, beside its channels and the images.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record.
    max_images : int, default 4000
        At most so many images, evenly spaced over the record.
    progress : callable, optional
        Called with how many blocks are done and how many there are.

    Returns
    -------
    xr.Dataset, dims (block,)
        See :func:`~se_probe.stats.redundancy`; and `independent_share`, the effective
        rank divided by that of independent channels: 1 where no channel is redundant.
        `stage`.

    Raises
    ------
    GateRecordError
        If no image was recorded.
    UsageError
        If `max_images` is below 2.
    """
    found = redundancy(record, max_images=max_images, progress=progress)
    stages = [int(fact["stage"]) for fact in block_facts(record)]
    share = found["effective_rank"] / found["independent_rank"]
    return found.assign(independent_share=share, stage=("block", stages))


def most_redundant(view: xr.Dataset) -> str:
    """Block whose gates are farthest from independent; the last where none is known.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`redundancy_profile`.

    Returns
    -------
    str
    """
    shares = view["independent_share"].values
    names = view["block"].values
    return str(names[np.nanargmin(shares) if np.isfinite(shares).any() else -1])


def gate_correlations(
    record: xr.DataArray,
    block: str,
    *,
    max_channels: int = 256,
    max_images: int = 4000,
) -> xr.DataArray:
    """Correlation over images of every two gates of a block, ordered by clustering.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    block : str
        Name or module path.
    max_channels : int, default 256
        At most so many of the channels that change, evenly spaced.
    max_images : int, default 4000
        At most so many images, evenly spaced over the record.

    Returns
    -------
    xr.DataArray, dims (channel, other_channel)
        Named `correlation`, Pearson, from -1 to 1. `channel` and `other_channel` are
        positions within the block, in the same clustered order
        (:func:`cluster_order`). As attributes `block`, `n_channels`,
        `constant_channels`, which have no correlation and are left out, and `n_images`.

    Raises
    ------
    BlockNameError
        If no block, or more than one, has that name.
    GateRecordError
        If no image was recorded, or fewer than two gates of the block change.
    UsageError
        If `max_images` is below 2, or `max_channels` below 1.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> values = [[0.25, 0.75], [0.75, 0.25], [0.5, 0.5]]
    >>> gates = make_gates({"SE_2_1": values}, ["pug", "pug", "cliff"])
    >>> gate_correlations(gates, "SE_2_1").values.round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    name = match_blocks([block], block_facts(record))[0]
    at = block_channels(record, block)
    gates = some_rows(record, max_images, at).astype(np.float64)
    numbers = record["channel_in_block"].values[at]
    moving = np.flatnonzero(np.ptp(gates, axis=0) > 0)
    if len(moving) < 2:
        raise GateRecordError(
            f"correlations need two channels of {name} that change from image to "
            f"image; {len(moving)} of {len(numbers):,} do over {len(gates):,} images"
        )
    shown = moving[pick_channels(len(moving), max_channels)]
    found = np.atleast_2d(np.corrcoef(gates[:, shown], rowvar=False)).clip(-1, 1)
    order = cluster_order(found)
    return xr.DataArray(
        found[np.ix_(order, order)],
        dims=("channel", "other_channel"),
        coords=dict.fromkeys(("channel", "other_channel"), numbers[shown][order]),
        attrs={
            **_provenance(record),
            "block": name,
            "n_channels": len(numbers),
            "constant_channels": len(numbers) - len(moving),
            "n_images": len(gates),
        },
        name="correlation",
    )


def _provenance(record: xr.DataArray) -> dict[Any, Any]:
    return {key: value for key, value in record.attrs.items() if key != "blocks"}


def describe_redundancy(view: xr.Dataset) -> list[str]:
    """What the effective ranks say, in sentences.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`redundancy_profile`.

    Returns
    -------
    list of str
    """
    what = (
        "The effective rank of a block's gates, as a share of what independent "
        "channels would have with the same images,"
    )
    needs = "two images, and gates that change"
    sentences = [trend(view["independent_share"], what, needs)]
    known = view.isel(block=np.isfinite(view["independent_share"].values))
    if known.sizes["block"]:
        n_images = int(view["n_images"].max())
        sentences[0] += f" From {n_images:,} images."
        least = int(known["independent_share"].values.argmax())
        names = dict.fromkeys(
            [most_redundant(known), str(known["block"].values[least])]
        )
        for name, extreme in zip(names, ("most", "least"), strict=False):
            one = known.sel(block=name)
            sentences.append(
                f"{name} is the {extreme} redundant: effective rank "
                f"{one['effective_rank'].item():.3g} of {one['channels'].item():,} "
                f"channels; independent ones would have "
                f"{one['independent_rank'].item():.3g}."
            )
    n_few = int((view["n_images"] <= view["channels"]).sum())
    if n_few:
        sentences.append(
            f"{n_few} of {view.sizes['block']} blocks have at least as many channels "
            "as there are images, which no rank can exceed: compare shares and not "
            "ranks."
        )
    return sentences
