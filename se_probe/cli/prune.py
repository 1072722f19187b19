"""``se-probe prune``: a smaller checkpoint, without some of the SE blocks."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from se_probe.cli.console import print_json
from se_probe.cli.options import (
    ANY_NETWORK,
    ANY_SAMPLE,
    TO_THE_READER,
    Flag,
    NetworkOptions,
    OptionalPositive,
    OutputOptions,
    SampleOptions,
    split_list,
)
from se_probe.cli.prune_job import PruneJob
from se_probe.cli.prune_options import (
    BY_NAME,
    NO_FILES,
    NO_TUNING,
    ChoiceOptions,
    FilesOptions,
    TuningOptions,
)
from se_probe.errors import SEProbeError

__all__ = ["prune"]


def prune(
    *,
    blocks: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    checkpoint: NetworkOptions = ANY_NETWORK,
    how: Literal["identity", "frozen"] | None = None,
    gates: Annotated[Path | None, Parameter(metavar="RUN.zarr")] = None,
    choice: ChoiceOptions = BY_NAME,
    tuning: TuningOptions = NO_TUNING,
    images: SampleOptions = ANY_SAMPLE,
    strict: Flag = False,
    threads: OptionalPositive = None,
    files: FilesOptions = NO_FILES,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Remove SE blocks from a network, or freeze their gates and fold them away.

    --blocks says which; --budget what they may cost, --save how much time to save. With
    --data or --gates their gates are held at the best constants that these allow.

    Parameters
    ----------
    blocks
        Blocks to remove, with commas between: SE_5_2, a module path, or a pattern such
        as 'SE_5_*'.
    how
        frozen holds gates at constants, the best on the images of --data or the means
        in --gates, and folds them into other weights; identity removes a block as if
        its gates were 1. Default: frozen, if there is something to calibrate with.
    gates
        Gate record of this checkpoint.
    strict
        Stop at anything that looks like an SE block and cannot be recorded.
    threads
        Number of CPU threads.
    """
    from se_probe.gates import open_gates
    from se_probe.running import pinned_numerics

    goal = choice.check(blocks, how, gates)
    outputs = files.outputs()
    record = None if gates is None else open_gates(gates)
    network = checkpoint.open(quiet=output.quiet)
    if outputs is not None:
        outputs.check(network)
    job = PruneJob(network, images, output)
    teacher, epochs = tuning.teacher(job.network), tuning.finetune
    job.check_finetuning(epochs)
    if strict:
        job.check_blocks()
    with pinned_numerics(threads):
        if choice.is_asked:
            pruned = job.within(choice, goal)
        else:
            names, is_tuned = split_list(blocks), epochs is not None
            pruned = job.drop(names, how, record, is_tuned, choice.calibrating)
        job.show_pruned(pruned)
        if epochs is not None and outputs is not None:
            pruned = job.finetuned(pruned, epochs, tuning.lr, teacher)
        if outputs is not None:
            job.write(pruned, outputs, record)
    if output.json:
        print_json(job.facts)
    if job.failures:
        written = ", ".join(job.facts["written"])
        raise SEProbeError(f"{written} written, but {'; '.join(job.failures)}")
