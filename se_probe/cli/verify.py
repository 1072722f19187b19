"""``se-probe verify``: record some batches of a record again and compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from se_probe.cli.console import print_json, print_table, progress_bar, say
from se_probe.cli.options import (
    TO_THE_READER,
    Device,
    Flag,
    OptionalPositive,
    OutputOptions,
    Workers,
)
from se_probe.errors import SEProbeError, UsageError

if TYPE_CHECKING:
    from se_probe.reproduce import Verification

__all__ = ["verify"]

_N_SHOWN = 5
_N_BLOCKS = 20


def verify(
    record: Path,
    /,
    *,
    batches: Annotated[
        str, Parameter(metavar="N|all", allow_leading_hyphen=True)
    ] = "5",
    ckpt: Annotated[str | None, Parameter(metavar="FILE")] = None,
    arch: Annotated[str | None, Parameter(metavar="NAME")] = None,
    weights: Annotated[str | None, Parameter(metavar="NAME")] = None,
    data: Annotated[str | None, Parameter(metavar="DIR")] = None,
    device: Device = "auto",
    workers: Workers = "auto",
    threads: OptionalPositive = None,
    trust_pickle: Flag = False,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Rebuild network and images from what a record says, record again and compare.

    Verified means the same bits on the same kind of machine with the same versions,
    and otherwise gates within a tolerance. The record is only read. Exit status 1 if it
    differs.

    Parameters
    ----------
    record
        A gate record (RUN.zarr).
    batches
        Number of batches to record again, evenly spread.
    ckpt
        Where the checkpoint is now. Default: as recorded.
    arch
        Architecture, where the file does not say: one of ours, of timm,
        torchvision:NAME, or package.module:factory.
    weights
        Which weights, where the file holds those of several networks: the key they
        are under, or what their names begin with. Default: as recorded.
    data
        Where the images, or the files of the data set, are now. Default: as recorded.
    device
        auto (the record's kind, where there is one), cpu or cuda:N.
    workers
        Number of processes that read images; auto: as many as keep up with the
        network.
    threads
        Number of CPU threads. Default: the record's.
    trust_pickle
        Load pickled files, which can run any code.
    """
    n_batches = _number(batches)
    from se_probe.gates import open_gates
    from se_probe.reproduce import reopen_network, reopen_record_images, verify_record

    gates = open_gates(record)
    images = reopen_record_images(gates.attrs, data, workers=workers)
    network = reopen_network(
        gates.attrs,
        ckpt,
        arch,
        weights=weights,
        device=device,
        trust_pickle=trust_pickle,
    )
    if not output.quiet:
        for note in network.notes:
            say(f"note: {note}")
    with progress_bar("recording again", quiet=output.quiet) as progress:
        result = verify_record(
            gates,
            network,
            images,
            batches=n_batches,
            threads=threads,
            progress=progress,
        )
    where = images.source.get("path")
    folder = where if images.source.get("kind") == "folder" else None
    if output.json:
        print_json(_facts(result) | {"record": str(record)})
    else:
        _print(result, folder)
    if not result.is_verified:
        raise SEProbeError(_verdict(result, folder))


def _number(batches: str) -> int | None:
    """Number of batches; None for all of them."""
    if batches == "all":
        return None
    if not batches.isdecimal() or not int(batches):
        raise UsageError(f"--batches is a number from 1, or all; got {batches!r}")
    return int(batches)


def _facts(result: "Verification") -> dict[str, Any]:
    """Plain JSON, which has no infinity: null where a gate was or became NaN."""
    facts = result.facts()
    for each in (*facts["blocks"], *facts["images"], facts):
        for key in ("largest", "difference", "largest_difference"):
            if each.get(key) == float("inf"):
                each[key] = None
    return facts


def _print(result: "Verification", folder: str | None) -> None:
    shown = sorted(result.blocks, key=lambda block: -block.largest)[:_N_BLOCKS]
    print(
        f"{len(result.batches):,} of {result.n_batches:,} batches recorded again: "
        f"{result.n_checked:,} of {result.n_images:,} images"
    )
    print_table(
        "Gates then and now",
        ["block", "largest difference", "images that differ"],
        [[b.block, f"{b.largest:.3g}", b.n_images] for b in shown],
    )
    if len(shown) < len(result.blocks):
        print(f"(the {len(shown)} of {len(result.blocks)} blocks that differ most)")
    for title, changes in (
        ("changed", result.changes),
        ("changed in the checkpoint", result.preprocessing),
        ("other machine or version", result.machine),
        ("state", result.states),
    ):
        _print_some(title, [f"{c.what}: {c.then} then, {c.now} now" for c in changes])
    differing = [
        f"{_place(image['image_id'], folder)}, by {image['difference']:.3g} in "
        f"{image['block']}"
        for image in result.images
        if image["difference"] > result.tolerance
    ]
    _print_some("differs", differing, result.n_beyond)
    for n, what in (
        (result.n_pending, "not recorded yet, so not checked"),
        (result.n_skipped, "skipped in the record (unreadable)"),
        (result.n_nan, "NaN in the record"),
    ):
        if n:
            print(f"{n:,} of {result.n_images:,} images: {what}")
    if result.n_predictions:
        print(f"{result.n_predictions:,} images are predicted otherwise")
    if result.is_verified:
        print(f"verified: {_agreement(result)}")


def _print_some(title: str, lines: Sequence[str], n: int | None = None) -> None:
    """The first few lines under a title, and how many more there are."""
    n_more = (len(lines) if n is None else n) - _N_SHOWN
    for line in lines[:_N_SHOWN]:
        print(f"{title}: {line}")
    if n_more > 0:
        print(f"{title}: {n_more:,} more")


def _place(image_id: str, folder: str | None) -> str:
    return str(Path(folder, image_id)) if folder else image_id


def _agreement(result: "Verification") -> str:
    if result.is_bit_identical:
        return "the same bits"
    return (
        f"{result.n_differing:,} images differ by rounding, by at most "
        f"{result.largest.largest:.3g} in {result.largest.block}; the tolerance "
        f"between machines and versions is {result.tolerance:g}"
    )


def _verdict(result: "Verification", folder: str | None) -> str:
    """The sentence of a record that differs: what changed, or which images."""
    said = [f"another {change.what}" for change in result.changes]
    if result.states:
        first, n = result.states[0], len(result.states)
        place = _place(first.what, folder)
        said.append(
            f"{n} images can be read otherwise (first: {place}, {first.then} then, "
            f"{first.now} now)"
        )
    if result.n_beyond:
        said += [f"another {c.what}" for c in result.preprocessing]
        said.append(_gates_differ(result, folder))
    elif result.is_bit_identical:
        said.append("the gates have the same bits")
    return f"the record differs: {'; '.join(said)}"


def _gates_differ(result: "Verification", folder: str | None) -> str:
    n, n_checked = result.n_beyond, result.n_checked
    which = f"all {n_checked:,} images"
    if n < n_checked:
        place = _place(result.images[0]["image_id"], folder)
        which = f"{n:,} of {n_checked:,} images (most: {place})"
    return (
        f"the gates of {which} differ, by up to {result.largest.largest:.3g} in "
        f"{result.largest.block}; the tolerance is {result.tolerance:g}"
        f"{'' if result.machine else ' on the same machine and versions'}"
    )
