"""Which classes have similar mean gates."""

import numpy as np
import pytest

import records
from se_probe.errors import BlockNameError, GateRecordError
from se_probe.gates import make_gates
from se_probe.stats import class_moments
from se_probe.views import (
    MAX_LABELLED,
    class_similarities,
    describe_similarity,
    nearest_classes,
    similarity_table,
)

ANIMALS, CARS = ["cat", "dog", "fox"], ["van", "bus", "cab"]


def kinds(effect=1.0, seed=0):
    """Two kinds of classes, mixed, of which each has gates of its own."""
    rng = np.random.default_rng(seed)
    names = [name for pair in zip(ANIMALS, CARS, strict=True) for name in pair] * 8
    kind = np.isin(names, CARS).astype(int)
    values = {}
    for block, share in (("SE_2_1", 0.0), ("SE_3_1", 0.5), ("SE_4_1", 1.0)):
        centres = rng.normal(size=(2, 64))[kind]
        noise = rng.normal(size=(len(names), 64))
        values[block] = 0.5 + 0.05 * (effect * share * centres + noise)
    return make_gates(values, names)


def test_classes_of_a_kind_stand_side_by_side():
    view = class_similarities(kinds())

    order = view["class_name"].values.tolist()
    assert {frozenset(order[:3]), frozenset(order[3:])} == {
        frozenset(ANIMALS),
        frozenset(CARS),
    }
    last = view["similarity"].sel(block="SE_4_1")
    assert last.sel(class_name="cat", other_class="dog") > 0.5
    assert last.sel(class_name="cat", other_class="van") < -0.5


def test_similarity_is_numpys_correlation_of_centred_means():
    record = kinds()

    view = class_similarities(record)

    frame = record.isel(channel=record["block"] == "SE_3_1").to_pandas()
    means = frame.groupby(record["class_name"].values).mean()
    expected = (means - means.mean()).T.corr()
    found = view["similarity"].sel(block="SE_3_1").to_pandas()
    np.testing.assert_allclose(
        found, expected.loc[found.index, found.columns], atol=1e-4
    )


def test_first_middle_and_last_block_are_shown(moments):
    names = class_similarities(moments)["block"].values.tolist()

    assert names == ["SE_2_1", "SE_4_2", "SE_5_3"]


def test_shuffled_labels_stay_at_the_shuffled_level():
    view = class_similarities(records.shuffled(kinds(), seed=3))

    pairs = np.triu_indices(6, 1)
    above = [
        (view["similarity"].sel(block=block).values[pairs] > level).mean()
        for block, level in view["shuffled_q95"].to_series().items()
    ]
    assert np.mean(above) < 0.2
    block = class_similarities(kinds()).sel(block="SE_4_1")
    found = block["similarity"].values[pairs]
    assert (found > block["shuffled_q95"].item()).any()
    assert block["shuffled_max"] >= block["shuffled_q95"]


def test_moments_alone_know_no_level():
    view = class_similarities(class_moments(kinds()))

    assert view["shuffled_q95"].isnull().all()
    assert "shuffled" not in " ".join(describe_similarity(view))


def test_words_name_the_nearest_pairs_once():
    view = class_similarities(kinds())

    last = describe_similarity(view)[-1]

    assert last.startswith("Most alike in SE_4_1: ")
    assert "with the labels shuffled once" in last
    named = [set(part.split()[:3:2]) for part in last[22:].split(".")[0].split(", ")]
    assert len({frozenset(pair) for pair in named}) == len(named)


def test_the_table_holds_every_pair_once():
    table = similarity_table(class_similarities(kinds()))

    assert len(table) == 3 * 15
    pairs = {
        (b, frozenset((one, other)))
        for b, one, other in zip(
            table["block"], table["class_name"], table["other_class"], strict=True
        )
    }
    assert len(pairs) == len(table)
    assert {"similarity", "shuffled_q95", "shuffled_max"} < set(table.columns)
    assert table["shuffled_max"].notna().all()


def test_of_many_classes_the_nearest_are_listed():
    view = class_similarities(records.many_classes(MAX_LABELLED + 1))

    table = similarity_table(view)

    one = table.iloc[0]
    row = view["similarity"].sel(block="SE_2_1", class_name=one["class_name"])
    others = row.drop_sel(other_class=one["class_name"])
    assert len(table) == MAX_LABELLED + 1
    assert others.idxmax("other_class").item() == one["nearest_class"]
    assert others.max().item() == one["similarity"]


def test_gates_that_do_not_depend_on_the_class_are_not_ordered():
    gates = make_gates({"SE_2_1": [[0.5, 0.2]] * 4}, list("abcd"))

    view = class_similarities(gates)

    assert view["similarity"].isnull().all()
    assert nearest_classes(view).empty
    assert describe_similarity(view) == ["In SE_2_1 no gates depend on the class."]


def test_two_classes_are_refused():
    with pytest.raises(GateRecordError, match=r"needs three of them.*2 recorded: a, b"):
        class_similarities(records.one_channel([0.1], [0.2]))


def test_a_block_that_is_not_there_is_refused():
    with pytest.raises(BlockNameError, match="SE_9_9"):
        class_similarities(kinds(), ["SE_9_9"])
