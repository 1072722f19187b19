"""How well the gates of one block tell the classes apart."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from sklearn.neighbors import NearestCentroid

from records import noisy_gates, one_channel, shuffled
from se_probe.errors import UsageError
from se_probe.gates import State, make_gates
from se_probe.stats import (
    balanced,
    class_moments,
    separability,
    wilson_interval,
)


def test_separability_of_two_classes_worked_out_by_hand():
    # 0.6 is 0.6 from the mean 0 of the rest of its class, and 0.19 from 0.79: a miss.
    # 0.5 is 0.3625 from the mean 0.8625 of the rest, and 0.38 from 0.12: a hit.
    record = one_channel([0.0, 0.0, 0.0, 0.0, 0.6], [0.5, 0.85, 0.85, 0.85, 0.9])

    result = separability(record)

    assert result["separability"].item() == 0.9
    assert result["chance"].item() == 0.5
    assert (
        result["separability_images"].item(),
        result["separability_classes"].item(),
    ) == (10, 2)
    interval = (result["separability_low"].item(), result["separability_high"].item())
    assert interval == wilson_interval(9, 10)


def test_an_image_does_not_vote_for_its_own_class():
    # With itself, 0.45 is 0.36 from the mean 0.09 of its class and 0.38 from 0.83;
    # without itself, 0.45 from the mean 0.
    record = one_channel([0.0, 0.0, 0.0, 0.0, 0.45], [0.83] * 5)

    assert separability(record)["separability"].item() == 0.9


@pytest.mark.parametrize("effect", [0, 0.03])
def test_separability_agrees_with_leaving_out_each_image_in_scikit_learn(effect):
    record = noisy_gates([7, 7, 7], effect, channels=(3, 6))

    accuracy = separability(record)["separability"].values

    labels = record["class_name"].values.astype(str)
    for found, gates in zip(
        accuracy, np.split(record.values, [3], axis=1), strict=True
    ):
        hits = [
            NearestCentroid()
            .fit(np.delete(gates, i, 0).astype(np.float64), np.delete(labels, i))
            .predict(gates[[i]])[0]
            == labels[i]
            for i in range(len(labels))
        ]
        assert found == pytest.approx(np.mean(hits))


def test_separability_is_1_where_classes_lie_apart_by_less_than_rounding_of_squares():
    rng = np.random.default_rng(0)
    values = 0.9 + 1e-9 * rng.normal(size=(3, 400)).repeat(6, axis=0)
    names = np.repeat(["a", "b", "c"], 6)
    record = make_gates({"SE_2_1": values}, names).copy(data=values)

    assert separability(record)["separability"].item() == 1


def test_shuffled_labels_are_told_apart_no_better_than_by_chance():
    record = shuffled(noisy_gates([100] * 10, effect=0.1, channels=(8, 32)))

    result = separability(record)

    np.testing.assert_allclose(result["separability"], 0.1, atol=0.03)
    np.testing.assert_allclose(result["chance"], 0.1)


def test_unequal_classes_count_as_many_images_each():
    record = shuffled(noisy_gates([300, 60, 40], effect=0, channels=(200,)))

    result = separability(record)

    assert result["separability_images"].item() == 3 * 40
    assert result["chance"].item() == pytest.approx(1 / 3)
    assert result["separability_low"] < 1 / 3 < result["separability_high"]


def test_a_few_large_classes_do_not_pull_separability_below_chance():
    # Fifty images of two requested classes, five of each of forty others.
    record = noisy_gates([50, 50] + [5] * 40, effect=0.0, channels=(30,))

    result = separability(record)

    assert result["chance"].item() == pytest.approx(1 / 42)
    assert result["separability_high"].item() > result["chance"].item()


def test_balanced_takes_the_first_images_of_each_large_class():
    record = one_channel([0.1] * 8, [0.2] * 6, [0.3] * 2)

    same = balanced(record)

    taken = np.flatnonzero(same["state"] == State.RECORDED)
    assert taken.tolist() == [*range(6), *range(8, 14)]
    assert (record["state"] == State.RECORDED).all()


def test_classes_of_fewer_than_five_images_take_no_part_in_separability():
    large = [0.1] * 5, [0.9] * 5
    record = one_channel(*large, [0.12] * 4)

    result = separability(record)

    assert result["separability"].item() == 1
    assert (
        result["separability_images"].item(),
        result["separability_classes"].item(),
    ) == (10, 2)


@pytest.mark.parametrize(("groups", "n_classes"), [((5, 4), 1), ((4, 4), 0)])
def test_separability_is_nan_without_two_classes_of_five_images(groups, n_classes):
    record = one_channel(*([0.1 * n] * n for n in groups))

    result = separability(record)

    for name in ("separability", "chance", "separability_low", "separability_high"):
        assert np.isnan(result[name].item())
    assert result["separability_classes"].item() == n_classes


def test_constant_gates_tell_nothing_apart():
    record = one_channel([0.3] * 5, [0.3] * 15)

    result = separability(record)

    assert result["separability"].item() == result["chance"].item()


def test_known_moments_spare_a_pass_and_change_nothing():
    record = noisy_gates([6, 7, 8], effect=0.03)

    result = separability(record, class_moments(record))

    xr.testing.assert_identical(result, separability(record))


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_wilson_interval_agrees_with_scipy(confidence):
    for n in (1, 2, 10, 777):
        for hits in {0, 1, n // 3, n // 2, n - 1, n}:
            low, high = wilson_interval(hits, n, confidence)

            test = scipy.stats.binomtest(hits, n)
            expected = test.proportion_ci(confidence, method="wilson")
            assert (low, high) == pytest.approx(
                (expected.low, expected.high), abs=1e-12
            )
            assert 0 <= low <= hits / n <= high <= 1


def test_wilson_interval_of_no_trials_is_nan():
    assert np.isnan(wilson_interval(0, 0)).all()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((6, 5), "between 0 and 5 hits in 5 trials, got 6"),
        ((-1, 5), "got -1"),
        ((1, 5, 95), "confidence must be between 0 and 1, got 95"),
    ],
)
def test_a_proportion_that_cannot_be_is_refused(arguments, match):
    with pytest.raises(UsageError, match=match):
        wilson_interval(*arguments)
