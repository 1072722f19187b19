"""``se-probe plot``: the figures, and the numbers behind them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from se_probe.cli import options
from se_probe.cli.console import say
from se_probe.cli.plot_recording import recorded_gates
from se_probe.errors import ClassNameError, UsageError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["draw", "plot"]

_N_DEFAULT_CLASSES = 10  # of `se_probe.views.default_classes`
# The SENet paper's fifty images of a class; a few of each other for the grey curve.
_PER_CLASS, _OTHERS = 50, 5
_BATCH_SIZE, _DRAWN_BATCH_SIZE = 32, 100


def plot(
    record: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN.zarr]", help="A gate record; or give --ckpt."),
    ] = None,
    ckpt: options.Checkpoint = None,
    arch: options.Arch = None,
    data: options.Data = None,
    data_root: options.DataRoot = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="Names, wnids or indices. Default: the paper's four, or all of up to "
            f"{_N_DEFAULT_CLASSES}.",
        ),
    ] = None,
    blocks: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Names, module paths or globs, such as 'SE_5_*'."
        ),
    ] = None,
    channels: Annotated[
        str, typer.Option(metavar="N|all", help="Channels of each block shown.")
    ] = "50",
    sampling: Annotated[
        Literal["even", "random"], typer.Option(help="How channels are chosen.")
    ] = "even",
    figures: Annotated[
        str, typer.Option(metavar="A,B", help="Which figures.")
    ] = "profiles,spread,heatmap,depth",
    spread: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="The two classes of the spread figure."),
    ] = None,
    cmap: Annotated[str, typer.Option(help="Colour map of the heatmap.")] = "viridis",
    batches: Annotated[
        str | None,
        typer.Option(
            metavar="K,L",
            help="A heatmap for each of these batches too, counted from 0. With --ckpt "
            "the whole test set is recorded, in its own order.",
        ),
    ] = None,
    correct_only: Annotated[
        bool,
        typer.Option(
            "--correct-only", help="Only images that were classified rightly."
        ),
    ] = False,
    per_class: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Images of each asked class (with --ckpt). Default: {_PER_CLASS}.",
        ),
    ] = None,
    others: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Images of every other class, for the grey curve (with --ckpt). "
            f"Default: {_OTHERS}.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Default: figures/<name of the file>/."),
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="png,pdf,svg", help="Of the figures.")
    ] = "png,pdf",
    image_size: options.ImageSize = None,
    device: options.Device = "auto",
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Images per batch. Default: {_BATCH_SIZE}, or "
            f"{_DRAWN_BATCH_SIZE} with --batches.",
        ),
    ] = None,
    workers: options.Workers = 0,
    threads: options.Threads = None,
    precision: options.Precision = "fp32",
    compile: options.Compile = False,
    seed: options.Seed = 0,
    trust_pickle: options.TrustPickle = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw the gates of a network, class by class, with the numbers beside each figure.

    With --ckpt the network runs over the images first; what it recorded is kept, so
    that other classes, blocks or channels are drawn at once.
    """
    wanted = _check_choices(figures, format)
    numbers = _batch_numbers(batches, wanted)
    if (record is None) == (ckpt is None):
        raise UsageError("plot takes a gate record, or --ckpt FILE (one of them)")
    names = options.split_list(classes)
    if record is not None:
        from se_probe.gates import open_gates

        gates, stem = open_gates(record), record.stem
    else:
        settings = {
            "arch": arch,
            "data": data,
            "data_root": str(data_root) if data_root else None,
            **_selection(numbers, per_class, others, batch_size),
            "image_size": image_size,
            "device": device,
            "threads": threads,
            "precision": precision,
            "compile": compile,
            "seed": seed,
        }
        stem = _stem(str(ckpt))
        gates = recorded_gates(
            *(str(ckpt), names, numbers), settings, workers, trust_pickle, quiet
        )
    draw(
        gates,
        out or Path("figures") / stem,
        names,
        correct_only=correct_only,
        quiet=quiet,
        selection={
            "blocks": options.split_list(blocks) or None,
            "channels": _channels(channels),
            "sampling": sampling,
            "seed": seed,
        },
        figures=wanted,
        pair=options.split_list(spread) or None,
        cmap=cmap,
        batches=numbers,
        formats=options.split_list(format),
    )


def draw(
    gates: "xr.DataArray",
    out: Path,
    classes: Sequence[str],
    *,
    correct_only: bool = False,
    quiet: bool = False,
    selection: dict[str, Any] | None = None,
    **choices: Any,
) -> None:
    """Write the figures of a record; print where, and what they say in words."""
    from se_probe.gates import only_correct
    from se_probe.plots import write_figures
    from se_probe.views import Selection, default_classes, describe_depth

    if not quiet:
        _echo(gates, classes)
    if correct_only:
        gates = only_correct(gates)
    # A batch is drawn whole, unless classes are asked for.
    default = None if choices.get("batches") else default_classes(gates)
    chosen = Selection(classes=list(classes) or default, **(selection or {}))
    paths, depth = write_figures(gates, out, chosen, **choices)
    print(*paths, sep="\n")
    if depth is not None:
        print(*describe_depth(depth), sep="\n")


def _echo(gates: "xr.DataArray", queries: Sequence[str]) -> None:
    """Say what each query was taken for."""
    from se_probe.class_names import echo, label_set

    labels = label_set(gates.attrs["label_set"])
    for query in queries:
        try:
            say(echo(query, labels.find(query)))
        except ClassNameError:
            if query not in gates["class_name"].values:
                raise
            say(f"{query} -> {query}, which is no class of the network")


def _check_choices(figures: str, formats: str) -> list[str]:
    from se_probe.plots import FIGURES, FORMATS

    for option, text, known in (
        ("--figures", figures, FIGURES),
        ("--format", formats, FORMATS),
    ):
        chosen = options.split_list(text)
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            raise UsageError(
                f"{option} takes some of {', '.join(known)}, separated by commas; got "
                f"{', '.join(unknown) or 'nothing'}"
            )
    return options.split_list(figures)


def _batch_numbers(text: str | None, figures: Sequence[str]) -> list[int]:
    """Numbers of `--batches`, in the order given, each once."""
    if text is None:
        return []
    numbers = options.split_list(text)
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise UsageError(
            f"--batches takes numbers from 0, separated by commas; got {text!r}"
        )
    if "heatmap" not in figures:
        raise UsageError(
            "--batches draws heatmaps: leave it out, or add heatmap to --figures (got "
            f"{', '.join(figures)})"
        )
    return list(dict.fromkeys(map(int, numbers)))


def _selection(
    batches: Sequence[int],
    per_class: int | None,
    others: int | None,
    batch_size: int | None,
) -> dict[str, int | None]:
    """Which images are recorded, and how many at a time; None means all."""
    if not batches:
        return {
            "per_class": per_class or _PER_CLASS,
            "others": _OTHERS if others is None else others,
            "batch_size": batch_size or _BATCH_SIZE,
        }
    if per_class is not None or others is not None:
        raise UsageError(
            "--batches is about the whole test set in its own order: leave "
            f"{'--per-class' if per_class is not None else '--others'} out"
        )
    return {
        "per_class": None,
        "others": None,
        "batch_size": batch_size or _DRAWN_BATCH_SIZE,
    }


def _channels(text: str) -> int | Literal["all"]:
    if text == "all":
        return "all"
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--channels takes a number from 1, or all; got {text!r}")
    return int(text)


def _stem(ckpt: str) -> str:
    return Path(ckpt.rpartition(":")[2]).name.partition(".")[0] or "network"
