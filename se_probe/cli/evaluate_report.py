"""What ``se-probe evaluate`` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from se_probe.cli.console import print_table

if TYPE_CHECKING:
    from se_probe.evaluation import Accuracy, Difference, Evaluation, NetworkFigures
    from se_probe.pruning import RuntimeTimes

__all__ = ["evaluation_facts", "print_evaluation", "print_int8", "print_times"]

_N_SHOWN = 5


def evaluation_facts(result: "Evaluation", sizes: list[int | None]) -> dict[str, Any]:
    """All of it in plain JSON types, with the bytes of both files."""
    facts = result.facts()
    for key, size in zip(("network", "against"), sizes, strict=True):
        if facts[key] is not None:
            facts[key]["file_bytes"] = size
    return facts


def print_evaluation(result: "Evaluation", sizes: list[int | None]) -> None:
    """Table of one network or two, and what has changed."""
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


def print_times(times: "Sequence[RuntimeTimes]") -> None:
    """A line for each runtime and batch size."""
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


def print_int8(result: "Evaluation") -> None:
    """What int8 changes of a network."""
    original = result.against
    name = original.checkpoint or original.architecture if original else ""
    print(
        f"{name} in int8: top-1 accuracy {_accuracy(result.network.top1)} on "
        f"{result.n_images:,} images, against single precision:"
    )
    if result.difference is not None:
        _print_difference(result.difference)
