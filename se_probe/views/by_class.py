"""One channel: its gates class by class, the most open class first."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import block_channels, block_facts, match_blocks, row_batches
from se_probe.stats import require_images
from se_probe.views.classes import find_classes

__all__ = ["gates_by_class"]

_QUARTILES = (0.25, 0.5, 0.75)


def gates_by_class(
    record: xr.DataArray,
    block: str,
    channel: int,
    *,
    classes: Sequence[str] | None = None,
    n_classes: int = 20,
) -> xr.Dataset:
    """Gates of one channel within each class, the most open class first.

    One pass over the record, of which memory holds the one channel.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    block : str
        Name or module path of one block.
    channel : int
        Position within the block, from 0.
    classes : sequence of str, optional
        Shown in any case; the most open classes fill what is left of `n_classes`.
    n_classes : int, default 20
        At most so many classes, or all of `classes`.

    Returns
    -------
    xr.Dataset, dims (class_name,)
        `count`, `mean`, `lowest`, `lower_quartile`, `median`, `upper_quartile` and
        `highest` gate of each class, by falling mean; `place` is that among all
        recorded classes, from 1. Attributes: `block`, `channel`, `n_recorded_classes`.

    Raises
    ------
    BlockNameError
        If no block, or more than one, has that name.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If the block has no such channel, or `n_classes` is below 1.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.5], [0.25], [0.75]]}, ["pug", "cliff", "pug"])
    >>> gates_by_class(gates, "SE_2_1", 0)["mean"].to_series().to_dict()
    {'pug': 0.625, 'cliff': 0.25}
    """
    if n_classes < 1:
        raise UsageError(f"expected 1 class or more, got {n_classes}")
    require_images(record)
    asked = find_classes(record, list(classes)) if classes else []
    position = _position(record, block, channel)
    names, values = _column(record, position)
    every, class_of, count = np.unique(names, return_inverse=True, return_counts=True)
    mean = np.bincount(class_of, values) / count
    falling = np.argsort(-mean, kind="stable")
    shown = _shown(every[falling].tolist(), asked, n_classes)
    groups = np.split(values[np.argsort(class_of, kind="stable")], count.cumsum()[:-1])
    picked = falling[shown]
    return xr.Dataset(
        {
            "count": ("class_name", count[picked]),
            "mean": ("class_name", mean[picked]),
            **_spread([groups[k] for k in picked]),
            "place": ("class_name", np.array(shown) + 1),
        },
        coords={"class_name": every[picked].astype(object)},
        attrs={
            "block": match_blocks([block], block_facts(record))[0],
            "channel": channel,
            "n_recorded_classes": len(every),
        },
    )


def _position(record: xr.DataArray, block: str, channel: int) -> int:
    """Position along `channel` in the record."""
    own = np.arange(record.sizes["channel"])[block_channels(record, block)]
    numbers = record["channel_in_block"].values[own].tolist()
    if channel not in numbers:
        raise UsageError(
            f"{block} has no channel {channel}: its {len(numbers):,} channels run from "
            f"{min(numbers)} to {max(numbers)}"
        )
    return int(own[numbers.index(channel)])


def _column(
    record: xr.DataArray, position: int
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float64]]:
    """Class names and gates of the recorded images."""
    names, values = [], []
    for batch in row_batches(record, slice(position, position + 1)):
        names.append(batch["class_name"].values.astype(str))
        values.append(batch.values[:, 0].astype(np.float64))
    return np.concatenate(names), np.concatenate(values)


def _shown(falling: list[str], asked: Sequence[str], n_classes: int) -> list[int]:
    """Places of the classes that are shown, ascending."""
    places = {falling.index(name) for name in asked}
    for place in range(len(falling)):
        if len(places) >= n_classes:
            break
        places.add(place)
    return sorted(places)


def _spread(
    groups: Sequence[npt.NDArray[np.float64]],
) -> dict[str, tuple[str, npt.NDArray[np.float64]]]:
    """Ends and quartiles of each group."""
    rows = [[g.min(), *np.quantile(g, _QUARTILES), g.max()] for g in groups]
    names = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")
    columns = np.array(rows).T
    return {n: ("class_name", c) for n, c in zip(names, columns, strict=True)}
