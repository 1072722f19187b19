"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "Arch",
    "BatchSize",
    "Checkpoint",
    "Compile",
    "Data",
    "DataRoot",
    "Device",
    "Force",
    "ImageSize",
    "Json",
    "NewArch",
    "Out",
    "PerClass",
    "Precision",
    "Quiet",
    "Seed",
    "SplitData",
    "Threads",
    "TrustPickle",
    "Workers",
    "split_list",
]

Checkpoint = Annotated[
    str | None,
    typer.Option("--ckpt", metavar="FILE", help="Weights file, or timm:NAME."),
]
Arch = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Architecture, where the file does not say: one of ours, of timm, "
        "torchvision:NAME, or package.module:factory.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Image folder (one subfolder per class or wnid), or scenes, digits, "
        "mnist, fashion-mnist, cifar10, cifar100. Default: what the checkpoint was "
        "trained on, then $SE_PROBE_DATA.",
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the files of a named data set are."),
]
NewArch = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Architecture: one of ours, of timm, torchvision:NAME, or "
        "package.module:factory.",
    ),
]
SplitData = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        help="Image folder with train/CLASS and test/CLASS, or scenes, digits, "
        "mnist, fashion-mnist, cifar10, cifar100.",
    ),
]
PerClass = Annotated[
    int | None,
    typer.Option(min=1, help="At most so many images of each class, evenly chosen."),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        min=8,
        metavar="N",
        help="Side of the input; default: the network's own. Gates depend on it.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Images per batch.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that read images.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads of the network.")]
Precision = Annotated[Literal["fp32", "bf16"], typer.Option(help="Of the network.")]
Compile = Annotated[bool, typer.Option("--compile", help="Use torch.compile.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all that is random.")]
TrustPickle = Annotated[
    bool,
    typer.Option(
        "--trust-pickle", help="Load pickled objects, which can run any code."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Out = Annotated[Path | None, typer.Option(metavar="PATH", help="Where to write.")]


def split_list(text: str | None) -> list[str]:
    """Parts of a comma-separated option, without blanks around them.

    Examples
    --------
    >>> split_list("goldfish, pug,,plane")
    ['goldfish', 'pug', 'plane']
    """
    return [part.strip() for part in (text or "").split(",") if part.strip()]
