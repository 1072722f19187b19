"""``se-probe demo``: an end-to-end example on data that comes with the package."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from se_probe.cli.console import progress_bar, say, say_epoch
from se_probe.cli.options import Flag, NonNegative, OptionalPositive, Quiet

__all__ = ["demo"]


def demo(
    *,
    ckpt: Annotated[Path, Parameter(metavar="FILE")] = Path("checkpoints/demo.pt"),
    out: Annotated[Path, Parameter(metavar="DIR")] = Path("figures/demo"),
    seed: NonNegative = 0,
    threads: OptionalPositive = None,
    force: Flag = False,
    quiet: Quiet = False,
) -> None:
    """Train an SE-ResNet-50 on drawn pictures and see what its gates do.

    Needs no network and no data. An interrupted demo resumes
    where it stopped.

    Parameters
    ----------
    ckpt
        Where the network is kept.
    out
        Folder of the figures.
    seed
        Random seed.
    threads
        Number of CPU threads.
    force
        Overwrite existing output.
    quiet
        Show no progress and no notes.
    """
    from se_probe.cli.plot import draw
    from se_probe.cli.record import say_summary
    from se_probe.demo import CLASSES, record_demo, train_demo
    from se_probe.stats import record_summary

    if not quiet:
        say("An SE-ResNet-50 learns drawn pictures of ten classes; about four minutes.")
    with progress_bar("training", quiet=quiet) as progress:
        network = train_demo(
            ckpt,
            seed=seed,
            threads=threads,
            overwrite=force,
            progress=progress,
            on_epoch=None if quiet else say_epoch,
        )
    record = ckpt.with_suffix(".zarr")
    with progress_bar("recording", quiet=quiet) as progress:
        gates = record_demo(network, record, threads=threads, progress=progress)
    say_summary(record_summary(gates), str(record))
    draw(gates, out, CLASSES, quiet=quiet)
    print(
        "\nNext steps:\n"
        f"  se-probe inspect --ckpt {ckpt}\n"
        f"  se-probe plot --ckpt {ckpt} --classes {','.join(CLASSES)}"
    )
