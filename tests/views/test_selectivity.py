"""Selectivity along the network."""

import numpy as np

import records
from se_probe.gates import make_gates
from se_probe.stats import channel_table, class_moments
from se_probe.views import describe_selectivity, selectivity_profile


def test_quantiles_are_those_of_the_blocks_channels(record, moments):
    table = channel_table(record, moments)

    view = selectivity_profile(table)

    by_block = table[["selectivity", "selectivity_shuffled"]].groupby("block")
    medians, high = by_block.median(), by_block.quantile(0.95)
    for name in ("SE_2_1", "SE_5_3"):
        one = view.sel(block=name)
        found, level = (
            medians.sel(block=name)[n].item()
            for n in ("selectivity", "selectivity_shuffled")
        )
        np.testing.assert_allclose(one["selectivity_median"], found)
        np.testing.assert_allclose(one["shuffled_median"], level)
        np.testing.assert_allclose(
            one["shuffled_q95"], high.sel(block=name)["selectivity_shuffled"]
        )
        own = table["selectivity"][table["block"] == name]
        assert one["share_above"] == (own > one["shuffled_q95"]).mean()
        assert one["channels"] == own.size
    assert view["block"].values.tolist()[:2] == ["SE_2_1", "SE_2_2"]


def test_channels_that_hardly_gate_are_counted_and_named():
    values = np.random.default_rng(0).uniform(0.2, 0.8, (6, 5))
    values[:, 0], values[:, 1], values[:, 2] = 0.0, 1.0, 0.5
    gates = make_gates({"SE_2_1": values}, list("aabbcc"))

    view = selectivity_profile(channel_table(gates))

    counts = [view[f"n_{what}"].item() for what in ("dead", "always_open", "constant")]
    assert counts == [1, 1, 1]
    assert describe_selectivity(view)[-1] == (
        "Channels whose gate stays at one end or does not move: dead: 1 in SE_2_1; "
        "always open: 1 in SE_2_1; constant: 1 in SE_2_1."
    )


def test_words_tell_trend_level_and_sample(record, moments):
    view = selectivity_profile(channel_table(record, moments))

    first, warning, second, third = describe_selectivity(view)

    assert first.startswith("The median class selectivity of a block's channels rises")
    assert first.endswith("From 22 images of 4 classes.")
    assert warning.startswith("With the labels shuffled it rises with depth too")
    assert "With the labels shuffled once it is" in second
    assert third == "No channel is dead, always open or constant over these images."


def test_words_of_moments_say_what_is_missing(moments):
    view = selectivity_profile(channel_table(moments))

    assert "it needs the gate record" in describe_selectivity(view)[1]


def test_one_class_has_no_selectivity():
    view = selectivity_profile(channel_table(class_moments(records.one_channel([0.5]))))

    assert view["selectivity_median"].isnull().all()
    assert "is not known: it needs two classes" in describe_selectivity(view)[0]
