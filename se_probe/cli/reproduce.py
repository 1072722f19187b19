"""``se-probe reproduce``: what a seed decides, and what it does not."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from se_probe.cli import options
from se_probe.cli.console import print_json, print_table, progress_bar, say_epoch
from se_probe.errors import SEProbeError, UsageError

if TYPE_CHECKING:
    from se_probe.reproduce import Pair, Reproduction

__all__ = ["reproduce"]


def reproduce(
    arch: options.NewArch = "se_lenet",
    data: options.SplitData = "digits",
    data_root: options.DataRoot = None,
    seeds: Annotated[
        str,
        typer.Option(metavar="A,A,B", help="One training each; one of them twice."),
    ] = "0,0,1",
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Default of this and what follows: the recipe."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images per step of training.")
    ] = None,
    per_class: Annotated[
        int | None, typer.Option(min=1, help="Training images of each class.")
    ] = None,
    precision: Annotated[
        Literal["fp32", "bf16"] | None, typer.Option(help="Of the network in training.")
    ] = None,
    recorded: Annotated[
        int,
        typer.Option(min=1, help="Held-out images of each class to record gates of."),
    ] = 10,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    threads: options.Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Default: figures/reproduce_ARCH_DATA."),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train once from each seed and compare weights, gates and figures, bit for bit.

    Exit status 0 only if runs of equal seeds agree in every bit. Different seeds number
    their channels differently, so those runs are compared by sorted mean gates and by
    which classes their gates treat alike.
    """
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
    with progress_bar("training", quiet=quiet) as progress:
        result = reproducing.reproduce(
            arch,
            data,
            numbers,
            recipe,
            folder,
            n_recorded=recorded,
            root=data_root,
            workers=workers,
            device=device,
            threads=threads,
            progress=progress,
            on_epoch=None if quiet else say_epoch,
        )
    if json:
        print_json(result.facts())
    else:
        _print(result)
    if not result.is_reproduced:
        raise SEProbeError(_what_differs(result))


def _numbers(seeds: str) -> list[int]:
    try:
        return [int(part) for part in options.split_list(seeds)]
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
        f"differ, first in their {pair.parted}{why}"
    )
