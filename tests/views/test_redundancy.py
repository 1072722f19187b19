"""Redundancy of gates along the network, and within one block."""

import numpy as np
import pytest

import records
from se_probe.errors import BlockNameError, GateRecordError
from se_probe.gates import make_gates
from se_probe.stats import redundancy
from se_probe.views import (
    cluster_order,
    describe_redundancy,
    gate_correlations,
    most_redundant,
    redundancy_profile,
)


def two_groups():
    """Channels 0, 2 and 4 move together, 1 and 3 against each other's noise."""
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 50, 1))
    noise = 0.05 * rng.random((50, 6))
    values = np.where(np.arange(6) % 2 == 0, first, second) / 2 + noise
    values[:, 5] = 0.5
    return make_gates({"SE_2_1": values}, ["a"] * 50)


def test_shares_are_of_the_independent_rank(record):
    view = redundancy_profile(record)

    found = redundancy(record)
    expected = found["effective_rank"] / found["independent_rank"]
    np.testing.assert_array_equal(view["independent_share"], expected)
    lowest = view["block"].values[expected.values.argmin()]
    assert most_redundant(view) == lowest


def test_channels_that_move_together_stand_side_by_side():
    view = gate_correlations(two_groups(), "SE_2_1")

    order = view["channel"].values.tolist()
    assert [number % 2 for number in order] in ([0, 0, 0, 1, 1], [1, 1, 0, 0, 0])
    assert view.attrs["constant_channels"] == 1
    assert view["other_channel"].values.tolist() == order


def test_correlations_are_those_of_pandas():
    gates = two_groups()

    view = gate_correlations(gates, "SE_2_1")

    expected = gates.to_pandas().corr().to_numpy()
    order = view["channel"].values
    np.testing.assert_allclose(view, expected[np.ix_(order, order)], atol=1e-5)


def test_order_does_not_depend_on_the_order_given():
    view = gate_correlations(two_groups(), "SE_2_1")
    order = np.random.default_rng(1).permutation(len(view))
    mixed = view.values[np.ix_(order, order)]

    again = cluster_order(mixed)

    found = mixed[np.ix_(again, again)]
    same = (found == view.values).all() or (found == view.values[::-1, ::-1]).all()
    beside = np.diagonal(found, 1).sum(), np.diagonal(view.values, 1).sum()
    assert same or beside[0] == pytest.approx(beside[1])


def test_words_name_both_ends(record):
    view = redundancy_profile(record)

    words = describe_redundancy(view)

    assert "falls with depth" in words[0]
    assert words[1].startswith(f"{most_redundant(view)} is the most redundant")
    assert "at least as many channels as there are images" in words[-1]


def test_words_of_constant_gates_say_so():
    gates = make_gates({"SE_2_1": [[0.5]] * 3}, ["a"] * 3)

    assert "is not known" in describe_redundancy(redundancy_profile(gates))[0]


def test_constant_gates_have_no_correlations():
    gates = make_gates({"SE_2_1": [[0.5, 0.2]] * 3}, ["a"] * 3)

    with pytest.raises(GateRecordError, match="0 of 2 do over 3 images"):
        gate_correlations(gates, "SE_2_1")


def test_a_block_that_is_not_there_is_refused():
    with pytest.raises(BlockNameError, match="SE_9_9"):
        gate_correlations(records.digits_record(), "SE_9_9")
