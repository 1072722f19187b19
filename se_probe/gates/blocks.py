"""The blocks of a gate record, by name, module path or glob."""

import fnmatch
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import BlockNameError, GateRecordError

__all__ = ["Channels", "block_channels", "block_facts", "block_names", "match_blocks"]

# Positions along `channel`.
Channels: TypeAlias = slice | npt.NDArray[np.intp]


def block_facts(record: xr.DataArray | xr.Dataset) -> list[dict[str, Any]]:
    """Facts of each block that a record holds, in network order.

    Which blocks those are, and how many channels each has, is read off the coordinates
    along `channel`: a slice, a selection or a concatenation of a record is answered for
    what it holds. Its attributes add what only they know, such as the module path.

    Parameters
    ----------
    record : xr.DataArray or xr.Dataset, dims (..., channel)
        A gate record, or anything else with its coordinates along `channel`.

    Returns
    -------
    list of dict
        As `se-probe inspect --json` prints them; `channels` counts those that are held.

    Raises
    ------
    GateRecordError
        If the record does not say to which block its channels belong.
    """
    names, stages = (_along_channel(record, key) for key in ("block", "stage"))
    n_channels = Counter(names.tolist())
    stage = dict(zip(names.tolist(), stages.tolist(), strict=True))
    known = {str(fact["name"]): fact for fact in record.attrs.get("blocks") or ()}
    in_order = [name for name in known if name in n_channels]
    in_order += sorted(n_channels.keys() - known.keys(), key=_place_in_name)
    return [
        dict(known.get(name, {"name": name, "stage": stage[name]}))
        | {"channels": n_channels[name]}
        for name in in_order
    ]


def block_names(record: xr.DataArray | xr.Dataset) -> list[str]:
    """Names of the blocks that a record holds, in network order."""
    return [str(fact["name"]) for fact in block_facts(record)]


def block_channels(record: xr.DataArray | xr.Dataset, block: str) -> Channels:
    """Positions of one block's channels along `channel`, in the block's own order.

    Parameters
    ----------
    record : xr.DataArray or xr.Dataset, dims (..., channel)
        Whole, or any slice, selection or concatenation of one.
    block : str
        A block's name or module path.

    Returns
    -------
    slice or np.ndarray of int
        A slice where the channels lie side by side, as in a whole record; positions
        otherwise. Both index xarray and NumPy alike.

    Raises
    ------
    BlockNameError
        If no block, or more than one, has that name.
    GateRecordError
        If the record holds a channel of the block twice.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.1, 0.9]], "SE_3_1": [[0.5]]}, ["pug"])
    >>> block_channels(gates, "SE_3_1")
    slice(2, 3, None)
    >>> block_channels(gates.isel(channel=[2, 1, 0]), "SE_2_1")
    array([2, 1])
    """
    names = match_blocks([block], block_facts(record))
    if len(names) > 1:
        raise BlockNameError(f"{block!r} means several blocks: {', '.join(names)}")
    positions = np.flatnonzero(_along_channel(record, "block") == names[0])
    numbers = _along_channel(record, "channel_in_block")[positions]
    if len(np.unique(numbers)) < len(numbers):
        raise GateRecordError(
            f"the gate record holds channels of {names[0]} more than once "
            f"({len(positions)} columns, {len(np.unique(numbers))} channels). Was a "
            "record concatenated with itself, or with that of another network?"
        )
    positions = positions[np.argsort(numbers, kind="stable")]
    start, stop = int(positions[0]), int(positions[-1]) + 1
    if np.array_equal(positions, np.arange(start, stop)):
        return slice(start, stop)
    return positions


def _place_in_name(name: str) -> tuple[list[int], str]:
    """Stage and number, so that SE_4_10 follows SE_4_9."""
    return [int(digits) for digits in re.findall(r"\d+", name)], name


def _along_channel(record: xr.DataArray | xr.Dataset, name: str) -> npt.NDArray[Any]:
    if name not in record.coords or record[name].dims != ("channel",):
        raise GateRecordError(
            f"the gate record lacks the coordinate {name!r} along `channel`, which "
            "says to which block its gates belong. Keep the coordinates, and select "
            "channels with a list: gates.isel(channel=[3])"
        )
    return np.asarray(record[name].values)


def match_blocks(
    patterns: Sequence[str], facts: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Names of the blocks that patterns mean, in network order, each once.

    Parameters
    ----------
    patterns : sequence of str
        Names, module paths, or globs of either: `SE_5_*`, `layer4.*.se`.
    facts : sequence of mappings
        Each block's `name` and, where known, `path`.

    Returns
    -------
    list of str

    Raises
    ------
    BlockNameError
        If a pattern means no block; the message names those that are nearest.

    Examples
    --------
    >>> facts = [{"name": "SE_4_2"}, {"name": "SE_4_10"}, {"name": "SE_5_1"}]
    >>> match_blocks(["SE_4_*"], facts)
    ['SE_4_2', 'SE_4_10']
    """
    chosen: set[str] = set()
    called = [(str(fact["name"]), _keys(fact)) for fact in facts]
    for pattern in patterns:
        wanted = pattern.casefold()
        hits = {name for name, keys in called if wanted in keys} or {
            name
            for name, keys in called
            if any(fnmatch.fnmatchcase(key, wanted) for key in keys)
        }
        if not hits:
            raise BlockNameError(_no_such_block(pattern, facts))
        chosen |= hits
    return [str(fact["name"]) for fact in facts if fact["name"] in chosen]


def _keys(fact: Mapping[str, Any]) -> tuple[str, str]:
    """What a block may be called by: its name, and its module path."""
    return str(fact["name"]).casefold(), str(fact.get("path") or "").casefold()


def _no_such_block(pattern: str, facts: Sequence[Mapping[str, Any]]) -> str:
    import difflib  # only for the message

    names = [str(fact["name"]) for fact in facts]
    if not names:
        return f"no SE block is called {pattern!r}: there are none"
    near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.5) or names[-3:]
    return (
        f"no SE block is called {pattern!r}; there are {len(names)}: "
        f"{names[0]} to {names[-1]}. Did you mean {' or '.join(near)}?"
    )
