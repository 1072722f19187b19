"""``se-probe evaluate``: accuracy, size, work and latency of one network or of two."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from se_probe.cli.console import print_json, print_table, progress_bar, say
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
    from collections.abc import Sequence

    from se_probe.checkpoints import Network
    from se_probe.evaluation import Accuracy, Difference, Evaluation, NetworkFigures
    from se_probe.pruning import Runtime, RuntimeTimes

__all__ = ["evaluate"]

_N_SHOWN = 5


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
        print_json(_facts(result, sizes) | more)
    else:
        _print(result, sizes)
        _print_times(times)
        for each in in_int8:
            _print_int8(each)


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


def _print_int8(result: "Evaluation") -> None:
    original = result.against
    name = original.checkpoint or original.architecture if original else ""
    print(
        f"{name} in int8: top-1 accuracy {_accuracy(result.network.top1)} on "
        f"{result.n_images:,} images, against single precision:"
    )
    if result.difference is not None:
        _print_difference(result.difference)


def _print_times(times: "Sequence[RuntimeTimes]") -> None:
    for each in times:
        spread = zip(each.milliseconds, each.low, each.high, strict=True)
        shown = " against ".join(
            f"{middle:.3g} ms ({low:.3g} to {high:.3g})" for middle, low, high in spread
        )
        print(
            f"{each.runtime}, batch {each.batch_size}: {shown}; median and quartiles "
            f"of {each.n_runs} passes, {each.threads} threads, {each.precision}, "
            f"{each.memory_format}, {each.device}"
        )


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


def _facts(result: "Evaluation", sizes: list[int | None]) -> dict[str, Any]:
    facts = result.facts()
    for key, size in zip(("network", "against"), sizes, strict=True):
        if facts[key] is not None:
            facts[key]["file_bytes"] = size
    return facts


def _print(result: "Evaluation", sizes: list[int | None]) -> None:
    both = [each for each in (result.network, result.against) if each is not None]
    columns = [
        _column(figures, size, result.batch_size)
        for figures, size in zip(both, sizes, strict=False)
    ]
    print_table(
        f"On {result.n_images:,} images",
        ["", "network", "against"][: 1 + len(both)],
        [[name, *(column[name] for column in columns)] for name in columns[0]],
    )
    if result.difference is not None:
        _print_difference(result.difference)
    if result.n_unknown_class:
        print(
            f"{result.n_unknown_class:,} images are of classes that the network does "
            "not know; they have no part in accuracies"
        )
    if result.skipped:
        n_more = len(result.skipped) - _N_SHOWN
        more = f"; and {n_more} more" if n_more > 0 else ""
        print(f"skipped: {'; '.join(result.skipped[:_N_SHOWN])}{more}")


def _column(
    figures: "NetworkFigures", size: int | None, batch_size: int
) -> dict[str, str]:
    return {
        "checkpoint": figures.checkpoint or "-",
        "architecture": figures.architecture,
        "top-1 accuracy (95 % interval)": _accuracy(figures.top1),
        "top-5 accuracy": _accuracy(figures.top5),
        "images that gave NaN": f"{figures.n_nan:,}",
        "parameters": f"{figures.parameters:,}",
        "multiply-adds": "-" if figures.macs is None else f"{figures.macs:,}",
        "file size (bytes)": "-" if size is None else f"{size:,}",
        "weights in memory (bytes)": f"{figures.weight_bytes:,}",
        "latency, 1 image (ms)": _milliseconds(figures.latency_ms),
        f"latency, {batch_size} images (ms)": _milliseconds(figures.batch_latency_ms),
    }


def _accuracy(accuracy: "Accuracy | None") -> str:
    if accuracy is None:
        return "-"
    share, low, high = (100 * x for x in (accuracy.share, accuracy.low, accuracy.high))
    return f"{share:.1f} % ({low:.1f} to {high:.1f})"


def _milliseconds(latency: float | None) -> str:
    return "-" if latency is None else f"{latency:.3g}"


def _print_difference(change: "Difference") -> None:
    if change.top1_change is not None:
        low, high = change.top1_change_low, change.top1_change_high
        print(
            f"top-1 accuracy changes by {100 * change.top1_change:+.1f} percentage "
            f"points (95 % interval {_points(low)} to {_points(high)}; exact McNemar p "
            f"{change.mcnemar_p:.3g}): {change.n_gained} newly correct and "
            f"{change.n_lost} newly wrong of {change.n_known:,} images"
        )
    if change.kl is not None:
        print(
            f"the same prediction for {100 * (change.agreement or 0):.1f} % of "
            f"{change.n_compared:,} images; mean KL divergence {change.kl:.3g} nats"
        )


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:+.1f}"
