"""``se-probe plot``: the figures, and the numbers behind them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from se_probe.cli import options
from se_probe.cli.console import say
from se_probe.cli.plot_recording import PAPER_CLASSES, recorded_gates
from se_probe.errors import ClassNameError, UsageError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["draw", "plot"]

FIGURES = ("profiles", "spread", "heatmap", "depth")
_N_DEFAULT_CLASSES = 10


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
    ] = ",".join(FIGURES),
    spread: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="The two classes of the spread figure."),
    ] = None,
    cmap: Annotated[str, typer.Option(help="Colour map of the heatmap.")] = "viridis",
    correct_only: Annotated[
        bool,
        typer.Option(
            "--correct-only", help="Only images that were classified rightly."
        ),
    ] = False,
    per_class: Annotated[
        int, typer.Option(min=1, help="Images of each asked class (with --ckpt).")
    ] = 50,
    others: Annotated[
        int,
        typer.Option(
            min=0, help="Images of every other class, for the grey curve (with --ckpt)."
        ),
    ] = 5,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Default: figures/<name of the file>/."),
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="png,pdf,svg", help="Of the figures.")
    ] = "png,pdf",
    device: options.Device = "auto",
    batch_size: options.BatchSize = 32,
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
            "per_class": per_class,
            "others": others,
            "device": device,
            "batch_size": batch_size,
            "threads": threads,
            "precision": precision,
            "compile": compile,
            "seed": seed,
        }
        stem = _stem(str(ckpt))
        gates = recorded_gates(str(ckpt), names, settings, workers, trust_pickle, quiet)
    draw(
        gates,
        out or Path("figures") / stem,
        classes=names,
        blocks=options.split_list(blocks) or None,
        channels=_channels(channels),
        sampling=sampling,
        seed=seed,
        figures=wanted,
        pair=options.split_list(spread) or None,
        cmap=cmap,
        correct_only=correct_only,
        formats=options.split_list(format),
        quiet=quiet,
    )


def draw(
    gates: "xr.DataArray",
    out: Path,
    *,
    classes: Sequence[str] = (),
    blocks: Sequence[str] | None = None,
    channels: int | Literal["all"] = 50,
    sampling: Literal["even", "random"] = "even",
    seed: int = 0,
    figures: Sequence[str] = FIGURES,
    pair: Sequence[str] | None = None,
    cmap: str = "viridis",
    correct_only: bool = False,
    formats: Sequence[str] = ("png", "pdf"),
    quiet: bool = False,
) -> list[Path]:
    """Draw the figures of a record into a folder; print what they say."""
    from se_probe import plots
    from se_probe.gates import only_correct
    from se_probe.stats import block_summary, class_moments, describe_depth

    if correct_only:
        gates = only_correct(gates)
    names = plots.find_classes(gates, list(classes) or _default_classes(gates))
    _echo(gates, classes, quiet)
    moments = class_moments(gates)
    picking: Any = {"channels": channels, "sampling": sampling, "seed": seed}
    summary = block_summary(gates, moments) if "depth" in figures else None

    def made() -> "Iterator[tuple[str, Figure, pd.DataFrame]]":
        if "profiles" in figures:
            fig = plots.figure_profiles(moments, names, blocks, **picking)
            yield (
                "profiles",
                fig,
                plots.profile_table(moments, names, blocks, **picking),
            )
        if "spread" in figures:
            two = plots.find_classes(moments, pair) if pair else None
            fig = plots.figure_spread(moments, names, blocks, pair=two, **picking)
            shown = two or plots.default_pair(moments, names)
            yield "spread", fig, plots.spread_table(moments, shown, blocks, **picking)
        if "heatmap" in figures:
            fig = plots.figure_heatmaps(gates, blocks, classes=names, cmap=cmap)
            yield "heatmap", fig, plots.heatmap_table(gates, blocks, names)
        if summary is not None:
            yield "depth", plots.figure_depth(summary), plots.depth_table(summary)

    written = []
    for name, fig, table in made():
        written += [plots.save(fig, out / f"{name}.{suffix}") for suffix in formats]
        written.append(plots.save_table(table, out / f"{name}.csv"))
    for path in written:
        print(path)
    if summary is not None:
        print("\n".join(describe_depth(summary)))
    return written


def _default_classes(gates: "xr.DataArray") -> list[str]:
    from se_probe.plots import find_classes

    try:
        return find_classes(gates, PAPER_CLASSES)
    except ClassNameError:
        return find_classes(gates, None)[:_N_DEFAULT_CLASSES]


def _echo(gates: "xr.DataArray", queries: Sequence[str], quiet: bool) -> None:
    """Say what each query was taken for."""
    from se_probe.class_names import echo, label_set

    if quiet or not gates.attrs.get("label_set"):
        return
    labels, recorded_names = (
        label_set(gates.attrs["label_set"]),
        set(gates["class_name"].values),
    )
    for query in queries:
        if query in recorded_names and query not in {label.name for label in labels}:
            say(f"{query} -> the images' own class {query}")
        else:
            say(echo(query, labels.find(query)))


def _check_choices(figures: str, formats: str) -> list[str]:
    from se_probe.plots import FORMATS

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


def _channels(text: str) -> int | Literal["all"]:
    if text == "all":
        return "all"
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--channels takes a number from 1, or all; got {text!r}")
    return int(text)


def _stem(ckpt: str) -> str:
    return Path(ckpt.rpartition(":")[2]).name.partition(".")[0] or "network"
