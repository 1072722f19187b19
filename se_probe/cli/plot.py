"""``se-probe plot``: the figures, and the numbers behind them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from se_probe.cache import RecordingRequest, find_cached
from se_probe.cli.console import progress_bar, say, typed_command
from se_probe.cli.options import (
    ANY_CHECKPOINT,
    PLAIN_RUN,
    CheckpointOptions,
    Flag,
    Quiet,
    RunOptions,
    split_list,
)
from se_probe.cli.plot_options import (
    DrawnImagesOptions,
    LookOptions,
    batch_numbers,
    channel_choice,
    check_choices,
    image_choice,
)
from se_probe.cli.record import say_summary
from se_probe.cli.sources import images_of_record, record_from
from se_probe.errors import ClassNameError, SEProbeError, UsageError

if TYPE_CHECKING:
    import xarray as xr


__all__ = ["draw", "plot"]

_LARGE = 256 * 2**20  # bytes of gates


_ANY_DRAWN = DrawnImagesOptions()
_USUAL_LOOK = LookOptions()


def plot(
    record: Path | None = None,
    /,
    *,
    checkpoint: CheckpointOptions = ANY_CHECKPOINT,
    images: DrawnImagesOptions = _ANY_DRAWN,
    run: RunOptions = PLAIN_RUN,
    classes: Annotated[str | None, Parameter(metavar="A,B,C")] = None,
    blocks: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    channels: Annotated[
        str, Parameter(metavar="N|all|I,J,K", allow_leading_hyphen=True)
    ] = "50",
    sampling: Literal["even", "random"] = "even",
    figures: Annotated[str, Parameter(metavar="A,B")] = "profiles,spread,heatmap,depth",
    spread: Annotated[str | None, Parameter(metavar="A,B")] = None,
    look: LookOptions = _USUAL_LOOK,
    batches: Annotated[
        str | None, Parameter(metavar="K,L", allow_leading_hyphen=True)
    ] = None,
    correct_only: Flag = False,
    out: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    format: Annotated[str, Parameter(metavar="png,pdf,svg")] = "png,pdf",
    quiet: Quiet = False,
) -> None:
    """Draw the gates of a network, class by class, with the numbers beside each figure.

    The numbers are a .csv file; a .txt file is the figure's caption. With --ckpt the
    network runs over the images first; what it recorded is kept, so that other classes,
    blocks or channels are drawn at once.

    Parameters
    ----------
    record
        A gate record (RUN.zarr); or give --ckpt.
    classes
        Names, wnids or indices. Default: the paper's four, or all of up to 10.
    blocks
        Names, module paths or globs, such as 'SE_5_*'.
    channels
        How many channels of each block, or their numbers: 0,3,5.
    sampling
        How channels are chosen.
    figures
        Figures to draw, separated by commas; also selectivity, redundancy, similarity
        and context (of a record made --with squeeze).
    spread
        The two classes of the spread figure.
    batches
        A heatmap for each of these batches too, counted from 0. With --ckpt the whole
        test set is recorded, in its own order.
    correct_only
        Only correctly classified images.
    out
        Output folder. Default: figures/<name of the file>/.
    format
        Output formats, separated by commas.
    quiet
        Show no progress and no notes.
    """
    ckpt = checkpoint.ckpt
    wanted = check_choices(figures, format)
    numbers, drawn = batch_numbers(batches, wanted), look.look()
    if (record is None) == (ckpt is None):
        raise UsageError("plot takes a gate record, or --ckpt FILE (one of them)")
    names = split_list(classes)
    if record is not None:
        gates, stem, path = record_from(record, quiet=quiet), record.stem, record
    else:
        names_file = checkpoint.class_names
        request = RecordingRequest(
            ckpt=str(ckpt),
            classes=tuple(names),
            arch=checkpoint.arch,
            data=images.data,
            data_root=str(images.data_root) if images.data_root else None,
            **image_choice(numbers, images.per_class, images.others, images.batch_size),
            image_size=images.image_size,
            split=images.split,
            label_order=images.label_order,
            class_names=str(names_file) if names_file else None,
            weights=checkpoint.weights,
            device=checkpoint.device,
            threads=run.threads,
            precision=run.precision,
            compile=run.compile,
            seed=images.seed,
        )
        stem = _stem(str(ckpt))
        gates = _gates(request, checkpoint.trust_pickle, images.workers, quiet)
        path = request.entry()
    draw(
        gates,
        out or Path("figures") / stem,
        names,
        correct_only=correct_only,
        quiet=quiet,
        selection={
            "blocks": split_list(blocks) or None,
            "channels": channel_choice(channels),
            "sampling": sampling,
            "seed": images.seed,
        },
        figures=wanted,
        pair=split_list(spread) or None,
        look=drawn,
        channel_order=look.channel_order,
        path=path,
        images=(images_of_record(gates, images.data) if "extremes" in wanted else None),
        batches=numbers,
        formats=split_list(format),
    )


def _gates(
    request: RecordingRequest,
    trust_pickle: bool,
    workers: int | Literal["auto"],
    quiet: bool,
) -> "xr.DataArray":
    """Gates of the request: from the cache without torch, or recorded into it."""
    found = find_cached(request)
    if found is not None:
        if not quiet:
            say(f"using cached gates of {found.sizes['image']:,} images")
        return found
    from se_probe.record import cached_record
    from se_probe.stats import record_summary

    try:
        with progress_bar("recording", quiet=quiet) as progress:
            gates = cached_record(
                request,
                trust_pickle=trust_pickle,
                workers=workers,
                progress=progress,
                tell=None if quiet else say,
            )
    except KeyboardInterrupt:
        raise SEProbeError(
            "stopped; what was recorded is kept, and the same command resumes it"
        ) from None
    say_summary(record_summary(gates), "the cache")
    return gates


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
    # A small record is drawn before a bar could be read.
    with progress_bar("reading", quiet=quiet or gates.nbytes < _LARGE) as progress:
        choices |= {"command": typed_command(), "progress": progress}
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


def _stem(ckpt: str) -> str:
    return Path(ckpt.rpartition(":")[2]).name.partition(".")[0] or "network"
