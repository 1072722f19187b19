"""How many gates have run into the ends of their range."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import block_channels, block_facts, recorded, row_batches
from se_probe.stats.counting import MARGIN, Extremes, ends_at_0_and_1
from se_probe.stats.moments import require_images

__all__ = ["saturation"]


def saturation(source: xr.DataArray | xr.Dataset, margin: float = MARGIN) -> xr.Dataset:
    """Share of gate values close to 0 and close to 1, for each block.

    Two numbers and never one: a block with all gates at 1 is the identity, one with
    gates at 0 and at 1 is a fixed choice of channels. They are known only of gates that
    are made by a function ending at 0 and 1: a gate of 1 + sigmoid that lies at 1 is
    not open but closed.

    Parameters
    ----------
    source : xr.DataArray or xr.Dataset
        A gate record, of which only rows in state `RECORDED` count, or its
        :func:`class_moments`.
    margin : float, default 0.05
        Distance from 0 or 1 that still counts as saturated; another one needs a record.

    Returns
    -------
    xr.Dataset, dims (block,)
        `saturated_closed` (gate <= margin) and `saturated_open` (gate >= 1 - margin),
        fractions between 0 and 1; NaN for a block in which a gate lies outside 0 and 1,
        or whose function does not end there (:func:`ends_at_0_and_1`). `lowest_gate`
        and `highest_gate`, the range that was seen. Blocks in network order; the shares
        carry the attribute `margin`.

    Raises
    ------
    UsageError
        If `margin` is outside [0, 0.5], or not that of the moments.
    GateRecordError
        If no image was recorded.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.0, 1.0, 0.4, 0.6]]}, ["pug"])
    >>> saturation(gates)["saturated_open"].item()
    0.25
    """
    if not 0 <= margin <= 0.5:
        raise UsageError(f"margin must be between 0 and 0.5, got {margin}")
    counts, n_images = _counts(source, margin)
    facts = block_facts(source)
    places = [block_channels(source, str(fact["name"])) for fact in facts]
    lowest, highest = counts["lowest"], counts["highest"]
    found = {
        "saturated_closed": [counts["n_closed"][at].mean() for at in places],
        "saturated_open": [counts["n_open"][at].mean() for at in places],
    }
    is_known = np.array(
        [
            lowest[at].min() >= 0 and highest[at].max() <= 1 and ends_at_0_and_1(fact)
            for at, fact in zip(places, facts, strict=True)
        ]
    )
    shares = {
        name: ("block", np.where(is_known, np.array(values) / n_images, np.nan))
        for name, values in found.items()
    }
    seen = {
        "lowest_gate": ("block", np.array([lowest[at].min() for at in places])),
        "highest_gate": ("block", np.array([highest[at].max() for at in places])),
    }
    names = [str(fact["name"]) for fact in facts]
    table = xr.Dataset(shares | seen, coords={"block": names})
    for name in shares:
        table[name].attrs["margin"] = margin
    return table


def _counts(
    source: xr.DataArray | xr.Dataset, margin: float
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """Counts and ranges along `channel`, and of how many images they are."""
    if isinstance(source, xr.Dataset):
        if margin != MARGIN:
            raise UsageError(
                f"moments hold what is within {MARGIN:g} of an end; margin={margin:g} "
                "needs the gate record itself"
            )
        names = ("n_closed", "n_open", "lowest", "highest")
        return {name: source[name].values for name in names}, int(source["count"].sum())
    require_images(source)
    extremes = Extremes.of(source, margin)
    for batch in row_batches(source):
        extremes.add(batch.values)
    columns = {name: values for name, (_, values) in extremes.columns().items()}
    return columns, int(recorded(source).sum())
