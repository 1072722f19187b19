"""The order in which blocks could be removed, and how well it predicts."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import make_gates
from se_probe.stats import (
    CRITERIA,
    block_scores,
    block_summary,
    rank_agreement,
    rank_blocks,
)


def summary_of(**columns):
    """Summary of as many blocks as each column has values: SE_4_1, SE_4_2, ..."""
    n_blocks = len(next(iter(columns.values())))
    names = [f"SE_4_{number}" for number in range(1, n_blocks + 1)]
    return xr.Dataset(
        {name: ("block", np.array(column)) for name, column in columns.items()},
        coords={"block": names},
    )


def order_of(ranking):
    return [str(name).rpartition("_")[2] for name in ranking["block"].values]


@pytest.mark.parametrize(
    ("by", "variable", "expected"),
    [
        ("input_dependence", "input_dependence", "231"),
        ("class_share", "class_share", "231"),
        ("separability", "separability", "231"),
        ("saturated_open", "saturated_open", "132"),
        ("saturated_closed", "saturated_closed", "132"),
    ],
)
def test_what_does_least_with_its_input_comes_first(by, variable, expected):
    summary = summary_of(**{variable: [0.9, 0.1, 0.5]})

    ranking = rank_blocks(summary, by)

    assert "".join(order_of(ranking)) == expected
    assert ranking["rank"].values.tolist() == [1, 2, 3]
    assert ranking[variable].sel(block="SE_4_1") == 0.9
    assert ranking.attrs["ranked_by"] == by


def test_ranking_begins_with_the_most_constant_gates_of_a_record():
    rng = np.random.default_rng(0)
    spread = {"SE_2_1": 0.1, "SE_2_2": 0.001, "SE_3_1": 0.2, "SE_3_2": 0.03}
    values = {name: 0.5 + sd * rng.normal(size=(40, 6)) for name, sd in spread.items()}

    ranking = rank_blocks(block_summary(make_gates(values, ["pug"] * 40)))

    assert ranking["block"].values.tolist() == ["SE_2_2", "SE_3_2", "SE_2_1", "SE_3_1"]
    assert (np.diff(ranking["score"]) > 0).all()


def test_blocks_of_equal_score_keep_the_order_of_the_network():
    summary = summary_of(saturated_closed=[0.0, 0.25, 0.0] + [0.0] * 9)

    ranking = rank_blocks(summary, "saturated_closed")

    assert order_of(ranking) == ["2", "1", *map(str, range(3, 13))]


def test_blocks_of_unknown_score_come_last():
    summary = summary_of(input_dependence=[0.2, np.nan, 0.1])

    assert order_of(rank_blocks(summary)) == ["3", "1", "2"]


def test_savings_come_from_the_record():
    values = {"SE_2_1": [[0.0], [1.0]], "SE_3_1": [[0.4], [0.5]]}
    facts = [
        {"name": "SE_2_1", "stage": 2, "channels": 1, "parameters": 7, "macs": 5},
        {"name": "SE_3_1", "stage": 3, "channels": 1, "parameters": 9, "macs": 6},
    ]
    record = make_gates(values, ["pug", "cliff"], attrs={"blocks": facts})

    ranking = rank_blocks(block_summary(record))

    assert ranking["block"].values.tolist() == ["SE_3_1", "SE_2_1"]
    assert ranking["parameters"].values.tolist() == [9, 7]
    assert ranking["macs"].values.tolist() == [6, 5]


def test_savings_that_the_record_does_not_know_are_left_out():
    record = make_gates({"SE_2_1": [[0.0], [1.0]]}, ["pug", "cliff"])

    ranking = rank_blocks(block_summary(record))

    assert "parameters" not in ranking
    assert "macs" not in ranking


def test_unknown_criterion_is_refused():
    with pytest.raises(UsageError, match=r"one of input_dependence, .*'depth'"):
        rank_blocks(summary_of(input_dependence=[0.1]), "depth")


@pytest.mark.parametrize("by", ["input_dependence", "class_share", "separability"])
def test_criterion_that_needs_more_images_is_refused(by):
    summary = block_summary(make_gates({"SE_2_1": [[0.3]]}, ["pug"]))

    with pytest.raises(GateRecordError, match=f"no block's {by} is known"):
        rank_blocks(summary, by)


def test_every_criterion_has_a_score():
    record = make_gates({"SE_2_1": [[0.0], [1.0]]}, ["pug", "cliff"])
    summary = block_summary(record)

    assert all(block_scores(summary, by).dims == ("block",) for by in CRITERIA)


# --- agreement -----------------------------------------------------------------------


def blockwise(values, names=None):
    names = names or [f"SE_4_{number}" for number in range(len(values))]
    return xr.DataArray(np.array(values), coords={"block": names})


def test_agreement_is_spearman_s_of_scipy_with_ties():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 6, 20).astype(float)
    second = first + rng.integers(0, 6, 20)

    agreement = rank_agreement(blockwise(first), blockwise(second))

    expected = scipy.stats.spearmanr(first, second).statistic
    assert agreement.correlation == pytest.approx(expected)
    assert agreement.n == 20


def test_blocks_are_matched_by_name_whatever_their_order():
    criterion = blockwise([1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "d"])
    measured = blockwise([40.0, 30.0, 20.0, 10.0], ["d", "c", "b", "a"])

    agreement = rank_agreement(criterion, measured)

    assert agreement.correlation == pytest.approx(1)


def test_unknown_blocks_do_not_count():
    criterion = blockwise([1.0, 2.0, np.nan, 4.0, 5.0], ["a", "b", "c", "d", "e"])
    measured = blockwise([3.0, 2.0, 9.0, 1.0], ["a", "b", "c", "d"])

    agreement = rank_agreement(criterion, measured)

    assert agreement.n == 3
    assert agreement.correlation == pytest.approx(-1)


@pytest.mark.parametrize(
    ("first", "second"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])]
)
def test_too_few_or_equal_blocks_give_no_correlation(first, second):
    agreement = rank_agreement(blockwise(first), blockwise(second))

    assert np.isnan(agreement.correlation)
    assert agreement.n == len(first)
