"""What a view says, in words."""

import itertools

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from records import one_channel
from se_probe.gates import make_gates
from se_probe.stats import block_summary, saturation
from se_probe.views import describe_depth, rank_correlation


def summary_of(**columns):
    """View of blocks SE_2_1, SE_2_2, ...; what is not given is NaN."""
    n_blocks = len(next(iter(columns.values())))
    names = (
        *("class_share", "separability", "chance", "input_dependence"),
        *("saturated_open", "saturated_closed"),
    )
    unknown = dict.fromkeys(names, [np.nan] * n_blocks)
    numbers = {
        "class_share_images": [90] * n_blocks,
        "class_share_classes": [12] * n_blocks,
        "separability_images": [80] * n_blocks,
        "separability_classes": [8] * n_blocks,
        "lowest_gate": [0.01] * n_blocks,
        "highest_gate": [0.99] * n_blocks,
    }
    return xr.Dataset(
        {
            name: ("block", values)
            for name, values in (numbers | unknown | columns).items()
        },
        coords={"block": [f"SE_2_{k + 1}" for k in range(n_blocks)]},
    )


def test_words_say_how_shares_go_with_depth():
    view = summary_of(
        class_share=[0.01, 0.1, 0.2, 0.3, 0.35, 0.4],
        separability=[0.9, 0.8, 0.5, 0.45, 0.3, 0.2],
        chance=[0.125] * 6,
    )

    class_share, separability, *_ = describe_depth(view)

    assert class_share == (
        "The class share of the gates' movement from image to image rises with depth: "
        "0.01 in SE_2_1, 0.4 in SE_2_6 (Spearman rank correlation 1.00, 95 % interval "
        "1.00 to 1.00, over 6 blocks). From 90 images of 12 classes."
    )
    assert separability == (
        "Separability (nearest-class-mean accuracy) falls with depth: 0.9 in "
        "SE_2_1, 0.2 in SE_2_6 (Spearman rank correlation -1.00, 95 % interval -1.00 "
        "to -1.00, over 6 blocks). Chance is 0.125. From 80 images of 8 classes, 10 of "
        "each."
    )


@pytest.mark.parametrize("values", [[0.136, 0.15, 0.135], [0.1, 0.2, 0.3, 0.4]])
def test_fewer_than_five_blocks_are_no_trend(values):
    sentence = describe_depth(summary_of(class_share=values))[0]

    assert "depth" not in sentence
    assert all(f"{value:.3g} in SE_2_" in sentence for value in values)


def test_a_trend_needs_an_interval_that_leaves_out_0():
    unclear = [0.1, 0.4, 0.2, 0.3, 0.6, 0.25]

    sentence = describe_depth(summary_of(class_share=unclear))[0]

    expected = scipy.stats.spearmanr(range(6), unclear).statistic
    assert expected > 0.4
    assert f"rank correlation {expected:.2f}" in sentence
    assert "shows no clear trend with depth" in sentence


def test_rank_correlation_agrees_with_scipy_on_ties():
    values = xr.DataArray([0.3, 0.1, 0.3, 0.2, 0.9, 0.1, 0.2], dims="block")

    found, low, high = rank_correlation(values)

    expected = scipy.stats.spearmanr(range(7), values).statistic
    assert found == pytest.approx(expected)
    assert -1 <= low < found < high <= 1


def test_interval_of_the_rank_correlation_holds_what_it_says():
    rng = np.random.default_rng(0)
    intervals = [
        rank_correlation(xr.DataArray(rng.normal(size=12), dims="block"))[1:]
        for _ in range(400)
    ]

    share = np.mean([low <= 0 <= high for low, high in intervals])

    assert 0.92 < share < 0.98


def test_words_name_the_saturated_blocks_at_each_end():
    view = summary_of(
        saturated_open=[0.1, 0.714, 0.6], saturated_closed=[0.05, 0.0, 0.5]
    )

    _, _, is_open, is_closed, _ = describe_depth(view)

    assert is_open == (
        "Saturated open (more than half of the gates 0.95 or above): "
        "SE_2_2 with 71.4 %, SE_2_3 with 60 %."
    )
    assert is_closed == (
        "No block is saturated closed (more than half of the gates 0.05 or below); "
        "highest is SE_2_3 with 50 %."
    )


def test_words_say_the_margin_that_saturation_was_measured_with():
    record = one_channel([0.85, 0.95])
    names = ["saturated_open", "saturated_closed", "lowest_gate", "highest_gate"]
    view = summary_of(class_share=[0.1]).drop_vars(names)

    sentences = describe_depth(view.merge(saturation(record, 0.2), join="override"))

    assert "more than half of the gates 0.8 or above" in sentences[2]


def test_words_say_why_saturation_is_not_known():
    record = make_gates({"SE_2_1": [[1.02, 1.97]]}, ["pug"])

    sentence = describe_depth(block_summary(record))[2]

    assert sentence == (
        "Saturation (open) is not known: it is defined for gates of a function that "
        "ends at 0 and 1, and these were seen between 1.02 and 1.97."
    )


def test_words_name_the_block_that_depends_least_on_its_input():
    sentence = describe_depth(summary_of(input_dependence=[0.2, np.nan, 0.00123]))[-1]

    assert sentence == (
        "SE_2_3 depends least on its input: input dependence (0 means constant gates) "
        "is 0.00123 there, and at most 0.2, in SE_2_1."
    )


def test_words_about_one_block_name_no_trend():
    sentences = describe_depth(block_summary(one_channel([0.1] * 5, [0.9] * 5)))

    assert sentences[0] == (
        "The class share of the gates' movement from image to image is 1 in SE_2_1. "
        "From 10 images of 2 classes."
    )
    assert (
        sentences[-1] == "Input dependence (0 means constant gates) is 0.39 in SE_2_1."
    )


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_words_say_what_is_not_known(n_blocks):
    sentences = describe_depth(summary_of(class_share=[np.nan] * n_blocks))

    assert len(sentences) == 5
    for sentence in sentences:
        assert "is not known: it" in sentence
        assert "nan" not in sentence


def test_words_hold_for_every_mixture_of_known_and_unknown():
    for values in itertools.product([0.1, 0.3, np.nan], repeat=3):
        sentences = describe_depth(
            summary_of(
                class_share=list(values),
                saturated_open=list(values),
                input_dependence=list(values),
            )
        )

        assert not any("nan" in sentence for sentence in sentences)
