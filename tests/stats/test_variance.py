"""Where the variance of the gates comes from."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from records import noisy_gates, one_channel, shuffled
from se_probe.gates import make_gates
from se_probe.stats import (
    class_moments,
    input_dependence,
    variance_shares,
)

SHARES = ["within", "between", "between_channels", "class_share"]


def test_variance_shares_of_unequal_classes_worked_out_by_hand():
    # Class means 0.25 (n 2) and 0.75 (n 4), overall 3.5 / 6 = 7 / 12.
    # SSW = 2 / 64 + 4 / 64 = 3 / 32; within = SSW / (6 - 2) = 3 / 128.
    # SSB = 2 (1/3)**2 + 4 (1/6)**2 = 1 / 3; n0 = 6 - (4 + 16) / 6 = 8 / 3.
    # between = (1/3 - 3/128) / (8/3) = 119 / 1024.
    record = one_channel([0.125, 0.375], [0.625, 0.875, 0.625, 0.875])

    shares = variance_shares(class_moments(record))

    total = 24 / 1024 + 119 / 1024
    assert shares["within"].item() == pytest.approx(24 / 1024 / total)
    assert shares["between"].item() == pytest.approx(119 / 1024 / total)
    assert shares["between_channels"].item() == 0
    assert shares["class_share"].item() == pytest.approx(119 / 143)
    assert shares["class_share_images"].item() == 6
    assert shares["class_share_classes"].item() == 2


def test_constant_offsets_between_channels_have_no_say_in_the_class_share():
    record = noisy_gates([8, 9, 7], effect=0.05, channels=(20,))
    offsets = np.linspace(-0.3, 0.3, 20)

    plain, moved = (
        variance_shares(class_moments(each)) for each in (record, record + offsets)
    )

    assert moved["class_share"].item() == pytest.approx(plain["class_share"].item())
    assert moved["between"].item() < 0.5 * plain["between"].item()


def test_variance_between_channels_worked_out_by_hand():
    # Each channel: classes apart by 0.5 without spread within, so SSB = 4 / 16 and
    # between = SSB / 1 / n0 = 0.25 / 2 = 1 / 8; channel means 0.25 and 0.75, so
    # between channels = 2 / 16. Two channels: 2 / 8 against 1 / 8.
    values = [[0.0, 0.5], [0.0, 0.5], [0.5, 1.0], [0.5, 1.0]]
    record = make_gates({"SE_2_1": values}, ["a", "a", "b", "b"])

    shares = variance_shares(class_moments(record))

    assert shares["within"].item() == 0
    assert shares["class_share"].item() == 1
    assert shares["between"].item() == pytest.approx(2 / 3)
    assert shares["between_channels"].item() == pytest.approx(1 / 3)


def test_variance_components_agree_with_scipy_anova():
    record = noisy_gates([12, 12, 12, 12], effect=0.04, channels=(1, 1, 1))

    shares = variance_shares(class_moments(record))

    groups = np.split(record.values.astype(np.float64), 4)
    f_ratio = scipy.stats.f_oneway(*groups).statistic
    # F = (within + n between) / within where all classes have n images.
    assert (f_ratio > 1).all()
    np.testing.assert_allclose(
        shares["between"] / shares["within"], (f_ratio - 1) / 12, rtol=1e-9
    )


def test_variance_components_find_the_truth_behind_unequal_classes():
    sizes = np.random.default_rng(1).integers(2, 30, size=300)
    record = noisy_gates(sizes, effect=0.1, channels=(64,))

    shares = variance_shares(class_moments(record))

    ratio = (shares["between"] / shares["within"]).item()
    assert ratio == pytest.approx(0.1**2 / 0.05**2, rel=0.05)


def test_classes_of_one_image_have_no_say_in_variance_shares():
    few = one_channel([0.1, 0.3], [0.5, 0.6])
    more = one_channel([0.1, 0.3], [0.5, 0.6], [0.9])

    shares = variance_shares(class_moments(more))

    xr.testing.assert_identical(shares, variance_shares(class_moments(few)))


def test_classes_more_alike_than_chance_would_have_them_share_no_variance():
    # Equal class means; the estimate without the cut would be (0 - within) / 2.
    record = one_channel([0.25, 0.75], [0.25, 0.75])

    shares = variance_shares(class_moments(record))

    assert shares["between"].item() == 0
    assert shares["within"].item() == 1


def test_variance_shares_sum_to_one():
    record = noisy_gates([4, 9, 2, 7], effect=0.02)

    shares = variance_shares(class_moments(record))

    parts = shares[["within", "between", "between_channels"]].to_array()
    np.testing.assert_allclose(parts.sum("variable"), 1, rtol=1e-12)
    assert (parts >= 0).all()


@pytest.mark.parametrize("n_per_class", [2, 3, 50])
def test_variance_between_shuffled_classes_is_near_zero(n_per_class):
    record = shuffled(noisy_gates([n_per_class] * 300, effect=0.1, channels=(64, 64)))

    shares = variance_shares(class_moments(record))

    assert (shares["between"] < 0.02).all()


@pytest.mark.parametrize("groups", [([0.1, 0.2],), ([0.1], [0.2]), ([0.1, 0.2], [0.3])])
def test_variance_shares_are_nan_without_two_classes_of_two_images(groups):
    record = one_channel(*groups)

    shares = variance_shares(class_moments(record))

    assert shares["block"].values.tolist() == ["SE_2_1"]
    assert shares[SHARES].isnull().all().to_array().all()


def test_variance_shares_of_a_constant_block_are_nan():
    record = one_channel([0.3, 0.3], [0.3, 0.3])

    shares = variance_shares(class_moments(record))

    assert shares[SHARES].isnull().all().to_array().all()


def test_input_dependence_worked_out_by_hand():
    # Channel 1: 0 and 1, Var 1/4, E[g**2] 1/2. Channel 2: 0.5, Var 0, E[g**2] 1/4.
    record = make_gates({"SE_2_1": [[0.0, 0.5], [1.0, 0.5]]}, ["pug", "cliff"])

    dependence = input_dependence(class_moments(record))

    assert dependence.item() == pytest.approx((1 / 4) / (3 / 4))


def test_input_dependence_agrees_with_the_variance_over_all_images():
    record = noisy_gates([1, 2, 20, 1], effect=0.1)

    dependence = input_dependence(class_moments(record))

    rows = record.values.astype(np.float64)
    blocks = np.split(rows, [8], axis=1)
    expected = [
        block.var(axis=0).sum() / (block**2).mean(axis=0).sum() for block in blocks
    ]
    np.testing.assert_allclose(dependence, expected, rtol=1e-12)


def test_input_dependence_does_not_depend_on_the_labels():
    record = noisy_gates([4, 8, 3], effect=0.1)

    dependence = input_dependence(class_moments(shuffled(record)))

    np.testing.assert_allclose(
        dependence, input_dependence(class_moments(record)), rtol=1e-12
    )


@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0])
def test_constant_gates_do_not_depend_on_the_input(gate):
    record = one_channel([gate] * 3, [gate] * 2)

    assert input_dependence(class_moments(record)).item() == 0


def test_input_dependence_of_one_image_is_nan():
    record = one_channel([0.3])

    assert np.isnan(input_dependence(class_moments(record)).item())
