"""``se-probe channels``: one table of all channels of a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from se_probe.cli.console import print_json, print_table, progress_bar, say
from se_probe.cli.options import (
    TO_THE_READER,
    NonNegative,
    OutputOptions,
    split_list,
)
from se_probe.cli.sources import record_from

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import xarray as xr

__all__ = ["channels"]

_WHICH = ("block", "stage", "channel_in_block", "channel")
_COLUMNS = {
    "block": "block",
    "channels": "channels",
    "selectivity_median": "selectivity",
    "shuffled_median": "shuffled labels",
    "share_above": "share above",
    "n_dead": "dead",
    "n_always_open": "always open",
    "n_constant": "constant",
}


def channels(
    record: Path,
    /,
    *,
    blocks: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    seed: NonNegative = 0,
    out: Annotated[Path | None, Parameter(metavar="FILE.csv")] = None,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Tell what the gate of each channel does, in one table.

    Mean and spread, share of images at 0 and at 1, class selectivity beside its level
    under shuffled labels, the classes for which the channel opens most and least, and
    whether it is dead, always open or constant. The blocks are printed; all channels
    go to --out, or are printed with --json.

    Parameters
    ----------
    record
        A gate record (RUN.zarr).
    blocks
        Names, module paths or globs, such as 'SE_5_*'. Default: all.
    seed
        Seed of the shuffled labels.
    out
        Table of all channels, one a row.
    """
    from se_probe.plots import save_table
    from se_probe.stats import channel_table
    from se_probe.views import describe_selectivity, selectivity_profile

    gates = record_from(record, quiet=output.quiet)
    chosen = None if blocks is None else split_list(blocks)
    with progress_bar("reading", quiet=output.quiet) as progress:
        table = channel_table(gates, blocks=chosen, seed=seed, progress=progress)
    view = selectivity_profile(table)
    if output.json:
        print_json(_facts(table, view) | {"record": str(record)})
    else:
        _print(view)
        print(*describe_selectivity(view), sep="\n")
    if out is not None:
        save_table(_rows(table), out)
        if not output.quiet:
            say(f"wrote {out}: {table.sizes['channel']:,} channels")


def _facts(table: "xr.Dataset", view: "xr.Dataset") -> dict[str, Any]:
    return {
        "n_images": table.attrs["n_images"],
        "selectivity_images": table.attrs["selectivity_images"],
        "selectivity_classes": table.attrs["selectivity_classes"],
        "seed": table.attrs["seed"],
        "blocks": view.to_dataframe().reset_index().to_dict("records"),
        "channels": _rows(table).to_dict("records"),
    }


def _rows(table: "xr.Dataset") -> "pd.DataFrame":
    """One row a channel; which one comes first."""
    rows = table.to_dataframe().reset_index()
    which = [name for name in _WHICH if name in rows]
    return rows[[*which, *(name for name in rows if name not in which)]]


def _print(view: "xr.Dataset") -> None:
    rows = view.to_dataframe().reset_index()[list(_COLUMNS)].to_dict("records")
    print_table(
        f"Channels by block, {view.attrs['n_images']:,} images (selectivity: medians)",
        list(_COLUMNS.values()),
        [list(row.values()) for row in rows],
    )
