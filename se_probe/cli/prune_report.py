"""What ``se-probe prune`` prints: what was removed, what it costs, what it saves."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from se_probe.cli.console import finite, print_table, say

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.pruning import BudgetPlan

__all__ = [
    "plan_facts",
    "print_finetuned",
    "print_plan",
    "print_pruned",
    "pruned_facts",
]

_COLUMNS = ("block", "module", "channels", "what becomes of it", "parameters")
_MEASURES = ("kl", "top1_change", "top1_change_low", "top1_change_high")
_VERDICTS = {
    "within": "within the budget",
    "undecided": "undecided",
    "exceeded": "not within the budget",
}
_CHANGE = "top-1 change (percentage points)"


def pruned_facts(network: "Network", pruned: "Network") -> dict[str, Any]:
    """What became of each block, and the cost before and after, in JSON types."""
    n_before = len(network.provenance.removed_blocks)
    return {
        "architecture": network.architecture,
        "checkpoint": network.provenance.checkpoint,
        "blocks": list(pruned.provenance.removed_blocks[n_before:]),
        "image_size": list(pruned.preprocessing.input_size[1:]),
        "before": _costs(network),
        "after": _costs(pruned),
        "notes": list(pruned.notes),
    }


def _costs(network: "Network") -> dict[str, int]:
    from se_probe.models import count_macs, count_parameters

    return {
        "parameters": count_parameters(network.model),
        "macs": count_macs(network.model, network.preprocessing.input_size),
    }


def print_pruned(facts: dict[str, Any]) -> None:
    """Table of the blocks that are gone, and of what that saves."""
    blocks, size = facts["blocks"], " x ".join(map(str, facts["image_size"]))
    title = f"SE blocks removed from {facts['architecture']}"
    keys = ("name", "path", "channels")
    print_table(
        title,
        [*_COLUMNS, "multiply-adds"],
        [
            [*(b[key] for key in keys), _becomes(b), b["parameters"], b["macs"]]
            for b in blocks
        ],
    )
    before, after = facts["before"], facts["after"]
    print_table(
        f"In all, at {size}",
        ["", "before", "after", "saved", "(%)"],
        [
            ["parameters", *_saving(before["parameters"], after["parameters"])],
            ["multiply-adds", *_saving(before["macs"], after["macs"])],
        ],
    )


def _saving(before: int, after: int) -> list[Any]:
    return [before, after, before - after, 100 * (before - after) / before]


def _becomes(block: dict[str, Any]) -> str:
    if block["how"] == "identity":
        return "removed"
    if block["folded_into"] == "scale":
        return "frozen, kept as a scale"
    return f"frozen, folded into {block['folded_into']}"


def plan_facts(plan: "BudgetPlan", *, accept_uncertain: bool) -> dict[str, Any]:
    """A plan in plain JSON types; losses and the budget as fractions."""
    judged = [
        {key: finite(float(plan.judged[key].values[i])) for key in _MEASURES}
        | {"verdict": None if plan.budget is None else verdict}
        for i, verdict in enumerate(plan.verdicts)
    ]
    return {
        "budget": plan.budget,
        "saved": None if plan.saved is None else asdict(plan.saved),
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
                "kl_alone": finite(float(each.kl)),
                "milliseconds_alone": each.milliseconds,
            }
            for each in plan.order
        ],
        "judged": judged,
        "n_sure": plan.n_sure,
        "n_estimated": plan.n_estimated,
        "n_needed": plan.n_needed,
        "n_removed": plan.n_removable(accept_uncertain=accept_uncertain),
        "notes": list(plan.notes),
    }


def print_plan(facts: dict[str, Any], *, quiet: bool = False) -> None:
    """What removing the first 1, 2, ... blocks costs, and how many can go."""
    parts, top1 = facts["images"], facts["top1"]
    accuracy = (
        "of classes that the network does not know"
        if top1 is None
        else f"top-1 {100 * top1:.1f} % of {facts['n_known']:,}"
    )
    columns = ["blocks", "and", "how", "KL alone", "KL", _CHANGE]
    saved = facts["saved"]
    if saved is not None:
        columns += ["ms saved alone", f"time saved in {saved['runtime']} (%)"]
    if facts["budget"] is not None:
        columns.append("")
    print_table(
        f"Removing the first 1, 2, ... blocks, evaluated on {parts['judging']:,} "
        f"images ({accuracy}); constants from {parts['calibrating']:,} others, order "
        f"from {parts['choosing']:,} others",
        columns,
        [_row(facts, n) for n in range(len(facts["judged"]))],
    )
    if facts["n_removed"]:
        _print_removed(facts)
    n_unsure = facts["n_estimated"] - facts["n_sure"]
    is_open = n_unsure and saved is None and facts["n_needed"] is not None
    if facts["n_removed"] and is_open and not quiet:
        say(
            f"note: by the estimate alone {facts['n_estimated']} blocks are within the "
            f"budget; about {facts['n_needed']:,} images would decide on one more than "
            f"{facts['n_sure']}"
        )


def _row(facts: dict[str, Any], n: int) -> list[Any]:
    each, cost = facts["order"][n], facts["judged"][n]
    row = [n + 1, each["name"], each["how"], each["kl_alone"], cost["kl"]]
    row.append(_change(cost))
    if facts["saved"] is not None:
        row += [each["milliseconds_alone"], 100 * facts["saved"]["together"][n]]
    if facts["budget"] is not None:
        row.append(_VERDICTS[cost["verdict"]])
    return row


def _print_removed(facts: dict[str, Any]) -> None:
    n_removed, saved = facts["n_removed"], facts["saved"]
    change = _change(facts["judged"][n_removed - 1])
    gained = ""
    if saved is not None:
        share = 100 * saved["together"][n_removed - 1]
        gained = f" and {share:.1f} % of the time in {saved['runtime']} is saved"
    within = ""
    if facts["budget"] is not None:
        is_sure = n_removed <= facts["n_sure"]
        how_sure = "with 95 % confidence" if is_sure else "by the estimate alone"
        within = f", within the budget of {100 * facts['budget']:g} {how_sure}"
    print(
        f"{n_removed} of {len(facts['order'])} blocks go: top-1 changes by {change} "
        f"percentage points{within}{gained}"
    )


def print_finetuned(facts: dict[str, Any]) -> None:
    """Held-out accuracy before and after fine-tuning."""
    epochs = "1 epoch" if facts["epochs"] == 1 else f"{facts['epochs']} epochs"
    print(
        f"fine-tuned for {epochs} on {facts['n_train']:,} images: accuracy on "
        f"{facts['n_test']:,} held-out images from {_percent(facts['top1_before'])} to "
        f"{_percent(facts['top1_after'])}"
    )


def _change(cost: dict[str, Any]) -> str:
    if cost["top1_change"] is None:
        return "-"
    change, low, high = (
        100 * cost[f"top1_change{end}"] for end in ("", "_low", "_high")
    )
    return f"{change:+.1f} ({low:+.1f} to {high:+.1f})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
