"""The steps of ``se-probe prune``: their progress, notes and results."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from se_probe.cli.console import progress_bar, say, say_epoch
from se_probe.cli.options import OutputOptions, SampleOptions
from se_probe.cli.prune_options import ChoiceOptions
from se_probe.cli.prune_report import (
    plan_facts,
    print_finetuned,
    print_plan,
    print_pruned,
    pruned_facts,
)

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages
    from se_probe.pruning import BudgetPlan, Finetuned, PruneOutputs, TimeGoal
    from se_probe.training import Distillation

__all__ = ["PruneJob"]

_N_COMPARED = 8


class PruneJob:
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
        """Notes on stderr."""
        if not self.output.quiet:
            for note in notes:
                say(f"note: {note}")

    def check_finetuning(self, epochs: int | None) -> None:
        """Check that the network can be trained on its images, before any work."""
        from se_probe.pruning import check_finetuning

        if epochs is not None:
            train = self.images.open(self.network, split="train", quiet=True)
            check_finetuning(self.network, train)

    def check_blocks(self) -> None:
        """Refuse a network in which anything looks like a block and is none."""
        from se_probe.blocks import examine_network
        from se_probe.pruning import noise_images

        examine_network(self.network.model, noise_images(self.network), strict=True)

    def drop(
        self,
        names: list[str],
        how: Literal["identity", "frozen"] | None,
        record: "xr.DataArray | None",
        is_finetuned: bool,
        n_calibrating: int,
    ) -> "Network":
        """Network without the blocks that were named."""
        from se_probe.pruning import drop_se_blocks

        samples = None
        if how != "identity" and self.images.data is not None:
            # Test images are kept to evaluate what training made of it.
            samples = self.images.open(
                self.network,
                split="train" if is_finetuned else None,
                quiet=self.output.quiet,
            )
            samples = self._at_most(samples, n_calibrating)
            self._take(samples)
        with progress_bar("calibrating", quiet=self.output.quiet) as progress:
            pruned = drop_se_blocks(
                self.network, names, how, record, images=samples, progress=progress
            )
        self.facts = pruned_facts(self.network, pruned)
        return pruned

    def show_pruned(self, pruned: "Network") -> None:
        """What became of each block."""
        if not self.output.json:
            print_pruned(self.facts)
        self.say_all(pruned.notes)

    def _take(self, samples: "LabelledImages") -> None:
        """Tensors of a Dataset have a shape of their own."""
        self.network = replace(self.network, preprocessing=samples.preprocessing)

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

    def within(self, choice: ChoiceOptions, goal: "TimeGoal | None") -> "Network":
        """Network without the blocks that a budget or a goal of time allows."""
        from se_probe.cache import measurements_folder
        from se_probe.pruning import plan_budget, remove_blocks

        samples = self.images.open(self.network, quiet=self.output.quiet)
        self._take(samples)
        with progress_bar("measuring", quiet=self.output.quiet) as progress:
            plan = plan_budget(
                self.network,
                samples,
                None if choice.budget is None else choice.budget / 100,
                goal=goal,
                n_calibrating=choice.calibrating,
                precision=choice.precision,
                seed=self.images.seed,
                partial=measurements_folder(),
                progress=progress,
            )
        uncertain = choice.accept_uncertain
        facts = plan_facts(plan, accept_uncertain=uncertain)
        if not self.output.json:
            print_plan(facts, quiet=self.output.quiet)
        self.say_all(plan.notes)
        self.partial.append(plan)
        pruned = remove_blocks(self.network, plan, accept_uncertain=uncertain)
        self.facts = pruned_facts(self.network, pruned) | {"budget": facts}
        return pruned

    def finetuned(
        self,
        pruned: "Network",
        epochs: int,
        lr: float | None,
        teacher: "Distillation | None",
    ) -> "Network":
        """The pruned network, trained on."""
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
        """Write the network in all its forms, and say what was written."""
        from se_probe.pruning import recorded_images

        batch = None
        if outputs.export is not None and record is not None:
            batch = recorded_images(record, pruned.preprocessing, _N_COMPARED)
        compared_on = "noise" if batch is None else f"{len(batch)} recorded images"
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
