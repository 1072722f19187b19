"""``se-probe cache``: what is kept of earlier commands."""

from dataclasses import asdict

from se_probe.cli.console import print_json, print_table
from se_probe.cli.options import Flag

__all__ = ["cache"]

# The least important last: a narrow window leaves columns out from there.
_COLUMNS = ("holds", "network", "data", "images", "MB", "folder")


def cache(*, clear: Flag = False, json: Flag = False) -> None:
    """Show what is kept of earlier commands, or remove it.

    Gates that plot --ckpt recorded and their statistics, what rank, prune and exchange
    have measured, and where data sets are. All of it can be made again.
    $SE_PROBE_CACHE names another folder.

    Parameters
    ----------
    clear
        Remove all of it.
    json
        Print results as JSON.
    """
    from se_probe.cache import cache_entries, cache_folder, clear_cache

    entries = cache_entries()
    freed = clear_cache() if clear else None
    total = sum(entry.n_bytes for entry in entries)
    if json:
        shown = [asdict(entry) | {"path": str(entry.path)} for entry in entries]
        print_json({"folder": str(cache_folder()), "entries": shown, "freed": freed})
    elif freed is not None:
        print(f"{freed / 1e6:,.1f} MB removed from {cache_folder()}")
    elif entries:
        rows = [
            [e.holds, e.network, e.data, e.n_images or None, e.n_bytes / 1e6, e.path]
            for e in entries
        ]
        print_table(f"{total / 1e6:,.1f} MB in {cache_folder()}", _COLUMNS, rows)
    else:
        print(f"nothing is kept in {cache_folder()}")
