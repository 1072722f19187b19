"""``se-probe prune``: a smaller checkpoint, without some of the SE blocks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from cyclopts import Parameter

from se_probe.cli.console import print_json, progress_bar, say, say_epoch
from se_probe.cli.options import (
    ANY_NETWORK,
    ANY_SAMPLE,
    TO_THE_READER,
    Flag,
    NetworkOptions,
    OptionalNumber,
    OptionalPositive,
    OutputOptions,
    Positive,
    SampleOptions,
    at_least,
    split_list,
)
from se_probe.cli.prune_report import (
    plan_facts,
    print_finetuned,
    print_plan,
    print_pruned,
    pruned_facts,
)
from se_probe.errors import ImagesError, SEProbeError, UsageError

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor

    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages
    from se_probe.pruning import (
        BudgetPlan,
        Finetuned,
        PruneOutputs,
        Runtime,
        TimeGoal,
    )
    from se_probe.training import Distillation

__all__ = ["prune"]

_N_COMPARED = 8


def prune(
    *,
    blocks: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    checkpoint: NetworkOptions = ANY_NETWORK,
    how: Literal["identity", "frozen"] | None = None,
    gates: Annotated[Path | None, Parameter(metavar="RUN.zarr")] = None,
    budget: Annotated[float | None, Parameter(metavar="POINTS")] = None,
    save: Annotated[str | None, Parameter(metavar="PERCENT")] = None,
    runtime: Annotated[str | None, Parameter(metavar="NAME")] = None,
    accept_uncertain: Flag = False,
    calibrating: Positive = 1000,
    precision: Literal["fp32", "bf16"] = "fp32",
    finetune: Annotated[int | None, at_least(1), Parameter(metavar="EPOCHS")] = None,
    lr: OptionalNumber = None,
    distill: OptionalNumber = None,
    images: SampleOptions = ANY_SAMPLE,
    threads: OptionalPositive = None,
    out: Annotated[Path | None, Parameter(metavar="PATH")] = None,
    dry_run: Flag = False,
    export: Annotated[Path | None, Parameter(metavar="FILE.onnx")] = None,
    export_code: Flag = False,
    opset: OptionalPositive = None,
    half: Flag = False,
    plain: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    force: Flag = False,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Remove SE blocks from a network, or freeze their gates and fold them away.

    --blocks says which; --budget what they may cost, --save what shall be gained. With
    --data or --gates their gates are held at the best constants that these allow.

    Parameters
    ----------
    blocks
        Blocks to remove, with commas between: SE_5_2, a module path, or a pattern such
        as 'SE_5_*'.
    how
        frozen holds gates at constants, the best on the images of --data or in --gates
        (least squares where it was recorded --with energy, else means), and folds them
        into other weights; identity removes a block as if its gates were 1. Default:
        frozen, if there is something to calibrate with.
    gates
        Gate record of this checkpoint.
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
    finetune
        Fine-tune the pruned network on the training images of --data for this many
        epochs. A run that was killed resumes after its last epoch when it is repeated.
    lr
        Learning rate of --finetune.
    distill
        Weight, from 0 to 1, of the original network's answers in the loss of
        --finetune: KL divergence at temperature 2, beside the labels.
    threads
        Number of CPU threads.
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
    from se_probe.gates import open_gates
    from se_probe.pruning import PruneOutputs
    from se_probe.running import pinned_numerics

    chooses = budget is not None or save is not None
    _check_request(
        blocks, how, gates, budget, chooses=chooses, accept_uncertain=accept_uncertain
    )
    if finetune is None and (lr is not None or distill is not None):
        raise UsageError("--lr and --distill are about --finetune; give its epochs")
    goal = _goal(save, runtime)
    if out is None and not dry_run:
        raise UsageError("where to? Give --out FILE, or --dry-run to see the plan")
    record = None if gates is None else open_gates(gates)
    network = checkpoint.open(quiet=output.quiet)
    outputs = None
    if out is not None and not dry_run:
        outputs = PruneOutputs(
            out,
            plain=plain,
            export=export,
            code=export_code,
            opset=opset,
            half=half,
            overwrite=force,
        )
        outputs.check(network)
    job = _Job(network, images, output)
    teacher = job.teacher(distill)
    job.check_finetuning(finetune)
    with pinned_numerics(threads):
        if chooses:
            pruned = job.within(
                None if budget is None else budget / 100,
                accept_uncertain=accept_uncertain,
                goal=goal,
                n_calibrating=calibrating,
                precision=precision,
            )
        else:
            is_tuned = finetune is not None
            pruned = job.drop(split_list(blocks), how, record, is_tuned, calibrating)
        if not output.json:
            print_pruned(job.facts)
        job.say_all(pruned.notes)
        if finetune is not None and not dry_run:
            pruned = job.finetuned(pruned, finetune, lr, teacher)
        if outputs is not None:
            job.write(pruned, outputs, record)
    if output.json:
        print_json(job.facts)
    if job.failures:
        written = ", ".join(job.facts["written"])
        raise SEProbeError(f"{written} written, but {'; '.join(job.failures)}")


def _check_request(
    blocks: str | None,
    how: str | None,
    gates: Path | None,
    budget: float | None,
    *,
    chooses: bool,
    accept_uncertain: bool,
) -> None:
    if (blocks is not None) == chooses:
        raise UsageError(
            "which blocks? Give --blocks NAMES, or --budget POINTS or --save PERCENT "
            "to choose them by measurement (one of them)"
        )
    if chooses and (how is not None or gates is not None):
        raise UsageError(
            "--budget and --save choose the treatment of each block and measure its "
            "constants on --data, so they go without --how and --gates"
        )
    if accept_uncertain and budget is None:
        raise UsageError("--accept-uncertain is about a --budget; give one")


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


class _Job:
    """One call of the command: its facts, and what it says on the way."""

    def __init__(
        self, network: "Network", images: SampleOptions, output: OutputOptions
    ) -> None:
        self.images, self.output = images, output
        self.network = images.resized(network)
        self.facts: dict[str, Any] = {}
        self.failures: tuple[str, ...] = ()
        # Whose partial results are needed until the network is saved.
        self.partial: list[BudgetPlan | Finetuned] = []

    def say_all(self, notes: "tuple[str, ...]") -> None:
        if not self.output.quiet:
            for note in notes:
                say(f"note: {note}")

    def check_finetuning(self, epochs: int | None) -> None:
        from se_probe.pruning import check_finetuning

        if epochs is not None:
            train = self.images.open(self.network, split="train", quiet=True)
            check_finetuning(self.network, train)

    def drop(
        self,
        names: list[str],
        how: Literal["identity", "frozen"] | None,
        record: "xr.DataArray | None",
        is_finetuned: bool,
        n_calibrating: int,
    ) -> "Network":
        from se_probe.pruning import drop_se_blocks

        samples = None
        if how != "identity" and self.images.data is not None:
            # Test images are kept to judge what training made of it.
            samples = self.images.open(
                self.network,
                split="train" if is_finetuned else None,
                quiet=self.output.quiet,
            )
            samples = self._at_most(samples, n_calibrating)
        with progress_bar("calibrating", quiet=self.output.quiet) as progress:
            pruned = drop_se_blocks(
                self.network, names, how, record, images=samples, progress=progress
            )
        self.facts = pruned_facts(self.network, pruned)
        return pruned

    def _at_most(self, samples: "LabelledImages", n: int) -> "LabelledImages":
        """Images to calibrate on, held in memory where they fit."""
        from se_probe.images import hold_images
        from se_probe.interventions import evenly

        chosen = evenly(samples, n)
        if len(chosen) < len(samples):
            note = (
                f"{len(chosen):,} of {len(samples):,} images calibrate, evenly chosen; "
                "--calibrating says how many"
            )
            self.say_all((note,))
        return hold_images(chosen)

    def within(
        self, budget: float | None, *, accept_uncertain: bool, **settings: Any
    ) -> "Network":
        from se_probe.cache import measurements_folder
        from se_probe.pruning import plan_budget, remove_blocks

        samples = self.images.open(self.network, quiet=self.output.quiet)
        with progress_bar("measuring", quiet=self.output.quiet) as progress:
            plan = plan_budget(
                self.network,
                samples,
                budget,
                seed=self.images.seed,
                partial=measurements_folder(),
                progress=progress,
                **settings,
            )
        facts = plan_facts(plan, accept_uncertain=accept_uncertain)
        if not self.output.json:
            print_plan(facts, quiet=self.output.quiet)
        self.say_all(plan.notes)
        self.partial.append(plan)
        pruned = remove_blocks(self.network, plan, accept_uncertain=accept_uncertain)
        self.facts = pruned_facts(self.network, pruned) | {"budget": facts}
        return pruned

    def teacher(self, weight: float | None) -> "Distillation | None":
        from se_probe.training import Distillation

        return None if weight is None else Distillation(self.network, weight)

    def finetuned(
        self,
        pruned: "Network",
        epochs: int,
        lr: float | None,
        teacher: "Distillation | None",
    ) -> "Network":
        from se_probe.cache import measurements_folder
        from se_probe.pruning import finetune_network

        train = self.images.open(pruned, split="train", quiet=True)
        test = self.images.open(pruned, quiet=True)
        with progress_bar("fine-tuning", quiet=self.output.quiet) as progress:
            tuned, result = finetune_network(
                pruned,
                train,
                test,
                epochs,
                lr=lr,
                distillation=teacher,
                seed=self.images.seed,
                partial=measurements_folder(),
                progress=progress,
                on_epoch=None if self.output.quiet else say_epoch,
            )
        self.facts["finetuned"] = result.facts()
        self.partial.append(result)
        self.say_all((result.note,) if result.note else ())
        if not self.output.json:
            print_finetuned(self.facts["finetuned"])
        return tuned

    def write(
        self,
        pruned: "Network",
        outputs: "PruneOutputs",
        record: "xr.DataArray | None",
    ) -> None:
        batch, compared_on = None, "noise"
        if outputs.export is not None:
            batch, compared_on = self._compared_on(pruned, record)
        written = outputs.write(pruned, batch)
        self.facts["written"] = [str(path) for path in written.paths]
        self.failures = written.failures
        if written.exported is not None:
            self.facts["exported"] = {
                "path": str(written.exported.path),
                "sizes": written.exported.sizes,
                "largest_difference": written.exported.difference,
                "compared_on": compared_on,
            }
            note = (
                f"the exported file takes {written.exported.sizes}; its logits differ "
                f"from torch by {written.exported.difference:.1g} of the largest on "
                f"{compared_on}"
            )
            self.say_all((note,))
        if not self.output.json:
            print(f"written: {', '.join(self.facts['written'])}")
        for each in self.partial:
            each.forget()

    def _compared_on(
        self, pruned: "Network", record: "xr.DataArray | None"
    ) -> "tuple[Tensor | None, str]":
        """Recorded images to compare on, where they are still there."""
        from se_probe.images import reopen_images

        if record is None or "images" not in record.attrs:
            return None, "noise"
        try:
            source = record.attrs["images"]
            images = reopen_images(source, pruned.preprocessing, batch_size=_N_COMPARED)
        except ImagesError as error:
            self.say_all((str(error),))
            return None, "noise"
        return images.batch(0), f"{min(_N_COMPARED, len(images))} recorded images"
