"""What captions have in common: what is shown, of what, and where it is from."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.gates import block_names

__all__ = [
    "Source",
    "blocks_shown",
    "caption_text",
    "channels_shown",
    "classes_shown",
    "listed_classes",
]

_N_NAMED = 20

# What only the caller knows: the `record` and the `command` that drew the figure.
Source = Mapping[str, str]


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


def channels_shown(view: xr.Dataset) -> str:
    """Which channels of its blocks a view shows, as in "50 channels (at random)".

    Returns
    -------
    str
    """
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


def blocks_shown(view: xr.DataArray | xr.Dataset) -> str:
    """The blocks that a view shows, by name.

    Returns
    -------
    str
    """
    names = block_names(view)
    return f"the SE block{'s' * (len(names) > 1)} {', '.join(names)}"


def classes_shown(view: xr.Dataset) -> str:
    """The classes that a view shows, as a sentence.

    Returns
    -------
    str
    """
    names, counts = view["class_name"].values, view["count"].values
    return listed_classes(dict(zip(names.tolist(), counts.tolist(), strict=True)))


def listed_classes(counts: Mapping[str, int]) -> str:
    """Classes and how many images each has, as a sentence.

    Parameters
    ----------
    counts : mapping of str to int

    Returns
    -------
    str
    """
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
