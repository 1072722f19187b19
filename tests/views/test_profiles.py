"""Class profiles: the numbers of the paper's figure."""

import numpy as np
import pytest

from records import PAPERS_CLASSES, many_classes
from se_probe.stats import class_moments
from se_probe.views import class_profiles


def gates_of_class(record, name, block):
    rows = record.to_numpy()[record["class_name"].to_numpy() == name]
    return rows[:, record["block"].to_numpy() == block].astype(np.float64)


def test_means_and_deviations_are_those_of_the_images(record):
    view = class_profiles(record, classes=["goldfish"], blocks=["SE_5_1"], channels=10)

    gates = gates_of_class(record, "goldfish", "SE_5_1")
    picked = np.round(np.linspace(0, 255, 10)).astype(int)
    np.testing.assert_array_equal(view["channel_in_block"], picked)
    np.testing.assert_allclose(view["mean"][0], gates.mean(axis=0)[picked])
    np.testing.assert_allclose(view["sd"][0], gates.std(axis=0, ddof=1)[picked])
    assert view["count"].values.tolist() == [6]


def test_channel_is_the_position_in_the_record(record):
    view = class_profiles(record, classes=["pug"], blocks=["SE_3_2"], channels="all")

    of_class = record.to_numpy()[record["class_name"].to_numpy() == "pug"]
    np.testing.assert_allclose(
        view["mean"][0], of_class.mean(axis=0, dtype=np.float64)[view["channel"]]
    )


def test_reference_is_the_mean_of_all_class_means_shown_or_not(record):
    view = class_profiles(record, classes=["pug"], blocks=["SE_2_1"])

    names = np.unique(record["class_name"].to_numpy().astype(str))
    means = [gates_of_class(record, name, "SE_2_1").mean(axis=0) for name in names]
    np.testing.assert_allclose(view["reference"], np.mean(means, axis=0))


def test_a_record_and_its_moments_give_the_same_view(record, moments):
    choices = {"channels": 7, "sampling": "random", "seed": 5}

    from_record = class_profiles(record, **choices)

    assert from_record.identical(class_profiles(moments, **choices))


def test_view_says_how_many_classes_there_are(moments, digits):
    facts = [
        class_profiles(source).attrs for source in (moments, digits, many_classes(3))
    ]

    assert [fact["n_recorded_classes"] for fact in facts] == [5, 10, 3]
    assert [fact["n_network_classes"] for fact in facts] == [1000, 10, None]


def test_table_has_a_row_for_each_class_and_channel(moments):
    view = class_profiles(moments, classes=PAPERS_CLASSES, blocks=["SE_5_1"])

    table = view.to_dataframe().reset_index()

    assert len(table) == 4 * 50
    pug = table[table["class_name"] == "pug"]
    np.testing.assert_array_equal(pug["mean"], view["mean"].sel(class_name="pug"))
    np.testing.assert_array_equal(pug["reference"], view["reference"])
    assert set(pug["wnid"]) == {"n02110958"}
    assert set(pug["count"]) == {5}
    assert set(pug["block"]) == {"SE_5_1"}


@pytest.mark.parametrize("blocks", [["SE_4_*"], ["SE_2_1", "SE_5_3"]])
def test_a_record_cut_down_to_its_blocks_gives_the_same_numbers(record, blocks):
    whole = class_profiles(record, blocks=blocks, channels=9)

    held = record.sel(channel=np.isin(record["block"], np.unique(whole["block"])))
    cut = class_profiles(class_moments(held), blocks=blocks, channels=9)

    np.testing.assert_array_equal(cut["mean"], whole["mean"])
    np.testing.assert_array_equal(cut["channel_in_block"], whole["channel_in_block"])
