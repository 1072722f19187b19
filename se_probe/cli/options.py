"""Options that several commands share: what they are called, mean and open."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from se_probe.cli.sources import images_for, network_from

if TYPE_CHECKING:
    from cyclopts import Token

    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages

__all__ = [
    "ANY_CHECKPOINT",
    "ANY_IMAGES",
    "ANY_NETWORK",
    "ANY_SAMPLE",
    "ANY_SOURCE",
    "ANY_TRAINING",
    "ANY_WEIGHTS",
    "PLAIN_RUN",
    "TO_THE_READER",
    "CheckpointOptions",
    "Device",
    "Flag",
    "ImagesOptions",
    "NetworkOptions",
    "NonNegative",
    "OptionalNumber",
    "OptionalPositive",
    "OutputOptions",
    "Positive",
    "Quiet",
    "RunOptions",
    "SampleOptions",
    "Shape",
    "SourceOptions",
    "TrainingOptions",
    "WeightsOptions",
    "at_least",
    "split_list",
]

_NETWORK = Group("Network", sort_key=1)
_IMAGES = Group("Images", sort_key=2)
_RUN = Group("Run", sort_key=3)
_OUTPUT = Group("Output", sort_key=4)


def at_least(least: int) -> Parameter:
    """Whole number with a lower end, checked when the option is read."""

    def whole(kind: Any, tokens: "Sequence[Token]") -> int:
        text = tokens[0].value
        if not text.removeprefix("-").isdecimal() or int(text) < least:
            raise ValueError(f"takes a whole number from {least}; got {text!r}")
        return int(text)

    # A number below zero is a value (and refused as one), not another option.
    return Parameter(converter=whole, metavar="N", allow_leading_hyphen=True)


def _workers(kind: Any, tokens: "Sequence[Token]") -> int | Literal["auto"]:
    text = tokens[0].value
    if text == "auto":
        return "auto"
    if not text.isdecimal():
        raise ValueError(f"takes a whole number from 0, or auto; got {text!r}")
    return int(text)


Workers = Annotated[
    int | Literal["auto"],
    Parameter(converter=_workers, metavar="N", allow_leading_hyphen=True),
]


def _shape(kind: Any, tokens: "Sequence[Token]") -> tuple[int, ...]:
    sides = split_list(tokens[0].value)
    if not sides or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(
            f"takes whole numbers from 1 with commas between; got {tokens[0].value!r}"
        )
    return tuple(map(int, sides))


Shape = Annotated[
    tuple[int, ...] | None,
    Parameter(converter=_shape, metavar="SHAPE", n_tokens=1),
]
Flag = Annotated[bool, Parameter(show_default=False)]
Quiet = Annotated[bool, Parameter(alias="-q", show_default=False)]
Positive = Annotated[int, at_least(1)]
OptionalNumber = Annotated[float | None, Parameter(metavar="X")]
OptionalPositive = Annotated[int | None, at_least(1)]
Device = Annotated[str, Parameter(metavar="DEVICE")]
NonNegative = Annotated[int, at_least(0)]


@Parameter(name="*", group=_NETWORK)
@dataclass(frozen=True)
class WeightsOptions:
    """Which network.

    Parameters
    ----------
    ckpt
        Weights file, or timm:NAME.
    arch
        Architecture, where the file does not say: one of ours, of timm,
        torchvision:NAME, or package.module:factory.
    class_names
        Names of the network's outputs, in their order: one a line, or JSON (a list,
        or a map with indices).
    weights
        Which weights, where the file holds those of several networks: the key they
        are under, or what their names begin with.
    trust_pickle
        Load pickled files, which can run any code.
    """

    ckpt: Annotated[str | None, Parameter(metavar="FILE")] = None
    arch: Annotated[str | None, Parameter(metavar="NAME")] = None
    class_names: Annotated[Path | None, Parameter(metavar="FILE")] = None
    weights: Annotated[str | None, Parameter(metavar="NAME")] = None
    trust_pickle: Flag = False

    def open(self, *, quiet: bool = False) -> "Network":
        """Network of `--ckpt`, on the CPU where no device is asked for.

        What was assumed goes to stderr.
        """
        return network_from(quiet=quiet, **({"device": "cpu"} | asdict(self)))


@Parameter(name="*", group=_NETWORK)
@dataclass(frozen=True)
class CheckpointOptions(WeightsOptions):
    """Which network, and where it runs.

    Parameters
    ----------
    device
        auto, cpu, cuda or cuda:N.
    """

    device: Device = "auto"


@Parameter(name="*", group=_NETWORK)
@dataclass(frozen=True)
class NetworkOptions(CheckpointOptions):
    """Which network, where it runs, and what its weights are for.

    Parameters
    ----------
    like
        Our own checkpoint with the plan of the network, for which --ckpt holds weights
        alone: a pruned network that was trained on elsewhere.
    """

    like: Annotated[str | None, Parameter(metavar="FILE")] = None


@Parameter(name="*", group=_IMAGES)
@dataclass(frozen=True)
class SourceOptions:
    """Where the images come from.

    Parameters
    ----------
    data
        Image folder (one subfolder per class or wnid), tar shards ("shards/*.tar"),
        or scenes, digits, mnist, fashion-mnist, cifar10, cifar100. Default: what the
        checkpoint was trained on, then $SE_PROBE_DATA.
    data_root
        Folder that holds the files of a named data set.
    split
        Split of an image folder that has any: test (what is held out), train, or its
        own name.
    label_order
        Which output of the network each class is: the one of its number, its place
        among the sorted names, or the one of its name. Default: said in a note.
    image_size
        Side of the input; default: the network's own. Gates depend on it.
    workers
        Number of processes that read images; auto: as many as keep up with the
        network, none where one is enough.
    seed
        Random seed.
    """

    data: Annotated[str | None, Parameter(metavar="DIR")] = None
    data_root: Annotated[Path | None, Parameter(metavar="DIR")] = None
    split: Annotated[str, Parameter(metavar="NAME")] = "test"
    label_order: Literal["index", "sorted", "name"] | None = None
    image_size: Annotated[int | None, at_least(8)] = None
    workers: Workers = "auto"
    seed: NonNegative = 0


@Parameter(name="*", group=_IMAGES)
@dataclass(frozen=True)
class ImagesOptions(SourceOptions):
    """Which images, and how many at a time.

    Parameters
    ----------
    batch_size
        Images per batch.
    input_shape
        Shape of one input, such as 1,80,300, where it is no square picture.
    """

    batch_size: Positive = 32
    input_shape: Shape = None

    def resized(self, network: "Network") -> "Network":
        """The network for inputs of the size asked for, as it is then saved too."""
        size = self.image_size, self.input_shape
        return replace(network, preprocessing=network.preprocessing.resized(*size))

    def open(
        self, network: "Network", *, split: str | None = None, quiet: bool = False
    ) -> "LabelledImages":
        """Images of `--data`, of what the checkpoint names, or of `$SE_PROBE_DATA`.

        What was chosen, and which output each class is, goes to stderr.
        """
        chosen = asdict(self) | ({} if split is None else {"split": split})
        return images_for(network, quiet=quiet, **chosen)


@Parameter(name="*", group=_IMAGES)
@dataclass(frozen=True)
class SampleOptions(ImagesOptions):
    """Which images, and how many of each class.

    Parameters
    ----------
    per_class
        At most this many images of each class, evenly spaced.
    """

    per_class: OptionalPositive = None


@Parameter(name="*", group=_RUN)
@dataclass(frozen=True)
class RunOptions:
    """How the network runs.

    Parameters
    ----------
    threads
        Number of CPU threads.
    precision
        Floating-point precision.
    compile
        Use torch.compile.
    """

    threads: OptionalPositive = None
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: Flag = False


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True)
class OutputOptions:
    """What is printed.

    Parameters
    ----------
    json
        Print results as JSON.
    quiet
        Show no progress and no notes.
    """

    json: Flag = False
    quiet: Quiet = False


@Parameter(name="*", group=_NETWORK)
@dataclass(frozen=True)
class TrainingOptions:
    """What is trained, on what, and where.

    Parameters
    ----------
    arch
        Architecture: one of ours, of timm, torchvision:NAME, or
        package.module:factory.
    data
        Image folder with train/CLASS and test/CLASS, or scenes, digits, mnist,
        fashion-mnist, cifar10, cifar100.
    data_root
        Folder that holds the files of a named data set.
    device
        auto, cpu, cuda or cuda:N.
    workers
        Number of processes that read images; auto: as many as keep up with the
        network, none where one is enough.
    threads
        Number of CPU threads.
    """

    arch: Annotated[str, Parameter(metavar="NAME")] = "se_lenet"
    data: Annotated[str, Parameter(metavar="DIR")] = "digits"
    data_root: Annotated[Path | None, Parameter(metavar="DIR")] = None
    device: Device = "auto"
    workers: Workers = "auto"
    threads: OptionalPositive = None


ANY_WEIGHTS = WeightsOptions()
ANY_CHECKPOINT = CheckpointOptions()
ANY_NETWORK = NetworkOptions()
ANY_SOURCE = SourceOptions()
ANY_IMAGES = ImagesOptions()
ANY_SAMPLE = SampleOptions()
PLAIN_RUN = RunOptions()
TO_THE_READER = OutputOptions()
ANY_TRAINING = TrainingOptions()


def split_list(text: str | None) -> list[str]:
    """Parts of a comma-separated option, without blanks around them.

    Examples
    --------
    >>> split_list("goldfish, pug,,plane")
    ['goldfish', 'pug', 'plane']
    """
    return [part.strip() for part in (text or "").split(",") if part.strip()]
