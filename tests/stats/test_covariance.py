"""How many independent gates a block has."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

import records
from se_probe.errors import UsageError
from se_probe.gates import make_gates
from se_probe.stats import effective_rank, redundancy


def of(values):
    return redundancy(make_gates({"SE_2_1": values}, ["a"] * len(values)))


def test_channels_that_move_together_count_as_one():
    level = np.random.default_rng(0).random((40, 1))

    found = of(0.2 + level * [0.5, 0.1, 0.3])

    assert found["effective_rank"].item() == pytest.approx(1, abs=1e-3)
    assert found["independent_rank"].item() > 1.5


def test_orthogonal_channels_of_equal_spread_count_each():
    found = of([[0, 0], [1, 0], [0, 1], [1, 1]])

    assert found["effective_rank"].item() == pytest.approx(2)


def test_unequal_spread_counts_by_its_entropy():
    """Variances 4 : 1, so p = 0.8 and 0.2."""
    found = of([[0, 0], [1, 0], [0, 0.5], [1, 0.5]])

    expected = np.exp(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)))
    assert found["effective_rank"].item() == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(60, 10), (10, 60)])
def test_rank_is_that_of_the_principal_components(shape):
    gates = np.random.default_rng(1).random(shape) ** 3

    shares = PCA().fit(gates).explained_variance_ratio_

    shares = shares[shares > 1e-12]
    expected = np.exp(-(shares * np.log(shares)).sum())
    assert effective_rank(gates) == pytest.approx(expected)


def test_independent_channels_reach_the_independent_rank():
    found = of(np.random.default_rng(2).random((300, 80)))

    rank, independent = found["effective_rank"], found["independent_rank"]
    assert rank.item() == pytest.approx(independent.item(), rel=0.03)


def test_labels_do_not_matter():
    record = records.digits_record()

    ranks = [redundancy(each) for each in (record, records.shuffled(record))]

    assert ranks[0].equals(ranks[1])


def test_rows_that_do_not_count_do_not_count():
    partial, intact = records.damaged(records.digits_record())

    assert redundancy(partial).equals(redundancy(intact))


def test_only_so_many_images_are_looked_at():
    record = records.digits_record()

    few = redundancy(record, max_images=20)

    assert few["n_images"].item() == 20
    assert few["effective_rank"] < redundancy(record)["effective_rank"]


@pytest.mark.parametrize("values", [[[0.5, 0.2]], [[0.5, 0.2]] * 3])
def test_gates_that_do_not_change_have_no_rank(values):
    found = of(values)

    assert found["effective_rank"].isnull()
    assert found["constant_channels"].item() == 2


def test_one_image_is_not_enough_to_ask_for():
    with pytest.raises(UsageError, match="2 images or more, got 1"):
        redundancy(records.digits_record(), max_images=1)
