"""The blocks of a gate record, by name, module path or glob."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.errors import BlockNameError, GateRecordError

__all__ = ["block_channels", "block_facts", "block_names", "match_blocks"]


def block_facts(record: xr.DataArray) -> list[dict[str, Any]]:
    """Facts of each block in network order, as `se-probe inspect --json` prints them.

    Returns
    -------
    list of dict

    Raises
    ------
    GateRecordError
        If the record does not hold them.
    """
    facts = record.attrs.get("blocks")
    if not facts:
        raise GateRecordError("the gate record does not say which blocks it holds")
    return list(facts)


def block_names(record: xr.DataArray) -> list[str]:
    """Names of the blocks in network order."""
    return [str(fact["name"]) for fact in block_facts(record)]


def block_channels(record: xr.DataArray, block: str) -> slice:
    """Positions of one block's channels along `channel`.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    block : str
        A block's name or module path.

    Returns
    -------
    slice

    Raises
    ------
    BlockNameError
        If no block, or more than one, has that name.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.1, 0.9]], "SE_3_1": [[0.5]]}, ["pug"])
    >>> block_channels(gates, "SE_3_1")
    slice(2, 3, None)
    """
    facts = block_facts(record)
    names = match_blocks([block], facts)
    if len(names) > 1:
        raise BlockNameError(f"{block!r} means several blocks: {', '.join(names)}")
    widths = [int(fact["channels"]) for fact in facts]
    position = [fact["name"] for fact in facts].index(names[0])
    start = sum(widths[:position])
    return slice(start, start + widths[position])


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
    for pattern in patterns:
        hits = {str(fact["name"]) for fact in facts if _means(pattern, fact)}
        if not hits:
            raise BlockNameError(_no_such_block(pattern, facts))
        chosen |= hits
    return [str(fact["name"]) for fact in facts if fact["name"] in chosen]


def _means(pattern: str, fact: Mapping[str, Any]) -> bool:
    return any(
        fnmatch.fnmatchcase(str(fact.get(key) or "").casefold(), pattern.casefold())
        for key in ("name", "path")
    )


def _no_such_block(pattern: str, facts: Sequence[Mapping[str, Any]]) -> str:
    import difflib  # only for the message

    names = [str(fact["name"]) for fact in facts]
    near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.5) or names[-3:]
    return (
        f"no SE block is called {pattern!r}; the network has {len(names)}: "
        f"{names[0]} to {names[-1]}. Did you mean {' or '.join(near)}?"
    )
