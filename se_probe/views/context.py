"""Gates beside what they are computed from: by depth, and for one block."""

import numpy as np
import xarray as xr

from se_probe.gates import block_channels, block_facts, block_names, match_blocks
from se_probe.progress import Progress
from se_probe.stats import context_slope, some_rows, squeeze_of
from se_probe.views.words import trend

__all__ = [
    "context_profile",
    "describe_context",
    "gates_by_squeeze",
    "most_by_squeeze",
]

_PERCENTILES = {"low": 5, "lower": 25, "median": 50, "upper": 75, "high": 95}


def context_profile(
    record: xr.DataArray, *, progress: Progress | None = None
) -> xr.Dataset:
    """How each block's gates go with their own squeeze, over its channels.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record with its squeeze.
    progress : callable, optional
        Called with how many images are done and how many there are.

    Returns
    -------
    xr.Dataset, dims (block,)
        Percentiles of :func:`~se_probe.stats.context_slope` over the channels of a
        block: `low` (5th), `lower`, `median`, `upper` and `high` (95th); `channels`
        that it is known of, and `constant` of which it is not; `stage`, `n_images`.

    Raises
    ------
    GateRecordError
        If no image was recorded, or not the squeeze.
    """
    slopes = context_slope(record, progress=progress)
    names = block_names(record)
    parts = [slopes["context_slope"].values[block_channels(record, b)] for b in names]
    known = [part[np.isfinite(part)] for part in parts]
    columns = {
        name: [np.percentile(part, q) if part.size else np.nan for part in known]
        for name, q in _PERCENTILES.items()
    }
    columns["channels"] = [part.size for part in known]
    columns["constant"] = [a.size - b.size for a, b in zip(parts, known, strict=True)]
    columns["stage"] = [int(fact["stage"]) for fact in block_facts(record)]
    columns["n_images"] = [slopes.attrs["n_images"]] * len(names)
    return xr.Dataset(
        {name: ("block", np.array(values)) for name, values in columns.items()},
        coords={"block": names},
        attrs=record.attrs,
    )


def most_by_squeeze(view: xr.Dataset) -> str:
    """Block whose median slope is farthest from 0; the last where none is known.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`context_profile`.

    Returns
    -------
    str
    """
    size = np.abs(view["median"].values)
    place = np.nanargmax(size) if np.isfinite(size).any() else -1
    return str(view["block"].values[place])


def gates_by_squeeze(
    record: xr.DataArray,
    block: str,
    *,
    max_pairs: int = 20_000,
    n_bins: int = 20,
) -> xr.Dataset:
    """Gates of one block beside the squeeze that each is computed from.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record with its squeeze.
    block : str
        Name or module path.
    max_pairs : int, default 20,000
        At most about so many pairs of an image and a channel, images evenly spaced.
    n_bins : int, default 20
        Groups of equally many pairs, by squeeze.

    Returns
    -------
    xr.Dataset
        Along (pair,): `squeeze` and `gate`. Along (bin,): `bin_squeeze` and `bin_gate`,
        means of each group. Attributes `block`, `n_images`, `n_channels`.

    Raises
    ------
    BlockNameError
        If no block, or more than one, has that name.
    GateRecordError
        If no image was recorded, or not the squeeze.
    """
    name = match_blocks([block], block_facts(record))[0]
    at = block_channels(record, name)
    squeeze = squeeze_of(record)
    n_channels = record.isel(channel=at).sizes["channel"]
    n_images = max(2, max_pairs // n_channels)
    gates, beside = (some_rows(each, n_images, at) for each in (record, squeeze))
    x, y = beside.astype(np.float64).ravel(), gates.astype(np.float64).ravel()
    order = np.argsort(x, kind="stable")
    groups = np.array_split(order, min(n_bins, len(order)))
    return xr.Dataset(
        {
            "squeeze": ("pair", x),
            "gate": ("pair", y),
            "bin_squeeze": ("bin", [x[group].mean() for group in groups]),
            "bin_gate": ("bin", [y[group].mean() for group in groups]),
        },
        attrs=record.attrs
        | {"block": name, "n_images": len(gates), "n_channels": n_channels},
    )


def describe_context(view: xr.Dataset) -> list[str]:
    """How gates go with their own squeeze, in sentences.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`context_profile`.

    Returns
    -------
    list of str
    """
    what = "The median context slope (correlation of a gate with its own squeeze)"
    sentences = [trend(view["median"], what, "two images, and gates that change")]
    known = view.isel(block=np.isfinite(view["median"].values))
    if known.sizes["block"]:
        sentences[0] += f" From {int(view['n_images'].max()):,} images."
        one = known.sel(block=most_by_squeeze(known))
        sentences.append(
            f"Gates go most with their own squeeze in {one['block'].item()}: median "
            f"{one['median'].item():.2f}, and 90 % of its {one['channels'].item():,} "
            f"channels between {one['low'].item():.2f} and {one['high'].item():.2f}."
        )
    n_constant = int(view["constant"].sum())
    if n_constant:
        sentences.append(
            f"{n_constant:,} channels have no slope: gate or squeeze is the same for "
            "every image."
        )
    return sentences
