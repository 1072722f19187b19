"""``se-probe rank``: SE blocks, the most dispensable first."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from se_probe.cli.console import finite, print_json, print_table, progress_bar, say
from se_probe.cli.options import (
    ANY_NETWORK,
    ANY_SAMPLE,
    TO_THE_READER,
    NetworkOptions,
    OptionalPositive,
    OutputOptions,
    SampleOptions,
)
from se_probe.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages

__all__ = ["rank"]

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
_Criterion = Literal[
    "input_dependence",
    "class_share",
    "separability",
    "saturated_open",
    "saturated_closed",
]
_MEASURES = ("kl", "agreement", "top1_change", "top1_change_low", "top1_change_high")


def rank(
    record: Path,
    /,
    *,
    by: Annotated[
        _Criterion, Parameter(metavar="NAME", show_choices=False)
    ] = "input_dependence",
    checkpoint: NetworkOptions = ANY_NETWORK,
    images: SampleOptions = ANY_SAMPLE,
    threads: OptionalPositive = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    out: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Rank SE blocks by how well the network could do without their gates.

    From the record alone; with --ckpt and --data it is measured too, for each block
    frozen and for each replaced by the identity. Images that are in the record as well
    are split: one half gives the constants, the other half evaluates. With --out the
    curve of removing 1, 2, ... all blocks is measured and drawn as well. What is
    measured is kept, so that a killed run resumes where it stopped.

    Parameters
    ----------
    record
        A gate record (RUN.zarr).
    by
        Criterion, known from the record alone: input_dependence, class_share,
        separability, saturated_open or saturated_closed.
    threads
        Number of CPU threads.
    precision
        Floating-point precision of the measurements.
    out
        Output folder for tables and figures.
    """
    from se_probe.gates import open_gates
    from se_probe.stats import block_summary, rank_blocks

    if images.data is not None and checkpoint.ckpt is None:
        raise UsageError("to measure on --data, give the record's network with --ckpt")
    gates = open_gates(record)
    ranking = rank_blocks(block_summary(gates), by)
    measured = curve = None
    if checkpoint.ckpt is not None:
        network = checkpoint.open(quiet=output.quiet)
        samples = images.open(network, quiet=output.quiet)
        curve_seed = None if out is None else images.seed
        measured, curve = _measure(
            *(network, samples, gates, ranking, curve_seed, threads),
            precision=precision,
            quiet=output.quiet,
        )
    if output.json:
        print_json(_facts(ranking, measured, curve) | {"record": str(record)})
    else:
        _print(ranking, measured)
    if out is not None:
        _write(out, ranking, measured, curve, output.quiet)


def _measure(
    network: "Network",
    images: "LabelledImages",
    gates: "xr.DataArray",
    ranking: "xr.Dataset",
    curve_seed: int | None,
    threads: int | None,
    *,
    precision: Literal["fp32", "bf16"],
    quiet: bool,
) -> tuple["xr.Dataset", "xr.Dataset | None"]:
    """Costs of the blocks, one by one, and with a seed of more and more of them."""
    from se_probe.cache import measurements_folder
    from se_probe.interventions import (
        calibrate,
        freezing_curve,
        measure_blocks,
        result_store,
    )
    from se_probe.running import autocast, pinned_numerics

    device = next(network.model.parameters()).device
    with pinned_numerics(threads), autocast(device, precision):
        with progress_bar("calibrating", quiet=quiet) as progress:
            calibration = calibrate(network, images, gates, progress=progress)
        if not quiet:
            say(
                f"constants from {calibration.n_images:,} recorded images, judged on "
                f"{len(calibration.judging):,} others"
            )
            for note in calibration.notes:
                say(f"note: {note}")
        if calibration.method == "mean" and not quiet:
            say(
                "note: the recorded images are not in --data, so gates freeze at their "
                "mean"
            )
        store = result_store(network, calibration.judging, measurements_folder())
        with progress_bar("measuring", quiet=quiet) as progress:
            measured = measure_blocks(
                network, calibration, progress=progress, store=store
            )
        if curve_seed is None:
            return measured, None
        order = [str(name) for name in ranking["block"].values]
        with progress_bar("curve", quiet=quiet) as progress:
            curve = freezing_curve(
                network,
                calibration,
                order,
                seed=curve_seed,
                progress=progress,
                store=store,
            )
    return measured, curve


def _facts(
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


def _print(ranking: "xr.Dataset", measured: "xr.Dataset | None") -> None:
    facts = _facts(ranking, measured, None)
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


def _write(
    out: Path,
    ranking: "xr.Dataset",
    measured: "xr.Dataset | None",
    curve: "xr.Dataset | None",
    quiet: bool,
) -> None:
    """Tables, and figures where there was something measured."""
    from se_probe import plots, views

    tables = {"ranking": ranking}
    figures = {}
    if measured is not None:
        tables["block_costs"] = views.block_costs(measured)
        figures["block_costs"] = plots.figure_block_costs(tables["block_costs"])
    if curve is not None:
        tables["freezing_curve"] = views.freezing_costs(curve)
        figures["freezing_curve"] = plots.figure_freezing_curve(curve)
    written = [
        plots.save(figure, out / f"{name}.{suffix}")
        for name, figure in figures.items()
        for suffix in ("png", "pdf")
    ]
    written += [
        plots.save_table(table, out / f"{name}.csv") for name, table in tables.items()
    ]
    if not quiet:
        for path in written:
            say(f"wrote {path}")
