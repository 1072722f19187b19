"""Carry out a plan: remove the blocks that it found to be removable."""

from collections.abc import Sequence
from dataclasses import replace

from se_probe.checkpoints import Network
from se_probe.errors import SEProbeError
from se_probe.interventions import Constants, with_seen
from se_probe.pruning.drop import How, drop_se_blocks
from se_probe.pruning.plan import BudgetPlan, RemovableBlock, refusal

__all__ = ["remove_blocks", "without"]


def remove_blocks(
    network: Network, plan: BudgetPlan, *, accept_uncertain: bool = False
) -> Network:
    """Copy of a network without the blocks that a plan found to be removable.

    Parameters
    ----------
    network : Network
        That of the plan.
    plan : BudgetPlan
    accept_uncertain : bool, default False
        Use the estimated loss instead of its upper 95 % confidence bound.

    Returns
    -------
    Network
        As from :func:`drop_se_blocks`. It keeps which images have calibrated, chosen
        and judged.

    Raises
    ------
    SEProbeError
        If not even one block can go, the images are too few to tell, or the time that
        was asked for is not saved.
    """
    n = plan.n_removable(accept_uncertain=accept_uncertain)
    if not n:
        raise SEProbeError(refusal(plan, accept_uncertain=accept_uncertain))
    if plan.preprocessing is not None:
        network = replace(network, preprocessing=plan.preprocessing)
    pruned = without(network, plan.order[:n], plan.constants[n - 1])
    seen = with_seen(network.provenance.seen_images, plan.seen)
    return replace(pruned, provenance=replace(pruned.provenance, seen_images=seen))


def without(
    network: Network, chosen: Sequence[RemovableBlock], constants: Constants
) -> Network:
    """Copy of a network without some blocks, each removed in its own way.

    Parameters
    ----------
    network : Network
    chosen : sequence of RemovableBlock
    constants : Constants
        What the gates of the frozen ones become, by block name.

    Returns
    -------
    Network
    """
    by_path = {each.block.path: constants[each.block.name] for each in chosen}
    ways: list[tuple[How, Constants | None]] = [
        ("frozen", replace(constants, by_block=by_path, skipped=())),
        ("identity", None),
    ]
    notes: list[str] = []
    pruned = network
    for how, given in ways:
        paths = [each.block.path for each in chosen if each.how == how]
        if paths:
            pruned = drop_se_blocks(pruned, paths, how, constants=given)
            notes += pruned.notes
    return replace(pruned, notes=tuple(notes))
