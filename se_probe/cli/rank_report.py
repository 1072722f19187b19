"""What ``se-probe rank`` prints and writes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from se_probe.cli.console import finite, print_table, say, typed_command

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["print_ranking", "ranking_facts", "write_ranking"]

_COLUMNS = {
    "rank": "rank",
    "block": "block",
    "input_dependence": "input dependence",
    "class_share": "class share",
    "separability": "separability",
    "saturated_closed": "saturated closed",
    "saturated_open": "saturated open",
    "parameters": "parameters",
    "macs": "multiply-adds",
}
_MEASURES = ("kl", "agreement", "top1_change", "top1_change_low", "top1_change_high")


def ranking_facts(
    ranking: "xr.Dataset", measured: "xr.Dataset | None", curve: "xr.Dataset | None"
) -> dict[str, Any]:
    """All of it in plain JSON types; None where a number is not known."""
    facts: dict[str, Any] = {
        "ranked_by": ranking.attrs["ranked_by"],
        "blocks": _records(ranking.to_dataframe().reset_index()),
    }
    if measured is not None:
        for fact in facts["blocks"]:
            one = measured.sel(block=fact["block"])
            fact["milliseconds"] = finite(one["milliseconds"].item())
            for name in measured["treatment"].values:
                each = one.sel(treatment=name)
                fact[str(name)] = {key: finite(each[key].item()) for key in _MEASURES}
        facts["measured"] = dict(measured.attrs)
        facts["agreement"] = _agreement(ranking, measured)
    if curve is not None:
        facts["curve"] = _records(curve.to_dataframe().reset_index())
    return facts


def _records(table: Any) -> list[dict[str, Any]]:
    return [
        {key: finite(value) for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def _agreement(
    ranking: "xr.Dataset", measured: "xr.Dataset"
) -> dict[str, dict[str, Any]]:
    """How each criterion orders the blocks, against the measured KL."""
    from se_probe.stats import CRITERIA, block_scores, rank_agreement

    agreement: dict[str, dict[str, Any]] = {}
    for by in CRITERIA:
        scores = block_scores(ranking, by)
        found = {
            str(name): rank_agreement(scores, measured["kl"].sel(treatment=name))
            for name in measured["treatment"].values
        }
        agreement[by] = {name: finite(each.correlation) for name, each in found.items()}
        agreement[by]["n_blocks"] = found["frozen"].n
    return agreement


def print_ranking(ranking: "xr.Dataset", measured: "xr.Dataset | None") -> None:
    """Tables of the blocks, and of how well each criterion orders them."""
    facts = ranking_facts(ranking, measured, None)
    blocks = facts["blocks"]
    shown = [key for key in _COLUMNS if key in blocks[0]]
    print_table(
        f"SE blocks by {facts['ranked_by']}, the most dispensable first",
        [_COLUMNS[key] for key in shown],
        [[block[key] for key in shown] for block in blocks],
    )
    if measured is None:
        return
    change = "top-1 change (percentage points)"
    print_table(
        f"Measured on {measured.attrs['n_images']:,} images",
        ["block", "KL frozen", change, "KL identity", change, "ms per batch"],
        [
            [
                block["block"],
                *_costs(block["frozen"]),
                *_costs(block["identity"]),
                block["milliseconds"],
            ]
            for block in blocks
        ],
    )
    print_table(
        "Rank correlation of each criterion with the measured KL",
        ["criterion", "frozen", "identity", "blocks"],
        [[by, *each.values()] for by, each in facts["agreement"].items()],
    )


def _costs(treatment: dict[str, Any]) -> list[Any]:
    change, low, high = (
        treatment[f"top1_change{end}"] for end in ("", "_low", "_high")
    )
    if change is None:
        return [treatment["kl"], "-"]
    points = f"{100 * change:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
    return [treatment["kl"], points]


def write_ranking(
    out: Path,
    ranking: "xr.Dataset",
    measured: "xr.Dataset | None",
    curve: "xr.Dataset | None",
    record: Path,
    quiet: bool,
) -> None:
    """Tables, and figures with captions where there was something measured."""
    from se_probe import plots, views

    source = {"record": str(record), "command": typed_command()}
    tables = {"ranking": ranking}
    figures, captions = {}, {}
    if measured is not None:
        costs = tables["block_costs"] = views.block_costs(measured)
        figures["block_costs"] = plots.figure_block_costs(costs)
        captions["block_costs"] = views.block_costs_caption(costs, source)
    if curve is not None:
        costs = tables["freezing_curve"] = views.freezing_costs(curve)
        figures["freezing_curve"] = plots.figure_freezing_curve(costs)
        captions["freezing_curve"] = views.freezing_costs_caption(costs, source)
    written = [
        plots.save(figure, out / f"{name}.{suffix}")
        for name, figure in figures.items()
        for suffix in ("png", "pdf")
    ]
    written += [
        plots.save_table(table, out / f"{name}.csv") for name, table in tables.items()
    ]
    written += [
        plots.save_caption(text, out / f"{name}.txt") for name, text in captions.items()
    ]
    if not quiet:
        for path in written:
            say(f"wrote {path}")
