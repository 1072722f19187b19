"""What the gates of each block carry: its views, in numbers and in words."""

from collections.abc import Sequence

import xarray as xr

__all__ = ["NEGLIGIBLE_KL", "describe_exchange", "exchange_costs"]

# Nats per image: a divergence with its interval below this is called negligible.
NEGLIGIBLE_KL = 0.01


def exchange_costs(exchanged: xr.Dataset) -> xr.Dataset:
    """How far the network moves with exchanged gates, without what is about one image.

    Parameters
    ----------
    exchanged : xr.Dataset
        From `exchange_gates` of :mod:`se_probe.interventions`.

    Returns
    -------
    xr.Dataset, dims (extent, block, treatment)
        Divergences in nats per image, accuracy changes as fractions.
    """
    return exchanged.drop_dims("image").transpose("extent", "block", "treatment")


def describe_exchange(view: xr.Dataset) -> list[str]:
    """Which blocks carry the image's own detail, which the class, which neither.

    Parameters
    ----------
    view : xr.Dataset, dims (extent, block, treatment)
        From :func:`exchange_costs`.

    Returns
    -------
    list of str
        Of each block by itself: `same_class` costs (the image's own detail counts),
        `other_class` costs more than `same_class` (so does the class), `frozen` costs
        nothing. Something costs where the 95 % interval of its KL lies above
        `NEGLIGIBLE_KL`, or above 0 for a difference. Then the same difference and how
        often predictions become the donor's class where all blocks are exchanged.
    """
    alone = view.sel(extent="alone")
    same, frozen = (alone.sel(treatment=name) for name in ("same_class", "frozen"))
    class_low = alone["class_kl_low"]
    detail = _blocks(alone, same["kl_low"] > NEGLIGIBLE_KL)
    of_class = _blocks(alone, class_low > 0)
    neither = _blocks(alone, frozen["kl_high"] < NEGLIGIBLE_KL)
    n, every = view.sizes["block"], view.sel(extent="to_output").isel(block=0)
    worth = _cost(every, "class_kl", "the class is worth")
    together = f"With the gates of {_every(view)} exchanged, {worth} nats."
    bound = f"{NEGLIGIBLE_KL:g} nats"
    return [
        _sentence(
            "The image's own detail counts (the gates of another image of its class "
            f"cost more than {bound})",
            [_cost(same.sel(block=b), "kl", str(b)) for b in detail],
            n,
        ),
        _sentence(
            "The class counts (the gates of another class cost more than those of "
            "another image of the class)",
            [_cost(alone.sel(block=b), "class_kl", str(b)) for b in of_class],
            n,
        ),
        _from_where_on(view, of_class),
        _sentence(
            "What gates tell apart hardly matters (held constant they cost less than "
            f"{bound})",
            [_cost(frozen.sel(block=b), "kl", str(b)) for b in neither],
            n,
        ),
        together,
        _became(every, view),
    ]


def _blocks(view: xr.Dataset, chosen: xr.DataArray) -> list[str]:
    return [str(name) for name in view["block"].values[chosen.values]]


def _cost(one: xr.Dataset, name: str, block: str) -> str:
    value, low, high = (one[f"{name}{end}"].item() for end in ("", "_low", "_high"))
    return f"{block} {value:.2g} ({low:.2g} to {high:.2g})"


def _sentence(what: str, found: Sequence[str], n_blocks: int) -> str:
    if not found:
        return f"{what}: in none of {n_blocks} block{'s' * (n_blocks > 1)}."
    where = f"{len(found)} of {n_blocks} blocks" if n_blocks > 1 else "1 block"
    return f"{what}: in {where}: {', '.join(found)}."


def _from_where_on(view: xr.Dataset, of_class: Sequence[str]) -> str:
    """From which block on every block carries the class."""
    names = [str(name) for name in view["block"].values]
    start = len(names)
    while start and names[start - 1] in of_class:
        start -= 1
    if start == len(names):
        return f"In the last block, {names[-1]}, the class is not shown to count."
    if start == 0:
        return "The class counts in every block."
    if start == len(names) - 1:
        return f"The class counts in the last block, but not shown in {names[-2]}."
    return f"From {names[start]} on the class counts in every block."


def _became(every: xr.Dataset, view: xr.Dataset) -> str:
    share, low, high, chance = (
        100 * every[f"became_donor{end}"].item()
        for end in ("", "_low", "_high", "_chance")
    )
    n = int(view["n_donors_known"])
    if not n:
        return (
            "Whether predictions become the donor's class is not known: the network "
            "knows no class of these images."
        )
    return (
        f"With the gates of an image of another class in {_every(view)}, "
        f"{share:.1f} % (95 % interval {low:.1f} to {high:.1f} %) of {n:,} predictions "
        f"become the donor's class; {chance:.1f} % by chance."
    )


def _every(view: xr.Dataset) -> str:
    n_blocks = view.sizes["block"]
    return "the block" if n_blocks == 1 else f"all {n_blocks} blocks"
