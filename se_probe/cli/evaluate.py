"""``se-probe evaluate``: accuracy, size, work and latency of one network or of two."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from se_probe.cli.console import print_json, progress_bar, say
from se_probe.cli.evaluate_report import (
    evaluation_facts,
    print_evaluation,
    print_int8,
    print_times,
)
from se_probe.cli.options import (
    ANY_NETWORK,
    ANY_SAMPLE,
    TO_THE_READER,
    NetworkOptions,
    OptionalPositive,
    OutputOptions,
    SampleOptions,
    split_list,
)
from se_probe.errors import (
    ArchitectureError,
    CheckpointError,
    SEProbeError,
    UsageError,
)

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.pruning import Runtime

__all__ = ["evaluate"]


def evaluate(
    *,
    checkpoint: NetworkOptions = ANY_NETWORK,
    against: Annotated[str | None, Parameter(metavar="FILE")] = None,
    against_arch: Annotated[str | None, Parameter(metavar="NAME")] = None,
    images: SampleOptions = ANY_SAMPLE,
    runtime: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    threads: OptionalPositive = None,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Measure accuracy, size, work and latency; with --against, what has changed.

    Two networks see the same images and are timed alternately. With onnxruntime-int8
    among the runtimes, each is compared with itself in int8 too.

    Parameters
    ----------
    against
        Original checkpoint to compare with.
    against_arch
        Architecture of --against. Default: what its file says, else that of --ckpt.
    runtime
        Also time the networks as they are served, with commas between: eager, compile,
        onnxruntime, onnxruntime-int8.
    threads
        Number of CPU threads.
    """
    from se_probe import evaluation
    from se_probe.pruning import evaluate_int8, time_runtimes
    from se_probe.running import pinned_numerics

    runtimes = _runtimes(runtime)
    network, original = _opened(checkpoint, output.quiet), None
    if against:
        original = _original(checkpoint, against, against_arch, network, output.quiet)
    samples = images.open(network, quiet=output.quiet)
    with (
        pinned_numerics(threads),
        progress_bar("evaluating", quiet=output.quiet) as progress,
    ):
        result = evaluation.evaluate(
            network, samples, against=original, progress=progress
        )
    times = []
    if runtimes:
        with progress_bar("timing", quiet=output.quiet):
            both = [each for each in (network, original) if each is not None]
            times = time_runtimes(both, samples, runtimes)
    in_int8 = []
    if "onnxruntime-int8" in runtimes:
        with progress_bar("int8", quiet=output.quiet) as progress:
            in_int8 = [evaluate_int8(n, samples, progress=progress) for n in both]
    sizes = [_file_bytes(path) for path in (checkpoint.ckpt, against)]
    for note in () if output.quiet else result.notes:
        say(f"note: {note}")
    if output.json:
        more = {
            "runtimes": [asdict(each) for each in times],
            "int8": [each.facts() for each in in_int8],
        }
        print_json(evaluation_facts(result, sizes) | more)
    else:
        print_evaluation(result, sizes)
        print_times(times)
        for each in in_int8:
            print_int8(each)


def _runtimes(names: str | None) -> "list[Runtime]":
    from se_probe.pruning import RUNTIMES

    asked = split_list(names)
    unknown = [name for name in asked if name not in RUNTIMES]
    if unknown or (names is not None and not asked):
        raise UsageError(
            f"a runtime is one of {', '.join(RUNTIMES)}, got "
            f"{', '.join(unknown) or 'none'}"
        )
    return [name for name in RUNTIMES if name in asked]


def _opened(checkpoint: NetworkOptions, quiet: bool) -> "Network":
    """Network of --ckpt, which may be an ONNX file here."""
    if (checkpoint.ckpt or "").lower().endswith(".onnx"):
        from se_probe.evaluation import open_onnx

        return open_onnx(checkpoint.ckpt or "")
    return checkpoint.open(quiet=quiet)


def _original(
    checkpoint: NetworkOptions,
    against: str,
    arch: str | None,
    network: "Network",
    quiet: bool,
) -> "Network":
    """Network of --against; of that of --ckpt, where its file leaves it open."""
    other = replace(checkpoint, ckpt=against, arch=arch, like=None, weights=None)
    try:
        return _opened(other, quiet)
    except (CheckpointError, ArchitectureError):
        if arch is not None or not network.architecture:
            raise
    try:
        return replace(other, arch=network.architecture).open(quiet=quiet)
    except SEProbeError as error:
        raise UsageError(
            f"of which architecture is --against {against}? Give --against-arch NAME "
            f"(as {network.architecture}: {error})"
        ) from error


def _file_bytes(ckpt: str | None) -> int | None:
    return Path(ckpt).stat().st_size if ckpt and Path(ckpt).is_file() else None
