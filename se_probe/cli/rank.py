"""``se-probe rank``: SE blocks, the most dispensable first."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from se_probe.cli.console import print_json, progress_bar, say
from se_probe.cli.options import (
    ANY_NETWORK,
    ANY_SAMPLE,
    TO_THE_READER,
    NetworkOptions,
    OptionalPositive,
    OutputOptions,
    SampleOptions,
)
from se_probe.cli.rank_report import print_ranking, ranking_facts, write_ranking
from se_probe.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages

__all__ = ["rank"]

_Criterion = Literal[
    "input_dependence",
    "class_share",
    "separability",
    "saturated_open",
    "saturated_closed",
]


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
    """Rank SE blocks by how dispensable their gates are.

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
        print_json(ranking_facts(ranking, measured, curve) | {"record": str(record)})
    else:
        print_ranking(ranking, measured)
    if out is not None:
        write_ranking(out, ranking, measured, curve, record, output.quiet)


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
                f"constants from {calibration.n_images:,} recorded images, evaluated "
                f"on {len(calibration.judging):,} others"
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
