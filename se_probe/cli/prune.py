"""``se-probe prune``: a smaller checkpoint, without some of the SE blocks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from se_probe.cli.console import print_json, print_table, say
from se_probe.cli.options import (
    ANY_IMAGES,
    CPU_CHECKPOINT,
    TO_THE_READER,
    CpuCheckpointOptions,
    Flag,
    ImagesOptions,
    OptionalPositive,
    OutputOptions,
    at_least,
    split_list,
)
from se_probe.cli.prune_measuring import (
    calibrated,
    finetuned,
    plan_facts,
    planned,
    print_finetuned,
    print_plan,
)
from se_probe.errors import ImagesError, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.checkpoints import Network

__all__ = ["prune"]

_N_COMPARED = 8
_COLUMNS = ("block", "module", "channels", "what becomes of it", "parameters")


def prune(
    *,
    blocks: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    checkpoint: CpuCheckpointOptions = CPU_CHECKPOINT,
    how: Literal["identity", "frozen"] | None = None,
    gates: Annotated[Path | None, Parameter(metavar="RUN.zarr")] = None,
    budget: Annotated[float | None, Parameter(metavar="POINTS")] = None,
    accept_uncertain: Flag = False,
    finetune: Annotated[int | None, at_least(1), Parameter(metavar="EPOCHS")] = None,
    images: ImagesOptions = ANY_IMAGES,
    threads: OptionalPositive = None,
    out: Annotated[Path | None, Parameter(metavar="PATH")] = None,
    dry_run: Flag = False,
    export: Annotated[Path | None, Parameter(metavar="FILE.onnx")] = None,
    plain: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    force: Flag = False,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Leave SE blocks out of a network, or freeze their gates and fold them away.

    --blocks says which, or --budget what they may cost.

    Parameters
    ----------
    blocks
        Blocks to remove, with commas between: SE_5_2, a module path, or a pattern such
        as 'SE_5_*'.
    how
        identity removes a block, as if its gates were 1; frozen holds its gates at
        constants, the best on the images of --data or the means in --gates, and folds
        them into other weights.
    gates
        Gate record of this checkpoint.
    budget
        Instead of --blocks: choose by measurement on --data what can go for at most so
        many percentage points of top-1 accuracy.
    accept_uncertain
        With --budget: go by the estimated loss, not by the upper end of its 95 %
        interval.
    finetune
        Train what is left on the training images of --data.
    threads
        CPU threads of the network.
    out
        Where to write.
    dry_run
        Say what would be done, write nothing; with --budget it is measured.
    export
        Write ONNX as well.
    plain
        Write a state dict for the network without SE blocks as well (resnet50 for
        seresnet50), if every block is gone.
    force
        Overwrite what is there.
    """
    from se_probe.checkpoints import save_network
    from se_probe.gates import open_gates
    from se_probe.pruning import drop_se_blocks, remove_blocks, save_plain_weights
    from se_probe.running import pinned_numerics

    _check_request(blocks, how, gates, budget, accept_uncertain=accept_uncertain)
    _check_files(out, export, plain, dry_run=dry_run, force=force)
    record = None if gates is None else open_gates(gates)
    json, quiet = output.json, output.quiet
    network = checkpoint.open(quiet=quiet)
    run: Any = {"seed": images.seed, "threads": threads}
    facts: dict[str, Any] = {}
    if budget is None:
        names, constants = split_list(blocks), None
        if how != "identity" and images.data is not None:
            with pinned_numerics(threads):
                constants = calibrated(network, images, names, quiet=quiet)
        pruned = drop_se_blocks(
            network,
            names,
            how,
            record if constants is None else None,
            constants=constants,
        )
    else:
        with pinned_numerics(threads):
            plan = planned(network, images, budget / 100, images.seed, quiet=quiet)
        facts["budget"] = plan_facts(plan, accept_uncertain=accept_uncertain)
        if not json:
            print_plan(facts["budget"])
        pruned = remove_blocks(network, plan, accept_uncertain=accept_uncertain)
    facts = _facts(network, pruned) | facts
    if not json:
        _print(facts)
    if not quiet:
        for note in pruned.notes:
            say(f"note: {note}")
    if finetune is not None and not dry_run:
        pruned, facts["finetuned"] = finetuned(
            pruned, images, finetune, run, quiet=quiet
        )
        if not json:
            print_finetuned(facts["finetuned"])
    if out is not None and not dry_run:
        if plain is not None:
            save_plain_weights(pruned, plain, overwrite=force)
        if export is not None:
            facts["onnx"] = _export(pruned, record, export, force=force, quiet=quiet)
        save_network(pruned, out, overwrite=force)
        facts["written"] = [str(path) for path in (out, plain, export) if path]
    if json:
        print_json(facts)
    elif "written" in facts:
        print(f"written: {', '.join(facts['written'])}")


def _check_request(
    blocks: str | None,
    how: str | None,
    gates: Path | None,
    budget: float | None,
    *,
    accept_uncertain: bool,
) -> None:
    if (blocks is None) == (budget is None):
        raise UsageError(
            "which blocks? Give --blocks NAMES, or --budget POINTS to choose them by "
            "measurement (one of them)"
        )
    if budget is not None and (how is not None or gates is not None):
        raise UsageError(
            "--budget chooses the treatment of each block and measures its constants "
            "on --data, so it goes without --how and --gates"
        )
    if accept_uncertain and budget is None:
        raise UsageError("--accept-uncertain is about a --budget; give one")


def _check_files(
    out: Path | None,
    export: Path | None,
    plain: Path | None,
    *,
    dry_run: bool,
    force: bool,
) -> None:
    """Refuse before the work what could not be written after it."""
    if dry_run:
        return
    from se_probe.files import refuse_existing

    if out is None:
        raise UsageError("where to? Give --out FILE, or --dry-run to see the plan")
    for path in (out, export, plain):
        if path is not None:
            refuse_existing(path, overwrite=force)
    if export is not None:
        from se_probe.pruning import check_export

        check_export(export)


def _facts(network: "Network", pruned: "Network") -> dict[str, Any]:
    """What became of each block, and the cost before and after, in JSON types."""
    n_before = len(network.provenance.removed_blocks)
    return {
        "architecture": network.architecture,
        "checkpoint": network.provenance.checkpoint,
        "blocks": list(pruned.provenance.removed_blocks[n_before:]),
        "image_size": list(network.preprocessing.input_size[1:]),
        "before": _costs(network),
        "after": _costs(pruned),
        "notes": list(pruned.notes),
    }


def _costs(network: "Network") -> dict[str, int]:
    from se_probe.models import count_macs, count_parameters

    return {
        "parameters": count_parameters(network.model),
        "macs": count_macs(network.model, network.preprocessing.input_size),
    }


def _print(facts: dict[str, Any]) -> None:
    blocks, (height, width) = facts["blocks"], facts["image_size"]
    title = f"SE blocks removed in {facts['architecture']}"
    n_images = {block["n_images"] for block in blocks} - {None}
    if n_images:
        title += f", frozen at the mean of {n_images.pop():,} images"
    keys = ("name", "path", "channels")
    print_table(
        title,
        [*_COLUMNS, "multiply-adds"],
        [
            [*(b[key] for key in keys), _becomes(b), b["parameters"], b["macs"]]
            for b in blocks
        ],
    )
    before, after = facts["before"], facts["after"]
    print_table(
        f"In all, at {height} x {width}",
        ["", "before", "after", "saved", "(%)"],
        [
            ["parameters", *_saving(before["parameters"], after["parameters"])],
            ["multiply-adds", *_saving(before["macs"], after["macs"])],
        ],
    )


def _saving(before: int, after: int) -> list[Any]:
    return [before, after, before - after, 100 * (before - after) / before]


def _becomes(block: dict[str, Any]) -> str:
    if block["how"] == "identity":
        return "removed"
    if block["folded_into"] == "scale":
        return "frozen, kept as a scale"
    return f"frozen, folded into {block['folded_into']}"


def _export(
    pruned: "Network",
    record: "xr.DataArray | None",
    path: Path,
    *,
    force: bool,
    quiet: bool,
) -> dict[str, Any]:
    """Write ONNX, compared with torch on recorded images where they are still there."""
    from se_probe.images import reopen_images
    from se_probe.pruning import export_network

    images = None
    if record is not None and "images" in record.attrs:
        try:
            source = record.attrs["images"]
            images = reopen_images(source, pruned.preprocessing, batch_size=_N_COMPARED)
        except ImagesError as error:
            say(f"note: {error}")
    batch = None if images is None else images.batch(0)
    difference = export_network(pruned, path, batch, overwrite=force).difference
    compared_on = "noise"
    if images is not None:
        compared_on = f"{min(_N_COMPARED, len(images))} recorded images"
    if not quiet:
        say(
            f"note: ONNX Runtime and torch differ by {difference:.1g} of the largest "
            f"logit on {compared_on}"
        )
    return {"largest_difference": difference, "compared_on": compared_on}
