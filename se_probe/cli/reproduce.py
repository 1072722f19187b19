"""``se-probe reproduce``: what a seed decides, and what it does not."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from se_probe.cli.console import print_json, print_table, progress_bar, say_epoch
from se_probe.cli.options import (
    ANY_TRAINING,
    TO_THE_READER,
    OptionalPositive,
    OutputOptions,
    Positive,
    TrainingOptions,
    split_list,
)
from se_probe.errors import SEProbeError, UsageError

if TYPE_CHECKING:
    from se_probe.reproduce import Pair, Reproduction

__all__ = ["reproduce"]


def reproduce(
    *,
    training: TrainingOptions = ANY_TRAINING,
    seeds: Annotated[
        str, Parameter(metavar="A,A,B", allow_leading_hyphen=True)
    ] = "0,0,1",
    epochs: OptionalPositive = None,
    batch_size: OptionalPositive = None,
    per_class: OptionalPositive = None,
    precision: Literal["fp32", "bf16"] | None = None,
    recorded: Positive = 10,
    out: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Train once from each seed and compare weights, gates and figures, bit for bit.

    Exit status 0 only if runs of equal seeds agree in every bit. Different seeds number
    their channels differently, so those runs are compared by sorted mean gates and by
    which classes their gates treat alike.

    Parameters
    ----------
    seeds
        One run per seed, separated by commas; give at least one seed twice.
    epochs
        Number of epochs. Default: the recipe.
    batch_size
        Training images per step. Default: the recipe.
    per_class
        Training images of each class. Default: all of them.
    precision
        Floating-point precision in training. Default: the recipe.
    recorded
        Held-out images of each class to record gates of.
    out
        Output folder. Default: figures/reproduce_ARCH_DATA.
    """
    arch, data = training.arch, training.data
    numbers = _numbers(seeds)
    from se_probe import reproduce as reproducing
    from se_probe.training import recipe_for

    given: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "per_class": per_class,
        "precision": precision,
    }
    recipe = replace(
        recipe_for(arch, data), **{k: v for k, v in given.items() if v is not None}
    )
    folder = out or Path("figures", f"reproduce_{_stem(arch)}_{Path(data).name}")
    with progress_bar("training", quiet=output.quiet) as progress:
        result = reproducing.reproduce(
            arch,
            data,
            numbers,
            recipe,
            folder,
            n_recorded=recorded,
            root=training.data_root,
            workers=training.workers,
            device=training.device,
            threads=training.threads,
            progress=progress,
            on_epoch=None if output.quiet else say_epoch,
        )
    if output.json:
        print_json(result.facts())
    else:
        _print(result)
    if not result.is_reproduced:
        raise SEProbeError(_what_differs(result))


def _numbers(seeds: str) -> list[int]:
    try:
        return [int(part) for part in split_list(seeds)]
    except ValueError:
        raise UsageError(
            f"seeds are whole numbers with commas between, as in 0,0,1; got {seeds!r}"
        ) from None


def _stem(arch: str) -> str:
    """Name of an architecture as part of a folder's name."""
    return arch.replace(":", "_").replace("/", "_")


def _print(result: "Reproduction") -> None:
    n_images = result.runs[0].gates.sizes["image"]
    print_table(
        f"{result.architecture} on {result.data}: {len(result.runs)} runs of "
        f"{result.recipe.epochs} epochs",
        ["run", "seed", "held-out accuracy", "sha256 of weights", "heatmap"],
        [
            [
                run.number,
                run.seed,
                f"{100 * run.accuracy:.2f} %",
                run.weights[-1][:12],
                str(run.figure),
            ]
            for run in result.runs
        ],
    )
    print_table(
        f"Every two runs, on the gates of the same {n_images:,} held-out images",
        [
            *("runs", "seeds", "weights", "gates", "figure", "largest difference"),
            *("sorted profiles differ by", "class similarity (r)"),
        ],
        [_row(pair) for pair in result.pairs],
    )
    print(
        "Different seeds: channel order has no meaning across seeds, so gates are not "
        "subtracted;\nsorted profiles (mean gates of the channels, sorted; mean "
        "absolute difference) and class\nsimilarity (correlations between the mean "
        "gates of every two classes, correlated between\nthe runs) are compared "
        "instead. Means over the SE blocks; each block is in the JSON."
    )
    print_table(
        "Sources of randomness",
        ["source", "pinned", "by"],
        [[s.name, "yes" if s.is_pinned else "NO", s.held_by] for s in result.sources],
    )
    for path in result.paths:
        print(path)
    if result.is_reproduced:
        print("equal seeds agree bit for bit: weights, gates and figures")


def _row(pair: "Pair") -> list[Any]:
    said = {True: "same bits", False: "differ"}
    return [
        f"{pair.first} and {pair.second}",
        f"{pair.seeds[0]}, {pair.seeds[1]}",
        *(said[same] for same in (pair.same_weights, pair.same_gates)),
        "same bytes" if pair.same_figure else "differ",
        "-" if pair.largest_difference is None else f"{pair.largest_difference:.3g}",
        f"{_mean(pair, 'class_profile_difference'):.3g}",
        _similarity(pair),
    ]


def _mean(pair: "Pair", name: str) -> float:
    values = [block[name] for block in pair.blocks if block[name] is not None]
    return sum(values) / len(values) if values else float("nan")


def _similarity(pair: "Pair") -> str:
    similarity = _mean(pair, "similarity")
    return f"{similarity:.3f}" if similarity == similarity else "-"


def _what_differs(result: "Reproduction") -> str:
    pair = result.broken[0]
    suspects = [source.name for source in result.sources if not source.is_pinned]
    why = f"; not pinned: {', '.join(suspects)}" if suspects else ""
    return (
        f"runs {pair.first} and {pair.second} have the seed {pair.seeds[0]} both and "
        f"differ, first in their {pair.first_difference}{why}"
    )
