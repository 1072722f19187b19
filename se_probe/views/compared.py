"""Two records of the same images: what is drawn, listed and said of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from se_probe.progress import Progress
from se_probe.stats import compare_records
from se_probe.views.classes import listed

__all__ = [
    "comparison_caption",
    "comparison_profile",
    "comparison_table",
    "describe_comparison",
    "moved_channels",
    "moved_classes",
]

# Attributes that change gates, and what they are called.
_SETTINGS = {
    "architecture": "architecture",
    "sha256": "weights",
    "preprocessing": "preprocessing",
    "precision": "precision",
    "device": "device kind",
}


def comparison_profile(
    first: xr.DataArray,
    second: xr.DataArray,
    labels: tuple[str, str] = ("first", "second"),
    *,
    is_in_order: bool | None = None,
    n_resamples: int = 200,
    max_images: int = 5000,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """How the gates of the same images differ between two records.

    Parameters
    ----------
    first, second : xr.DataArray, dims (image, channel)
        Gate records.
    labels : tuple of str
        What they are called.
    is_in_order, n_resamples, max_images, seed, progress
        See :func:`~se_probe.stats.compare_records`.

    Returns
    -------
    xr.Dataset, dims (block, class_name, channel)
        See :func:`~se_probe.stats.compare_records`; as attributes also `labels` and
        `settings_that_differ`.

    Raises
    ------
    GateRecordError
        If the records cannot be compared.
    UsageError
        If a number is out of range.
    """
    compared = compare_records(
        first,
        second,
        is_in_order=is_in_order,
        n_resamples=n_resamples,
        max_images=max_images,
        seed=seed,
        progress=progress,
    )
    differ = [
        words
        for key, words in _SETTINGS.items()
        if _plain(first.attrs.get(key)) != _plain(second.attrs.get(key))
    ]
    return compared.assign_attrs(
        labels=list(labels),
        settings_that_differ=differ,
        image_folders=[_folder(each.attrs) for each in (first, second)],
    )


def comparison_table(view: xr.Dataset) -> pd.DataFrame:
    """What is known of each block, one row each.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`comparison_profile`.

    Returns
    -------
    pd.DataFrame
        Columns as in :func:`~se_probe.stats.compare_records`.
    """
    table = view.drop_dims(["class_name", "channel"])
    return table.to_dataframe().reset_index()


def moved_channels(view: xr.Dataset, n: int = 20) -> pd.DataFrame:
    """Channels whose gates moved most, the largest change first.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`comparison_profile`.
    n : int, default 20

    Returns
    -------
    pd.DataFrame
        `block`, `channel_in_block`, `channel_difference`, `channel_shift`; empty where
        channels do not correspond.
    """
    moved = view["channel_difference"].to_numpy()
    chosen = np.argsort(-moved, kind="stable")[:n]
    if not view.attrs["is_in_order"]:
        chosen = chosen[:0]
    return pd.DataFrame(
        {
            "block": view["channel_block"].to_numpy()[chosen],
            "channel_in_block": view["channel_in_block"].to_numpy()[chosen],
            "channel_difference": moved[chosen],
            "channel_shift": view["channel_shift"].to_numpy()[chosen],
        }
    )


def moved_classes(view: xr.Dataset, n: int | None = None) -> pd.DataFrame:
    """Classes whose gates moved most, over all blocks, the largest change first.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`comparison_profile`.
    n : int, optional
        All by default.

    Returns
    -------
    pd.DataFrame
        `class_name`, `class_difference` (mean over the blocks), and `block`, in which
        it is largest.
    """
    by_class = view["class_difference"]
    mean = by_class.mean("block").to_numpy()
    order = np.argsort(-mean, kind="stable")[:n]
    largest = by_class["block"].to_numpy()[by_class.argmax("block").to_numpy()]
    return pd.DataFrame(
        {
            "class_name": by_class["class_name"].to_numpy()[order],
            "class_difference": mean[order],
            "block": largest[order],
        }
    )


def describe_comparison(view: xr.Dataset) -> list[str]:
    """What differs between two records, in sentences.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`comparison_profile`.

    Returns
    -------
    list of str
        What was compared; whether channels correspond, and how that is known; where
        gates moved most; blocks whose class share or separability changed with a 95 %
        interval that leaves out 0; classes and channels that moved most.
    """
    return [
        *_compared(view),
        _order(view),
        _moved_most(view),
        _changed(view, "class_share", "class share"),
        _changed(view, "separability", "separability"),
        *_listed_most(view),
    ]


def comparison_caption(view: xr.Dataset, source: Mapping[str, str]) -> str:
    """Caption of the figure.

    Parameters
    ----------
    view : xr.Dataset
        From :func:`comparison_profile`.
    source : mapping
        `first`, `second` and `command`, where they are known.

    Returns
    -------
    str
    """
    n = view.attrs["n_resamples"]
    bars = (
        f" Bars are 95 % bootstrap intervals over images ({n} resamples)." if n else ""
    )
    what = (
        f"Changes are {view.attrs['labels'][1]} minus {view.attrs['labels'][0]}.{bars}"
    )
    lines = [f"{key.capitalize()}: {value}" for key, value in source.items() if value]
    return "\n".join([" ".join([*describe_comparison(view), what]), *lines]) + "\n"


def _compared(view: xr.Dataset) -> list[str]:
    about = view.attrs
    one, other = about["labels"]
    n, n_common = about["n_images"], about["n_common"]
    some = f" of {n_common:,} common ones, evenly by class" if n < n_common else ""
    n_blocks = view.sizes["block"]
    sentence = (
        f"Gates of the same {n:,} images{some}, {view.sizes['class_name']:,} "
        f"class{'es' * (view.sizes['class_name'] != 1)}, in {n_blocks} SE "
        f"block{'s' * (n_blocks != 1)}: {one} and {other}."
    )
    said = [sentence]
    differ = about["settings_that_differ"]
    said.append(
        f"Recorded with different {_joined(differ)}."
        if differ
        else "Recorded with the same network and preprocessing."
    )
    for name, where in ((one, "first"), (other, "second")):
        only, images = about[f"blocks_only_{where}"], about[f"n_only_{where}"]
        if only:
            said.append(f"Only {name} has {listed(only)}, not compared.")
        if images:
            said.append(f"{images:,} images are in {name} only, not compared.")
    return said


def _order(view: xr.Dataset) -> str:
    why = view.attrs["order_reason"]
    if view.attrs["is_in_order"]:
        return f"Channels with the same number are compared: {why}."
    return (
        f"Channels do not correspond: {why}. So sorted mean gates and the similarity "
        "of images (linear CKA) are compared, and no single channel."
    )


def _moved_most(view: xr.Dataset) -> str:
    if view.attrs["is_in_order"]:
        name, what = "gate_difference", "Gates moved most"
    else:
        name, what = "profile_difference", "Sorted mean gates differ most"
    values = view[name]
    names = [str(block) for block in values["block"].to_numpy()]
    most = names[int(values.to_numpy().argmax())]
    least = names[int(values.to_numpy().argmin())]
    if values.max() == 0:
        return "All of them are the same in both records."
    said = f"{what} in {most} ({_with_ends(view, name, most)})"
    if most != least:
        said += f", least in {least} ({_with_ends(view, name, least)})"
    return f"{said}, as mean absolute difference."


def _changed(view: xr.Dataset, name: str, word: str) -> str:
    change = f"{name}_change"
    if not np.isfinite(view[change]).any():
        return f"The change of the {word} is not known: too few images of each class."
    low, high = (view[f"{change}_{end}"].to_numpy() for end in ("low", "high"))
    if not np.isfinite(low).any():
        return f"The {word} has no interval, so no change is claimed."
    names = view["block"].to_numpy()
    found = [
        f"{names[k]} from {view[f'{name}_first'].to_numpy()[k]:.3g} to "
        f"{view[f'{name}_second'].to_numpy()[k]:.3g}"
        for k in np.flatnonzero((low > 0) | (high < 0))
    ]
    if not found:
        return f"The {word} changed in no block (every 95 % interval holds 0)."
    return f"The {word} changed (95 % interval without 0) in {listed(found, 6)}."


def _listed_most(view: xr.Dataset) -> list[str]:
    said: list[str] = []
    if not view["class_difference"].any():
        return said
    if view.sizes["class_name"] > 1:
        classes = moved_classes(view, 3)
        said.append(
            "Classes that moved most: "
            + ", ".join(
                f"{name} ({value:.3g})"
                for name, value in zip(
                    classes["class_name"], classes["class_difference"], strict=True
                )
            )
            + "."
        )
    channels = moved_channels(view, 3)
    if len(channels):
        said.append(
            "Channels that moved most: "
            + ", ".join(
                f"{row.block}/{row.channel_in_block} ({row.channel_shift:+.3g})"
                for row in channels.itertuples()
            )
            + "."
        )
    return said


def _with_ends(view: xr.Dataset, name: str, block: str) -> str:
    one = view.sel(block=block)
    said = f"{one[name].item():.3g}"
    if f"{name}_low" not in view or math.isnan(one[f"{name}_low"].item()):
        return said
    ends = (one[f"{name}_{end}"].item() for end in ("low", "high"))
    return f"{said}, 95 % interval {' to '.join(f'{end:.3g}' for end in ends)}"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _folder(attrs: Mapping[Any, Any]) -> str:
    images = attrs.get("images")
    return str(images.get("path") or "") if isinstance(images, Mapping) else ""
