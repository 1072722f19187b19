"""How much channels prefer one class, along the network, beside what chance gives."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.gates import block_channels, block_facts
from se_probe.views.words import MIN_BLOCKS, rank_correlation, trend

__all__ = ["describe_selectivity", "selectivity_profile"]

_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
# Behaviours of channels that hardly gate, and the columns that count them.
_STILL = {"dead": "n_dead", "always open": "n_always_open", "constant": "n_constant"}


def selectivity_profile(table: xr.Dataset) -> xr.Dataset:
    """Class selectivity of each block's channels, and its level under shuffled labels.

    Parameters
    ----------
    table : xr.Dataset, dims (channel,)
        From :func:`~se_probe.stats.channel_table`.

    Returns
    -------
    xr.Dataset, dims (block,)
        Quantiles over the channels of a block, `selectivity_q05`, `selectivity_q25`,
        `selectivity_median`, `selectivity_q75` and `selectivity_q95`, the same of
        `shuffled`, and `share_above`, the share of channels above the `shuffled_q95` of
        their own block: 0.05 is what chance gives. NaN where selectivity is not known.
        `channels`, and how many of them are dead, always open or constant:
        `n_dead`, `n_always_open`, `n_constant`. `stage`. Blocks in network order; the
        attributes are those of the table.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> from se_probe.stats import channel_table
    >>> values = [[0.75], [0.75], [0.25], [0.25]]
    >>> gates = make_gates({"SE_2_1": values}, ["pug", "pug", "cliff", "cliff"])
    >>> selectivity_profile(channel_table(gates))["selectivity_median"].item()
    0.5
    """
    facts = block_facts(table)
    places = [block_channels(table, str(fact["name"])) for fact in facts]
    rows = [_numbers(table.isel(channel=at)) for at in places]
    columns = {name: ("block", [row[name] for row in rows]) for name in rows[0]}
    columns["stage"] = ("block", [int(fact["stage"]) for fact in facts])
    names = np.array([str(fact["name"]) for fact in facts], dtype=object)
    return xr.Dataset(columns, coords={"block": names}, attrs=table.attrs)


def _numbers(part: xr.Dataset) -> dict[str, float]:
    """Numbers of one block."""
    found, level = part["selectivity"].values, part["selectivity_shuffled"].values
    numbers: dict[str, float] = {"channels": len(found)}
    for name, values in (("selectivity", found), ("shuffled", level)):
        numbers |= {f"{name}_{q}": x for q, x in _quantiles(values).items()}
    bar, known = numbers["shuffled_q95"], found[np.isfinite(found)]
    is_known = bool(len(known)) and np.isfinite(bar)
    numbers["share_above"] = float((known > bar).mean()) if is_known else np.nan
    behaviour = part["behaviour"].values
    for name, column in _STILL.items():
        numbers[column] = int((behaviour == name).sum())
    return numbers


def _quantiles(values: npt.NDArray[np.floating]) -> dict[str, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return dict.fromkeys(_QUANTILES, np.nan)
    return {name: float(np.quantile(known, q)) for name, q in _QUANTILES.items()}


def describe_selectivity(view: xr.Dataset) -> list[str]:
    """What the selectivity of the channels says, in sentences.

    Parameters
    ----------
    view : xr.Dataset, dims (block,)
        From :func:`selectivity_profile`.

    Returns
    -------
    list of str
        How it goes along the network, how it compares with shuffled labels, and which
        blocks have channels that are dead, always open or constant.
    """
    return [*_selectivity(view), _still(view)]


def _selectivity(view: xr.Dataset) -> list[str]:
    what = "The median class selectivity of a block's channels"
    needs = "two classes with two images each, and gates that are not negative"
    sentences = [trend(view["selectivity_median"], what, needs)]
    if not view["selectivity_median"].notnull().any():
        return sentences
    n_images, n_classes = (
        view.attrs[f"selectivity_{name}"] for name in ("images", "classes")
    )
    sentences[0] += f" From {n_images:,} images of {n_classes:,} classes."
    above = view["share_above"].dropna("block")
    if not above.sizes["block"]:
        return [
            *sentences,
            "Its level under shuffled labels is not known: it needs the gate record.",
        ]
    level = view["shuffled_median"].dropna("block").values
    span = " to ".join(dict.fromkeys(f"{x:.3g}" for x in (level.min(), level.max())))
    ends = dict.fromkeys([int(above.values.argmin()), int(above.values.argmax())])
    found = " and ".join(
        f"{100 * above.values[k]:.3g} % of the channels of {above['block'].values[k]}"
        for k in ends
    )
    sentences += _as_chance(view)
    sentence = (
        f"With the labels shuffled once it is {span}. Above the 95 % quantile of their "
        f"block's shuffled level, where chance puts 5 %, are {found}"
        f"{' (least and most)' if len(ends) > 1 else ''}."
    )
    return [*sentences, sentence]


def _as_chance(view: xr.Dataset) -> list[str]:
    """A warning where chance alone gives the same course along the network."""
    pair = view[["selectivity_median", "shuffled_median"]].dropna("block")
    if pair.sizes["block"] < MIN_BLOCKS:
        return []
    found, level = (rank_correlation(pair[name]) for name in pair)
    both = min(found[1], level[1]) > 0, max(found[2], level[2]) < 0
    if not any(both):
        return []
    way = "rises" if both[0] else "falls"
    more = "more" if both[0] else "less"
    sentence = (
        f"With the labels shuffled it {way} with depth too, because gates there move "
        f"{more} whatever the class: look at what is above that level."
    )
    return [sentence]


def _still(view: xr.Dataset) -> str:
    found = []
    for name, column in _STILL.items():
        counts = view[column].to_series()
        some = [f"{n:,} in {block}" for block, n in counts.items() if n]
        if some:
            found.append(f"{name}: {', '.join(some)}")
    if not found:
        return "No channel is dead, always open or constant over these images."
    return f"Channels whose gate stays at one end or does not move: {'; '.join(found)}."
