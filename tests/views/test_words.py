"""What a view says, in words."""

import itertools

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from se_probe.gates import make_gates
from se_probe.stats import block_summary, saturation
from se_probe.views import describe_depth


def one_channel(*groups):
    """Record of one block of one channel; one list of gates per class a, b, c, ..."""
    names = [name for name, group in zip("abcdef", groups, strict=False) for _ in group]
    values = np.concatenate(groups)[:, None]
    return make_gates({"SE_2_1": values}, names)


def summary_of(**columns):
    """Summary of blocks SE_2_1, SE_2_2, ...; what is not given is NaN."""
    n_blocks = len(next(iter(columns.values())))
    names = ("between", "accuracy", "chance", "open", "closed", "input_dependence")
    unknown = dict.fromkeys(names, [np.nan] * n_blocks)
    return xr.Dataset(
        {name: ("block", values) for name, values in (unknown | columns).items()},
        coords={"block": [f"SE_2_{k + 1}" for k in range(n_blocks)]},
    )


def test_words_say_how_shares_go_with_depth():
    summary = summary_of(
        between=[0.01, 0.2, 0.1, 0.4], accuracy=[0.9, 0.5, 0.3, 0.2], chance=[0.1] * 4
    )

    between, accuracy, *_ = describe_depth(summary)

    assert between == (
        "The between-class share of the gate variance rises with depth: 0.01 in "
        "SE_2_1, 0.4 in SE_2_4 (Spearman rank correlation 0.80 over 4 blocks)."
    )
    assert accuracy == (
        "The accuracy of the nearest class mean falls with depth: 0.9 in SE_2_1, 0.2 "
        "in SE_2_4 (Spearman rank correlation -1.00 over 4 blocks). Chance is 0.1."
    )


def test_rank_correlation_in_words_agrees_with_scipy_on_ties():
    values = [0.3, 0.1, 0.3, 0.2, 0.9, 0.1, 0.2]

    sentence = describe_depth(summary_of(between=values))[0]

    expected = scipy.stats.spearmanr(range(7), values).statistic
    assert f"rank correlation {expected:.2f} over 7" in sentence
    assert "shows no clear trend with depth" in sentence


def test_words_name_the_saturated_blocks_at_each_end():
    summary = summary_of(open=[0.1, 0.714, 0.6], closed=[0.05, 0.0, 0.5])

    _, _, at_one, at_zero, _ = describe_depth(summary)

    assert at_one == (
        "Saturated at 1 (more than half of the gates 0.95 or above): "
        "SE_2_2 with 71.4 %, SE_2_3 with 60 %."
    )
    assert at_zero == (
        "No block is saturated at 0 (more than half of the gates 0.05 or below); "
        "nearest is SE_2_3 with 50 %."
    )


def test_words_say_the_margin_that_saturation_was_measured_with():
    record = one_channel([0.85, 0.95])
    summary = summary_of(between=[0.1]).drop_vars(["open", "closed"])

    sentences = describe_depth(summary.merge(saturation(record, 0.2), join="override"))

    assert "more than half of the gates 0.8 or above" in sentences[2]


def test_words_name_the_block_that_depends_least_on_its_input():
    sentence = describe_depth(summary_of(input_dependence=[0.2, np.nan, 0.00123]))[-1]

    assert sentence == (
        "SE_2_3 depends least on its input: input dependence (0 means constant gates) "
        "is 0.00123 there, and at most 0.2, in SE_2_1."
    )


def test_words_about_one_block_name_no_trend():
    sentences = describe_depth(block_summary(one_channel([0.1] * 5, [0.9] * 5)))

    assert sentences[0] == (
        "The between-class share of the gate variance is 1 in SE_2_1: "
        "too few blocks for a trend."
    )
    assert (
        sentences[-1] == "Input dependence (0 means constant gates) is 0.39 in SE_2_1."
    )


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_words_say_what_is_not_known(n_blocks):
    sentences = describe_depth(summary_of(between=[np.nan] * n_blocks))

    assert len(sentences) == 5
    for sentence in sentences:
        assert "is not known: it needs" in sentence
        assert "nan" not in sentence


def test_words_hold_for_every_mixture_of_known_and_unknown():
    for between in itertools.product([0.1, 0.3, np.nan], repeat=3):
        sentences = describe_depth(
            summary_of(
                between=list(between),
                open=list(between),
                input_dependence=list(between),
            )
        )

        assert not any("nan" in sentence for sentence in sentences)
