"""``se-probe record``: write or resume a gate record."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from se_probe.cli.console import print_json, progress_bar, say
from se_probe.cli.options import (
    ANY_NETWORK,
    ANY_SAMPLE,
    PLAIN_RUN,
    TO_THE_READER,
    Flag,
    NetworkOptions,
    OutputOptions,
    RunOptions,
    SampleOptions,
    split_list,
)
from se_probe.errors import SEProbeError

__all__ = ["record", "say_summary"]

_N_SHOWN = 5


def record(
    *,
    out: Annotated[Path, Parameter(metavar="RUN.zarr")],
    checkpoint: NetworkOptions = ANY_NETWORK,
    images: SampleOptions = ANY_SAMPLE,
    run: RunOptions = PLAIN_RUN,
    with_: Annotated[str | None, Parameter(name="--with", metavar="A,B")] = None,
    dtype: Literal["float32", "float16"] = "float32",
    strict: Flag = False,
    part: Annotated[str | None, Parameter(metavar="K/N")] = None,
    force: Flag = False,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Record the gates of every SE block for every image.

    The same command resumes a record that was interrupted. Processes that torchrun or
    srun start share the work, and so do parts that a scheduler starts one by one; who
    is done first takes what is left of the others.

    Parameters
    ----------
    out
        Where to write the record: a folder, or a URL such as s3://BUCKET/RUN.zarr.
    with_
        What to record beside the gates: squeeze (mean of each channel of the feature
        map), energy (its mean square), or both.
    dtype
        How gates are stored; float16 halves the record, and keeps gates within 0.0005.
    strict
        Stop at an image that cannot be read, and at anything that looks like an SE
        block and cannot be recorded.
    part
        Share of the batches to record first, such as 3/8.
    force
        Overwrite existing output.
    """
    from se_probe.gates import url_of
    from se_probe.record import record_gates
    from se_probe.running import parse_part
    from se_probe.stats import record_summary

    where = url_of(out) or str(out)
    network = checkpoint.open(quiet=output.quiet)
    samples = images.open(network, quiet=output.quiet)
    try:
        with progress_bar("recording", quiet=output.quiet) as progress:
            gates = record_gates(
                network,
                samples,
                out=out,
                precision=run.precision,
                compile=run.compile,
                context=split_list(with_),
                dtype=dtype,
                threads=run.threads,
                strict=strict,
                overwrite=force,
                part=parse_part(part) if part else None,
                attrs={"checkpoint_path": checkpoint.ckpt},
                progress=progress,
            )
    except KeyboardInterrupt:
        raise SEProbeError(
            f"stopped; what was recorded is in {where}, and the same command (without "
            "--force) resumes there"
        ) from None
    summary = record_summary(gates)
    if dtype != "float32" and not output.quiet:
        say(f"note: {gates.attrs['rounding']}")
    if output.json:
        notes = list(gates.attrs.get("notes", ()))
        print_json(summary | {"record": where, "notes": notes})
    else:
        say_summary(summary, where)


def say_summary(summary: dict[str, Any], out: str) -> None:
    """The summary in sentences on stdout, what was left out among them."""
    print(f"{summary['n_recorded']:,} of {summary['n_images']:,} images in {out}")
    for key, why in (("skipped", "could not be read"), ("nan", "gave NaN")):
        names = summary[key]
        if names:
            more = f" and {len(names) - _N_SHOWN} more" if len(names) > _N_SHOWN else ""
            print(f"{len(names):,} {why}: {', '.join(names[:_N_SHOWN])}{more}")
    if summary["n_pending"]:
        print(f"{summary['n_pending']:,} are still to be recorded by other processes")
    if summary["top1"] is not None:
        low, high = (100 * end for end in summary["top1_interval"])
        print(
            f"top-1 accuracy {100 * summary['top1']:.1f} % (95 % interval {low:.1f} to "
            f"{high:.1f} %) on {summary['n_known_class']:,} images"
        )
    elif not summary["n_predicted"]:
        say("note: there are no predictions, so there is no accuracy")
    else:
        say("note: the network knows none of the classes, so there is no accuracy")
