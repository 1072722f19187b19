"""What is typed for ``se-probe plot``: which images, how figures look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from se_probe.cli.options import OptionalPositive, SourceOptions, at_least, split_list
from se_probe.errors import UsageError

if TYPE_CHECKING:
    from se_probe.plots import Look

__all__ = [
    "DrawnImagesOptions",
    "LookOptions",
    "batch_numbers",
    "channel_choice",
    "check_choices",
    "image_choice",
]

# The SENet paper's fifty images of a class; a few of each other for the grey curve.
_PER_CLASS, _OTHERS = 50, 5
_BATCH_SIZE, _DRAWN_BATCH_SIZE = 32, 100


@Parameter(name="*", group=Group("Images", sort_key=2))
@dataclass(frozen=True)
class DrawnImagesOptions(SourceOptions):
    """Which images are recorded to be drawn, with --ckpt.

    Parameters
    ----------
    per_class
        Images of each requested class (with --ckpt). Default: 50.
    others
        Images of every other class, for the grey curve (with --ckpt). Default: 5.
    batch_size
        Images per batch. Default: 32, or 100 with --batches.
    """

    per_class: OptionalPositive = None
    others: Annotated[int | None, at_least(0)] = None
    batch_size: OptionalPositive = None


@Parameter(name="*", group=Group("Look", sort_key=4))
@dataclass(frozen=True)
class LookOptions:
    """How the figures look.

    Parameters
    ----------
    cmap
        Colour map of the heatmaps.
    limits
        Gates at the ends of the heatmaps' colour bars, such as 0,1; or own: each
        block's 1st and 99th percentile.
    channel_order
        Channels of the heatmaps in the network's order, or side by side by the class
        that opens them most (sorted on the images that are drawn).
    width
        Width of the figures: page (7 inches), column (3.5 inches) or inches.
    title
        Title over all panels.
    style
        A .mplstyle file with fonts, sizes, colours of axes and so on.
    """

    cmap: Annotated[str, Parameter(metavar="NAME")] = "viridis"
    limits: Annotated[
        str, Parameter(metavar="own|LOW,HIGH", allow_leading_hyphen=True)
    ] = "own"
    channel_order: Literal["index", "class"] = "index"
    width: Annotated[str, Parameter(metavar="page|column|INCHES")] = "page"
    title: Annotated[str, Parameter(metavar="TEXT")] = ""
    style: Annotated[str | None, Parameter(metavar="FILE.mplstyle")] = None

    def look(self) -> "Look":
        """What the painters take.

        Returns
        -------
        Look

        Raises
        ------
        UsageError
            If something cannot be drawn so.
        """
        from se_probe.plots import Look

        found = Look(
            cmap=self.cmap,
            limits=_limits(self.limits),
            width=_width(self.width),
            title=self.title,
            style=self.style,
        )
        found.check()
        return found


def check_choices(figures: str, formats: str) -> list[str]:
    """Figures of `--figures`, after a look at both options."""
    from se_probe.plots import ALL_FIGURES, FORMATS

    for option, text, known in (
        ("--figures", figures, ALL_FIGURES),
        ("--format", formats, FORMATS),
    ):
        chosen = split_list(text)
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            raise UsageError(
                f"{option} takes some of {', '.join(known)}, separated by commas; got "
                f"{', '.join(unknown) or 'nothing'}"
            )
    return split_list(figures)


def batch_numbers(text: str | None, figures: Sequence[str]) -> list[int]:
    """Numbers of `--batches`, in the order given, each once."""
    if text is None:
        return []
    numbers = split_list(text)
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


def image_choice(
    batches: Sequence[int],
    per_class: int | None,
    others: int | None,
    batch_size: int | None,
) -> dict[str, Any]:
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
        "batches": tuple(batches),
    }


def channel_choice(text: str) -> int | Literal["all"] | list[int]:
    """How many channels of each block `--channels` means, or which."""
    if text == "all":
        return "all"
    numbers = split_list(text)
    if "," in text and numbers and all(number.isdecimal() for number in numbers):
        return [int(number) for number in numbers]
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(
            "--channels takes a number from 1, all, or channels such as 0,3,5; got "
            f"{text!r}"
        )
    return int(text)


def _limits(text: str) -> Literal["own"] | tuple[float, float]:
    if text == "own":
        return "own"
    try:
        low, high = (float(end) for end in text.split(","))
    except ValueError:
        raise UsageError(
            f"--limits takes own, or two gates such as 0,1; got {text!r}"
        ) from None
    return low, high


def _width(text: str) -> Literal["page", "column"] | float:
    if text == "page":
        return "page"
    if text == "column":
        return "column"
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"--width takes page, column or a number of inches; got {text!r}"
        ) from None
