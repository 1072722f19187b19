"""Removing blocks within a budget: what is chosen, what the images can decide."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from budgets import N_IMAGES, PREPROCESSING, Noise, ThreeBlocks, three_blocks
from se_probe.blocks import find_se_blocks, held_gates
from se_probe.checkpoints import Network
from se_probe.errors import ImagesError, SEProbeError, UsageError
from se_probe.evaluation import bonett_price_interval
from se_probe.images import open_images
from se_probe.interventions import Constants
from se_probe.pruning import (
    BudgetPlan,
    RemovableBlock,
    least_images,
    plan_budget,
    remove_blocks,
)
from se_probe.pruning.plan import SHARES


@pytest.fixture(scope="module")
def network(noise_network) -> Network:
    return noise_network


@pytest.fixture(scope="module")
def images(noise_images):
    return noise_images


@pytest.fixture(scope="module")
def plan(network, images) -> BudgetPlan:
    return plan_budget(network, images, 0.2)


# --- the plan ------------------------------------------------------------------------


def test_the_block_that_needs_its_input_is_removed_last(plan):
    assert plan.order[-1].block.path == "layer1.1"
    costs = [each.kl for each in plan.order]
    assert costs == sorted(costs)
    assert costs[-1] > 10 * costs[1]


def test_gates_near_a_constant_are_frozen_and_not_taken_for_one(plan, network, images):
    by_path = {each.block.path: each for each in plan.order}

    assert by_path["layer2.1"].how == "frozen"
    assert by_path["layer2.1"].held.numpy() == pytest.approx(0.3, abs=0.03)


def test_a_plan_says_how_many_images_each_part_has(plan):
    assert (plan.n_calibrating, plan.n_choosing, plan.n_judging) == (20, 20, 60)
    assert plan.judged.attrs["n_images"] == 60
    assert plan.judged.attrs["top1"] == 1


def test_judging_ends_where_the_budget_is_exceeded(network, images, plan):
    wide = plan_budget(network, images, 0.999)
    narrow = plan_budget(network, images, 0.05)

    assert wide.judged.sizes["n_blocks"] == 3
    loss = -narrow.judged["top1_change"].values
    assert (loss[:-1] <= 0.05).all()
    assert loss[-1] > 0.05
    np.testing.assert_array_equal(loss, -wide.judged["top1_change"].values[: len(loss)])


def test_the_pruned_network_computes_what_was_judged(plan, network, images):
    pruned = remove_blocks(network, plan)

    n = plan.n_sure
    assert 1 <= n < 3
    blocks = [each.block for each in plan.order[:n]]
    pixels = images.batch(0)
    with torch.no_grad(), held_gates(network.model, blocks, plan.constants[n - 1]):
        expected = network.model(pixels)
    with torch.no_grad():
        torch.testing.assert_close(pruned.model(pixels), expected, rtol=1e-4, atol=1e-4)
    left = {block.path for block in find_se_blocks(pruned.model, pixels)}
    assert left == {each.block.path for each in plan.order[n:]}


def test_both_treatments_in_one_network(plan, network, images):
    ways = {plan.order[0].block.name: "frozen", plan.order[1].block.name: "identity"}
    mixed = replace(
        plan,
        order=tuple(
            replace(each, how=ways.get(each.block.name, each.how))
            for each in plan.order
        ),
    )

    pruned = remove_blocks(network, mixed, accept_uncertain=True)

    removed = {e["name"]: e["how"] for e in pruned.provenance.removed_blocks}
    assert removed == {name: ways[name] for name in removed}
    assert len(removed) == mixed.n_estimated >= 2


def test_progress_reaches_its_end_and_never_goes_back(network, images):
    seen = []

    plan_budget(network, images, 0.5, progress=lambda *n: seen.append(n))

    done, totals = zip(*seen, strict=True)
    assert len(set(totals)) == 1
    assert list(done) == sorted(done)
    assert done[-1] <= totals[0]


@pytest.mark.parametrize("budget", [0, 1, -0.1, float("nan")])
def test_a_budget_that_cannot_be_meant(network, images, budget):
    with pytest.raises(UsageError, match="above 0 and below 100 percentage points"):
        plan_budget(network, images, budget)


def test_a_network_at_chance_has_no_budget(network, images):
    wrong = open_images(Noise([0, 1, 2, 3] * (N_IMAGES // 4)), PREPROCESSING)

    with pytest.raises(ImagesError, match=r"cannot be told from chance \(25.0 %\)"):
        plan_budget(network, wrong, 0.1)


def test_classes_that_the_network_does_not_know(network, images):
    strange = open_images(Noise([9] * N_IMAGES), PREPROCESSING)

    with pytest.raises(ImagesError, match="no image to evaluate on is of a class"):
        plan_budget(network, strange, 0.1)


# --- what the images can decide ------------------------------------------------------


def judged(*n_lost: int, n: int = 600, budget: float = 0.01) -> BudgetPlan:
    """Plan on `n` judging images of which some are lost by each step."""
    ends = [bonett_price_interval(0, lost, n) for lost in n_lost]
    columns = {
        "top1_change": [-lost / n for lost in n_lost],
        "top1_change_low": [low for low, _ in ends],
        "top1_change_high": [high for _, high in ends],
    }
    data = xr.Dataset(
        {name: ("n_blocks", np.array(values)) for name, values in columns.items()},
        attrs={"n_known": n},
    )
    block = find_se_blocks(three_blocks(), torch.rand(2, 3, 16, 16))[0]
    order = [RemovableBlock(block, "frozen", torch.ones(8), 0.0)] * len(n_lost)
    constants = [Constants({block.name: torch.ones(8)}, "mean", 9)] * len(n_lost)
    return BudgetPlan(budget, tuple(order), tuple(constants), data, 200, 200, n)


def test_sure_is_the_first_stretch_whose_interval_is_within_the_budget():
    plan = judged(0, 1, 4, 0, 12)

    assert plan.n_sure == 2  # the fourth does not count after the third
    assert plan.n_estimated == 4


def test_so_many_images_as_needed_would_decide():
    plan = judged(3)
    assert (plan.n_sure, plan.n_estimated) == (0, 1)

    n_judging = round(plan.n_needed * SHARES[-1])

    assert n_judging > 600
    low, _ = bonett_price_interval(0, round(3 * n_judging / 600), n_judging)
    assert -low == pytest.approx(0.01, rel=0.1)


def test_no_number_of_images_helps_a_block_that_costs_too_much(network):
    plan = judged(30)

    assert plan.n_needed is None
    with pytest.raises(
        SEProbeError, match=r"no block can be removed: .* -5\.0 percentage"
    ):
        remove_blocks(network, plan, accept_uncertain=True)


def test_too_few_images_to_decide(network):
    plan = judged(3)

    with pytest.raises(SEProbeError, match="too few to decide") as error:
        remove_blocks(network, plan)

    assert f"about {plan.n_needed:,} images in all" in str(error.value)
    assert "--accept-uncertain" in str(error.value)


def test_every_row_has_the_verdict_of_its_own_interval():
    plan = judged(0, 4, 0, 12, 40)

    assert plan.verdicts == [
        "within",
        "undecided",
        "within",
        "undecided",
        "exceeded",
    ]
    assert plan.n_sure == 1


def test_the_least_number_of_images_is_where_no_change_at_all_is_just_sure():
    for budget in (0.01, 0.05, 0.3):
        n = least_images(budget)

        assert -bonett_price_interval(0, 0, n)[0] <= budget
        assert -bonett_price_interval(0, 0, n - 1)[0] > budget


def test_too_few_images_are_refused_before_the_first_pass(network, images):
    def run(done, total):
        pytest.fail("the network ran")

    with pytest.raises(
        ImagesError, match=r"60 are left for evaluation, .* takes at least 276"
    ):
        plan_budget(network, images, 0.01, progress=run)


# --- what was seen, and what is known already ----------------------------------------


def test_all_three_parts_are_kept_with_the_network(network, plan, images):
    pruned = remove_blocks(network, plan, accept_uncertain=True)

    seen = pruned.provenance.seen_images
    assert {use: len(sums) for use, sums in seen.items()} == {
        "calibrating": 20,
        "choosing": 20,
        "judging": 60,
    }
    assert sorted(name for sums in seen.values() for name in sums) == sorted(
        images.image_ids
    )


def test_a_killed_plan_resumes(network, images, plan, tmp_path):
    def killed(done, total):
        if done > 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan_budget(network, images, 0.2, partial=tmp_path, progress=killed)
    counted = Counted(network.model)
    resumed = plan_budget(
        replace(network, model=counted), images, 0.2, partial=tmp_path
    )
    first, counted.n_images = counted.n_images, 0
    again = plan_budget(replace(network, model=counted), images, 0.2, partial=tmp_path)

    for other in (resumed, again):
        xr.testing.assert_equal(other.judged, plan.judged)
        assert [each.block.name for each in other.order] == [
            each.block.name for each in plan.order
        ]
    assert 0 < first < 1000
    assert counted.n_images <= 4  # the probe that finds the blocks


def test_results_of_other_weights_are_not_taken_for_these(
    network, images, plan, tmp_path
):
    plan_budget(network, images, 0.2, partial=tmp_path)
    other = replace(network, model=copy.deepcopy(network.model))
    with torch.no_grad():
        other.model.head.weight.mul_(3)

    changed = plan_budget(other, images, 0.2, partial=tmp_path)

    assert changed.judged["kl"].values[0] != plan.judged["kl"].values[0]


class Counted(nn.Module):
    """A network that counts the images that it runs over."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        for name, child in inner.named_children():
            setattr(self, name, child)
        self.n_images = 0

    def forward(self, x):
        self.n_images += len(x)
        return ThreeBlocks.forward(self, x)


# --- what cannot be removed ----------------------------------------------------------


class WithInlined(ThreeBlocks):
    """Its last block is computed inside a module that does more."""

    class Stage(nn.Module):
        def __init__(self, conv, se):
            super().__init__()
            self.conv, self.fc1, self.fc2 = conv, se.fc1, se.fc2

        def forward(self, x):
            maps = self.conv(x)
            gate = self.fc2(self.fc1(maps.mean((2, 3), keepdim=True)).relu()).sigmoid()
            return maps * gate


def test_a_block_that_cannot_be_removed_is_left_out_before_the_passes(
    network, images, plan
):
    model = WithInlined()
    model.load_state_dict(network.model.state_dict())
    model.layer3 = WithInlined.Stage(*model.layer3)
    inlined = replace(network, model=model.eval())

    found = plan_budget(inlined, images, 0.2)

    paths = [each.block.path for each in found.order]
    assert paths == [
        each.block.path for each in plan.order if "3" not in each.block.path
    ]
    assert any("SE_3_1 cannot be removed: it is computed" in n for n in found.notes)
