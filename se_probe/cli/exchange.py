"""``se-probe exchange``: what the gates of each SE block carry."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from se_probe.cli.console import (
    print_json,
    print_table,
    progress_bar,
    say,
    typed_command,
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

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.blocks import FoundBlock
    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages

__all__ = ["exchange"]


def exchange(
    record: Path,
    /,
    *,
    checkpoint: NetworkOptions = ANY_NETWORK,
    images: SampleOptions = ANY_SAMPLE,
    blocks: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    threads: OptionalPositive = None,
    out: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Exchange the gates of SE blocks between images and measure what that does.

    For each block alone, and for growing sets from the classifier backwards and from
    the input forwards, each image gets gates of 1 (identity), the mean gates of all
    images (frozen) or of its class (class_mean), the gates of another image of its
    class (same_class) or of an image of another class (other_class). The donors are
    drawn from the record, so record the same images first. What is measured is kept,
    so that a killed run resumes where it stopped.

    Parameters
    ----------
    record
        A gate record (RUN.zarr) of these images.
    blocks
        Names, module paths or globs, such as 'SE_5_*'.
    threads
        Number of CPU threads.
    out
        Output folder for the figure, its numbers and the donors.
    """
    from se_probe.cache import measurements_folder
    from se_probe.gates import open_gates
    from se_probe.interventions import exchange_gates
    from se_probe.running import pinned_numerics
    from se_probe.views import exchange_costs

    gates = open_gates(record)
    network = checkpoint.open(quiet=output.quiet)
    samples = images.open(network, quiet=output.quiet)
    with (
        pinned_numerics(threads),
        progress_bar("exchanging", quiet=output.quiet) as progress,
    ):
        found = exchange_gates(
            network,
            samples,
            gates,
            _blocks(network, samples, blocks),
            seed=images.seed,
            folder=measurements_folder(),
            progress=progress,
        )
    view = exchange_costs(found)
    if output.json:
        print_json(_facts(found, view) | {"record": str(record)})
    else:
        _print(found, view)
    if out is not None:
        for path in _write(out, found, view, record):
            if not output.quiet:
                say(f"wrote {path}")


def _blocks(
    network: "Network", images: "LabelledImages", names: str | None
) -> "list[FoundBlock]":
    from se_probe.blocks import find_se_blocks
    from se_probe.gates import match_blocks

    found = find_se_blocks(network.model, images.batch(0))
    if names is None:
        return found
    chosen = match_blocks(split_list(names), [block.facts() for block in found])
    return [block for block in found if block.name in chosen]


def _facts(found: "xr.Dataset", view: "xr.Dataset") -> dict[str, Any]:
    """All of it in plain JSON types."""
    from se_probe.views import describe_exchange

    donors = found[["same_class_donor", "other_class_donor"]]
    return {
        "measured": dict(view.attrs),
        "effects": view.to_dataframe().reset_index().to_dict("records"),
        "donors": donors.to_dataframe().reset_index(drop=True).to_dict("records"),
        "words": describe_exchange(view),
    }


def _print(found: "xr.Dataset", view: "xr.Dataset") -> None:
    from se_probe.views import describe_exchange

    about, alone = view.attrs, view.sel(extent="alone")
    treatments = [str(name) for name in view["treatment"].values]
    print_table(
        f"KL (nats per image) with the gates of one block exchanged, on "
        f"{about['n_images']:,} images of {about['n_classes']:,} classes",
        ["block", *treatments, "other - same", "95 % interval", "becomes donor's (%)"],
        [_row(alone.sel(block=name), treatments) for name in view["block"].values],
    )
    print(*describe_exchange(view), sep="\n")
    for n, why in (
        (about["n_single"], "are the only recorded image of their class"),
        (about["n_unrecorded"], "have no gates in the record"),
    ):
        if n:
            print(f"{n:,} images were left out: they {why}")


def _row(one: "xr.Dataset", treatments: list[str]) -> list[Any]:
    low, high = one["class_kl_low"].item(), one["class_kl_high"].item()
    return [
        str(one["block"].item()),
        *(one["kl"].sel(treatment=name).item() for name in treatments),
        one["class_kl"].item(),
        f"{low:.2g} to {high:.2g}",
        100 * one["became_donor"].item(),
    ]


def _write(
    out: Path, found: "xr.Dataset", view: "xr.Dataset", record: Path
) -> list[Path]:
    from se_probe import plots, views

    figure = plots.figure_exchange(view)
    source = {"record": str(record), "command": typed_command()}
    donors = found[["same_class_donor", "other_class_donor"]].reset_coords("image_id")
    written = [plots.save(figure, out / f"exchange.{end}") for end in ("png", "pdf")]
    return [
        *written,
        plots.save_table(view, out / "exchange.csv"),
        plots.save_table(donors, out / "exchange_donors.csv"),
        plots.save_caption(views.exchange_caption(view, source), out / "exchange.txt"),
    ]
