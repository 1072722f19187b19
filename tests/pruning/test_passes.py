"""Passes of a plan: images are decoded as seldom as memory allows."""

from collections import Counter
from dataclasses import replace

import pytest
import xarray as xr

from se_probe.pruning import passes, plan_budget


@pytest.fixture
def counted(noise_images):
    """The images, and how often each was decoded."""
    decoded = Counter()

    def read(index):
        decoded[noise_images.image_ids[index]] += 1
        return noise_images.pictures.read(index)

    pictures = replace(noise_images.pictures, read=read)
    return replace(noise_images, pictures=pictures), decoded


def test_images_that_fit_into_memory_are_decoded_once(noise_network, counted):
    images, decoded = counted

    plan = plan_budget(noise_network, images, 0.999)

    assert plan.judged.sizes["n_blocks"] == 3
    # Once more for the sums of their bytes, and the first batch to find the blocks.
    at_first = images.image_ids[: images.batch_size]
    more = {n for image_id, n in decoded.items() if image_id not in at_first}
    assert more == {2}
    assert max(decoded.values()) == 3


@pytest.fixture
def unheld(monkeypatch):
    """Memory that holds no images."""
    monkeypatch.setattr(passes, "hold_images", lambda images: images)


@pytest.mark.parametrize("budget", [0.05, 0.2, 0.999])
def test_sets_that_are_judged_in_one_pass_give_the_same_plan(
    noise_network, noise_images, budget, monkeypatch
):
    one_by_one = plan_budget(noise_network, noise_images, budget)
    monkeypatch.setattr(passes, "hold_images", lambda images: images)

    together = plan_budget(noise_network, noise_images, budget)

    xr.testing.assert_equal(together.judged, one_by_one.judged)
    assert len(together.constants) == len(one_by_one.constants)


def test_larger_images_are_decoded_once_for_several_sets(
    noise_network, counted, unheld
):
    images, decoded = counted

    plan = plan_budget(noise_network, images, 0.999)

    judging = plan.seen["judging"]
    later = set(judging) - set(images.image_ids[: images.batch_size])
    # The one pass that judges three sets of blocks, and the sums of their bytes.
    assert {decoded[image_id] for image_id in later} == {2}


def test_many_images_leave_most_to_judge(noise_network, noise_images):
    plan = plan_budget(noise_network, noise_images, 0.2, n_calibrating=10)

    assert (plan.n_calibrating, plan.n_choosing, plan.n_judging) == (10, 10, 80)


def test_half_precision_is_kept_apart(noise_network, noise_images, tmp_path):
    settings = {"partial": tmp_path}
    full = plan_budget(noise_network, noise_images, 0.2, **settings)

    half = plan_budget(noise_network, noise_images, 0.2, precision="bf16", **settings)

    assert half.judged["kl"].values[0] != full.judged["kl"].values[0]
    assert half.judged["kl"].values[0] == pytest.approx(
        full.judged["kl"].values[0], abs=0.05
    )
