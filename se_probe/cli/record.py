"""``se-probe record``: write, or go on with, a gate record."""

from pathlib import Path
from typing import Annotated, Any

import typer

from se_probe.cli import options
from se_probe.cli.console import print_json, progress_bar, say
from se_probe.errors import SEProbeError

__all__ = ["record", "say_summary"]

_N_SHOWN = 5


def record(
    out: Annotated[
        Path, typer.Option(metavar="RUN.zarr", help="Where to write the record.")
    ],
    ckpt: options.Checkpoint = None,
    arch: options.Arch = None,
    data: options.Data = None,
    data_root: options.DataRoot = None,
    per_class: options.PerClass = None,
    image_size: options.ImageSize = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 32,
    workers: options.Workers = 0,
    threads: options.Threads = None,
    precision: options.Precision = "fp32",
    compile: options.Compile = False,
    seed: options.Seed = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at an image that cannot be read.")
    ] = False,
    trust_pickle: options.TrustPickle = False,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Record the gates of every SE block for every image.

    The same command goes on with a record that was interrupted. Under torchrun the
    processes share the work.
    """
    from se_probe.cli.sources import images_for, network_from
    from se_probe.record import record_gates
    from se_probe.stats import record_summary

    network = network_from(
        ckpt, arch, device=device, trust_pickle=trust_pickle, quiet=quiet
    )
    images = images_for(
        network,
        data,
        data_root=data_root,
        batch_size=batch_size,
        workers=workers,
        per_class=per_class,
        seed=seed,
        image_size=image_size,
    )
    try:
        with progress_bar("recording", quiet=quiet) as progress:
            gates = record_gates(
                network,
                images,
                out=out,
                precision=precision,
                compile=compile,
                threads=threads,
                strict=strict,
                overwrite=force,
                attrs={"checkpoint_path": ckpt},
                progress=progress,
            )
    except KeyboardInterrupt:
        raise SEProbeError(
            f"stopped; what was recorded is in {out}, and the same command (without "
            "--force) goes on from there"
        ) from None
    summary = record_summary(gates)
    if json:
        print_json(summary | {"record": str(out)})
    else:
        say_summary(summary, str(out))


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
    else:
        say("note: the network knows none of the classes, so there is no accuracy")
