"""Options of ``se-probe prune``: what is chosen, tuned and written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from cyclopts import Parameter

from se_probe.cli.options import (
    Flag,
    OptionalNumber,
    OptionalPositive,
    Positive,
    at_least,
)
from se_probe.errors import UsageError

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.pruning import PruneOutputs, Runtime, TimeGoal
    from se_probe.training import Distillation

__all__ = [
    "BY_NAME",
    "NO_FILES",
    "NO_TUNING",
    "ChoiceOptions",
    "FilesOptions",
    "TuningOptions",
]


@Parameter(name="*")
@dataclass(frozen=True)
class ChoiceOptions:
    """Blocks that are chosen by measurement.

    Parameters
    ----------
    budget
        Instead of --blocks: choose blocks by measurement on --data that cost at most
        this many percentage points of top-1 accuracy. Measurements are kept until they
        are used: a killed run, or the run after --dry-run, resumes with them.
    save
        Instead of --blocks, or with --budget: remove blocks until this share of the
        time of a forward pass of one image is saved (10%), those first that cost the
        least divergence per millisecond.
    runtime
        Where --save counts: eager, compile, onnxruntime (the default) or
        onnxruntime-int8.
    accept_uncertain
        With --budget: use the estimated loss instead of its upper 95 % confidence
        bound.
    calibrating
        At most this many images give the constants, and as many choose the order of
        --budget or --save.
    precision
        Floating-point precision of the measurements of --budget or --save.
    """

    budget: Annotated[float | None, Parameter(metavar="POINTS")] = None
    save: Annotated[str | None, Parameter(metavar="PERCENT")] = None
    runtime: Annotated[str | None, Parameter(metavar="NAME")] = None
    accept_uncertain: Flag = False
    calibrating: Positive = 1000
    precision: Literal["fp32", "bf16"] = "fp32"

    @property
    def is_asked(self) -> bool:
        """Whether blocks are to be chosen."""
        return self.budget is not None or self.save is not None

    def check(
        self, blocks: str | None, how: str | None, gates: Path | None
    ) -> "TimeGoal | None":
        """Check that all was meant together.

        Returns
        -------
        TimeGoal or None
            What --save asks for.

        Raises
        ------
        UsageError
            If it is invalid.
        """
        if (blocks is not None) == self.is_asked:
            raise UsageError(
                "which blocks? Give --blocks NAMES, or --budget POINTS or --save "
                "PERCENT to choose them by measurement (one of them)"
            )
        if self.is_asked and (how is not None or gates is not None):
            raise UsageError(
                "--budget and --save choose the treatment of each block and measure "
                "its constants on --data, so they go without --how and --gates"
            )
        if self.accept_uncertain and self.budget is None:
            raise UsageError("--accept-uncertain is about a --budget; give one")
        return _goal(self.save, self.runtime)


def _goal(save: str | None, runtime: str | None) -> "TimeGoal | None":
    from se_probe.pruning import TimeGoal

    if save is None:
        if runtime is not None:
            raise UsageError("--runtime is about --save; give a share of the time")
        return None
    try:
        share = float(save.strip().removesuffix("%")) / 100
    except ValueError:
        raise UsageError(
            f"--save takes a share of the time in percent, such as 10%; got {save!r}"
        ) from None
    return TimeGoal(share, cast("Runtime", runtime or "onnxruntime"))


@Parameter(name="*")
@dataclass(frozen=True)
class TuningOptions:
    """How a pruned network is trained on.

    Parameters
    ----------
    finetune
        Fine-tune the pruned network on the training images of --data for this many
        epochs. A run that was killed resumes after its last epoch when it is repeated.
    lr
        Learning rate of --finetune.
    distill
        Weight, from 0 to 1, of the original network's answers in the loss of
        --finetune: KL divergence at temperature 2, beside the labels.
    """

    finetune: Annotated[int | None, at_least(1), Parameter(metavar="EPOCHS")] = None
    lr: OptionalNumber = None
    distill: OptionalNumber = None

    def teacher(self, original: "Network") -> "Distillation | None":
        """The original network as the teacher, where that is asked for."""
        from se_probe.training import Distillation

        if self.finetune is None and (self.lr, self.distill) != (None, None):
            raise UsageError("--lr and --distill are about --finetune; give its epochs")
        return None if self.distill is None else Distillation(original, self.distill)


@Parameter(name="*")
@dataclass(frozen=True)
class FilesOptions:
    """What is written.

    Parameters
    ----------
    out
        Output file of the smaller checkpoint.
    dry_run
        Show what would be done without writing anything; --budget is still measured.
    export
        Write ONNX (FILE.onnx) or torch.export (FILE.pt2) as well.
    export_code
        Write code that builds the network without se_probe, and weights for it, beside
        --out.
    opset
        Version of the ONNX operators.
    half
        Store the weights of the ONNX file in half precision.
    plain
        Write a state dict for the network without SE blocks as well (resnet50 for
        seresnet50), if every block is gone.
    force
        Overwrite existing output.
    """

    out: Annotated[Path | None, Parameter(metavar="PATH")] = None
    dry_run: Flag = False
    export: Annotated[Path | None, Parameter(metavar="FILE.onnx")] = None
    export_code: Flag = False
    opset: OptionalPositive = None
    half: Flag = False
    plain: Annotated[Path | None, Parameter(metavar="FILE")] = None
    force: Flag = False

    def outputs(self) -> "PruneOutputs | None":
        """The files to write; None for a dry run."""
        from se_probe.pruning import PruneOutputs

        if self.dry_run:
            return None
        if self.out is None:
            raise UsageError("where to? Give --out FILE, or --dry-run to see the plan")
        return PruneOutputs(
            self.out,
            plain=self.plain,
            export=self.export,
            code=self.export_code,
            opset=self.opset,
            half=self.half,
            overwrite=self.force,
        )


BY_NAME = ChoiceOptions()
NO_TUNING = TuningOptions()
NO_FILES = FilesOptions()
