"""What ``se-probe prune`` does with images: plan within a budget, and fine-tune."""

from typing import TYPE_CHECKING, Any

from se_probe.cli.console import print_table, progress_bar, say, say_epoch
from se_probe.cli.options import ImagesOptions

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.interventions import Constants
    from se_probe.pruning import BudgetPlan

__all__ = [
    "calibrated",
    "finetuned",
    "plan_facts",
    "planned",
    "print_finetuned",
    "print_plan",
]

_VERDICTS = {
    "within": "within the budget",
    "undecided": "undecided",
    "exceeded": "not within the budget",
}
_MEASURES = ("kl", "top1_change", "top1_change_low", "top1_change_high")


def calibrated(
    network: "Network",
    images: ImagesOptions,
    blocks: list[str],
    *,
    quiet: bool,
) -> "Constants":
    """Constants for `--how frozen` from the images of `--data`, by block name."""
    from se_probe.blocks import find_se_blocks
    from se_probe.gates import match_blocks
    from se_probe.interventions import sequential_constants

    samples = images.open(network)
    found = find_se_blocks(network.model, samples.batch(0))
    names = match_blocks(blocks, [block.facts() for block in found])
    chosen = [block for block in found if block.name in names]
    with progress_bar("calibrating", quiet=quiet) as progress:
        constants = sequential_constants(network, samples, chosen, progress=progress)
    return constants


def planned(
    network: "Network",
    images: ImagesOptions,
    budget: float,
    seed: int,
    *,
    quiet: bool,
) -> "BudgetPlan":
    """Plan for `--budget`, measured on the images of `--data`."""
    from se_probe.pruning import plan_budget

    samples = images.open(network)
    with progress_bar("measuring", quiet=quiet) as progress:
        return plan_budget(network, samples, budget, seed=seed, progress=progress)


def plan_facts(plan: "BudgetPlan", *, accept_uncertain: bool) -> dict[str, Any]:
    """A plan in plain JSON types; losses and the budget as fractions."""
    judged = [
        {key: float(plan.judged[key].values[i]) for key in _MEASURES}
        | {"verdict": verdict}
        for i, verdict in enumerate(plan.verdicts)
    ]
    return {
        "budget": plan.budget,
        "images": {
            "calibrating": plan.n_calibrating,
            "choosing": plan.n_choosing,
            "judging": plan.n_judging,
        },
        "top1": plan.judged.attrs["top1"],
        "n_known": plan.judged.attrs["n_known"],
        "order": [
            {
                "name": each.block.name,
                "path": each.block.path,
                "how": each.how,
                "kl_alone": each.kl,
            }
            for each in plan.order
        ],
        "judged": judged,
        "n_sure": plan.n_sure,
        "n_estimated": plan.n_estimated,
        "n_needed": plan.n_needed,
        "n_removed": plan.n_estimated if accept_uncertain else plan.n_sure,
    }


def print_plan(facts: dict[str, Any]) -> None:
    """What removing the first 1, 2, ... blocks costs, and how many can go."""
    parts = facts["images"]
    points = 100 * facts["budget"]
    print_table(
        f"Removing the first 1, 2, ... blocks, judged on {parts['judging']:,} images "
        f"(top-1 {100 * facts['top1']:.1f} % of {facts['n_known']:,}); constants from "
        f"{parts['calibrating']:,} others, order from {parts['choosing']:,} others",
        [
            "blocks",
            "and",
            "how",
            "KL alone",
            "KL",
            "top-1 change (percentage points)",
            "",
        ],
        [
            [
                n + 1,
                each["name"],
                each["how"],
                each["kl_alone"],
                cost["kl"],
                _change(cost),
                _verdict(facts, n),
            ]
            for n, (each, cost) in enumerate(
                zip(facts["order"], facts["judged"], strict=False)
            )
        ],
    )
    n_blocks, n_removed = len(facts["order"]), facts["n_removed"]
    if n_removed:
        cost = facts["judged"][n_removed - 1]
        print(
            f"{n_removed} of {n_blocks} blocks go: top-1 changes by {_change(cost)} "
            f"points, within the budget of {points:g}"
        )
    n_unsure = facts["n_estimated"] - facts["n_sure"]
    if n_removed and n_unsure and facts["n_needed"] is not None:
        say(
            f"note: by the estimate alone {facts['n_estimated']} blocks are within the "
            f"budget; about {facts['n_needed']:,} images would decide on one more than "
            f"{facts['n_sure']}"
        )


def finetuned(
    pruned: "Network",
    images: ImagesOptions,
    epochs: int,
    run: dict[str, Any],
    *,
    quiet: bool,
) -> tuple["Network", dict[str, Any]]:
    """The pruned network trained on; held-out accuracy before and after."""
    from se_probe.evaluation import evaluate
    from se_probe.running import pinned_numerics
    from se_probe.training import (
        check_is_split,
        finetuning_recipe,
        train_network,
    )

    train, test = (images.open(pruned, split=split) for split in ("train", "test"))
    check_is_split(train)
    with pinned_numerics(run["threads"]):
        before = evaluate(pruned, test, n_timed=0).network.top1
    with progress_bar("fine-tuning", quiet=quiet) as progress:
        pruned, history = train_network(
            pruned,
            train,
            test,
            finetuning_recipe(epochs, run["seed"]),
            threads=run["threads"],
            progress=progress,
            on_epoch=None if quiet else say_epoch,
        )
    facts = {
        "epochs": epochs,
        "n_train": len(train),
        "n_test": len(test),
        "top1_before": None if before is None else before.share,
        "top1_after": history[-1]["test_accuracy"],
    }
    return pruned, facts


def print_finetuned(facts: dict[str, Any]) -> None:
    """Held-out accuracy before and after fine-tuning."""
    before = facts["top1_before"]
    print(
        f"fine-tuned for {facts['epochs']} epochs on {facts['n_train']:,} images: "
        f"held-out accuracy from {_percent(before)} to {_percent(facts['top1_after'])} "
        f"of {facts['n_test']:,} images"
    )


def _verdict(facts: dict[str, Any], n: int) -> str:
    return _VERDICTS[facts["judged"][n]["verdict"]]


def _change(cost: dict[str, Any]) -> str:
    change, low, high = (
        100 * cost[f"top1_change{end}"] for end in ("", "_low", "_high")
    )
    return f"{change:+.1f} ({low:+.1f} to {high:+.1f})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
