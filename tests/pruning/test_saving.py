"""Blocks that save the most time for the least divergence are removed first."""

import pytest

from budgets import N_IMAGES, PREPROCESSING, Noise
from se_probe.errors import SEProbeError, UsageError
from se_probe.images import open_images
from se_probe.pruning import TimeGoal, plan_budget, remove_blocks, saving

# What each block costs of a forward pass, in ms, and all that is left without them.
COSTS = {"layer1.1": 4.0, "layer2.1": 0.5, "layer3.1": 1.5}
REST = 4.0
ALL = REST + sum(COSTS.values())


@pytest.fixture
def known_times(monkeypatch):
    """A clock that shows what SE blocks cost; the list of its readings."""
    readings = []

    def served(network, runtime, pixels):
        there = dict(network.model.named_modules())
        left = {path for path in COSTS if hasattr(there[path], "fc1")}
        return sum(COSTS[path] for path in left) + REST

    def times(forwards, pixels, n_runs):
        readings.append(forwards)
        return [[each] * n_runs for each in forwards]

    monkeypatch.setattr(saving, "serve", served)
    monkeypatch.setattr(saving, "run_times", times)
    return readings


def plan_of(network, images, share, budget=None, **options):
    return plan_budget(
        network, images, budget, goal=TimeGoal(share, "eager"), **options
    )


def test_blocks_are_ordered_by_divergence_per_millisecond(
    noise_network, noise_images, known_times
):
    plan = plan_of(noise_network, noise_images, 0.9)

    rates = [each.kl / each.milliseconds for each in plan.order]
    assert rates == sorted(rates)
    assert {each.block.path: each.milliseconds for each in plan.order} == COSTS
    assert plan.saved.milliseconds == ALL


def test_removing_ends_where_enough_is_saved(noise_network, noise_images, known_times):
    plan = plan_of(noise_network, noise_images, 0.19)

    first, second = (each.block.path for each in plan.order[:2])
    assert {first, second} == {"layer2.1", "layer3.1"}
    assert plan.saved.together[-1] == pytest.approx(0.2)
    assert plan.n_removable() == plan.judged.sizes["n_blocks"] == 2
    pruned = remove_blocks(noise_network, plan)
    assert [b["path"] for b in pruned.provenance.removed_blocks] == [
        "layer2.1",
        "layer3.1",
    ]


def test_time_that_cannot_be_saved_is_said(noise_network, noise_images, known_times):
    plan = plan_of(noise_network, noise_images, 0.7)

    assert plan.saved.n_enough is None
    with pytest.raises(SEProbeError, match=r"all 3 blocks saves 60\.0 % of the time"):
        remove_blocks(noise_network, plan)


def test_budget_and_goal_must_both_hold(noise_network, noise_images, known_times):
    both = plan_of(noise_network, noise_images, 0.19, budget=0.2)
    too_much = plan_of(noise_network, noise_images, 0.5, budget=0.2)

    assert both.n_removable(accept_uncertain=True) == 2
    assert too_much.n_removable(accept_uncertain=True) == 0
    with pytest.raises(SEProbeError, match=r"2 blocks .* budget of 20 .* 20\.0 %"):
        remove_blocks(noise_network, too_much, accept_uncertain=True)


def test_what_was_timed_is_not_timed_again(
    noise_network, noise_images, known_times, tmp_path
):
    plan = plan_of(noise_network, noise_images, 0.19, partial=tmp_path)
    n_readings = len(known_times)

    again = plan_of(noise_network, noise_images, 0.19, partial=tmp_path)

    assert len(known_times) == n_readings == 3 + 1  # the first set is a block alone
    assert again.saved == plan.saved


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_that_cannot_be_meant(share):
    with pytest.raises(UsageError, match="above 0 and below 100 %"):
        TimeGoal(share)


def test_neither_budget_nor_goal(noise_network, noise_images):
    with pytest.raises(UsageError, match="a budget of accuracy, a goal of time"):
        plan_budget(noise_network, noise_images)


def test_without_known_classes_time_still_counts(noise_network, known_times):
    strange = open_images(Noise([9] * N_IMAGES), PREPROCESSING)

    plan = plan_of(noise_network, strange, 0.19)

    assert plan.n_removable() == 2
