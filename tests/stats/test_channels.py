"""What each channel's gate does."""

import numpy as np
import pytest

import records
from se_probe.gates import make_gates
from se_probe.stats import (
    channel_table,
    class_moments,
    class_selectivity,
    saturation,
)


def column(*groups):
    return channel_table(records.one_channel(*groups)).isel(channel=0)


def test_a_channel_worked_out_on_paper():
    one = column([0.5, 0.7], [0.0, 0.2], [0.3, 0.3])

    assert one["mean"].item() == pytest.approx(1 / 3)
    assert one["sd"].item() == pytest.approx(np.std([5, 7, 0, 2, 3, 3], ddof=1) / 10)
    assert one["selectivity"].item() == pytest.approx(
        (0.6 - 0.2) / (0.6 + 0.2), rel=1e-5
    )
    assert (one["opens_most"].item(), one["opens_least"].item()) == ("a", "b")
    assert one["opens_most_mean"].item() == pytest.approx(0.6)
    assert one["opens_least_mean"].item() == pytest.approx(0.1)
    assert one["behaviour"].item() == "varies"


@pytest.mark.parametrize(
    ("gates", "behaviour", "closed", "opened"),
    [
        ([0.0, 0.05], "dead", 1, 0),
        ([0.95, 1.0], "always open", 0, 1),
        ([0.3, 0.3], "constant", 0, 0),
        ([0.0, 1.0], "varies", 0.5, 0.5),
    ],
)
def test_behaviour_of_a_channel(gates, behaviour, closed, opened):
    one = column(gates, gates)

    assert one["behaviour"].item() == behaviour
    assert one["saturated_closed"].item() == closed
    assert one["saturated_open"].item() == opened


def test_statistics_are_those_of_pandas():
    record = records.imagenet_record([1, 254, 404], [6, 5, 7], {"SE_2_1": 8})

    table = channel_table(record)

    frame = record.to_pandas().reset_index(drop=True)
    means = frame.groupby(record["class_name"].values).mean()
    top = means.max()
    other = means.apply(lambda column: column.drop(column.idxmax()).mean())
    np.testing.assert_allclose(table["mean"], frame.mean(), rtol=1e-6)
    np.testing.assert_allclose(table["sd"], frame.std(), rtol=1e-5)
    np.testing.assert_allclose(
        table["selectivity"], (top - other) / (top + other), rtol=1e-5
    )
    assert table["opens_most"].values.tolist() == means.idxmax().tolist()
    assert table["opens_least"].values.tolist() == means.idxmin().tolist()


def test_shares_are_those_of_the_blocks():
    record = records.imagenet_record([1, 254], [9, 8], {"SE_2_1": 8, "SE_3_1": 4})

    table = channel_table(record)

    shares = saturation(record)
    for end in ("saturated_closed", "saturated_open"):
        by_block = table[end].groupby("block").mean()
        np.testing.assert_allclose(by_block, shares[end])


def test_shuffled_labels_give_what_chance_gives():
    record = records.noisy_gates([20] * 4, 0.1, channels=(400, 400))

    found = channel_table(records.shuffled(record))["selectivity"].median()

    levels = [
        float(channel_table(record, seed=seed)["selectivity_shuffled"].median())
        for seed in range(19)
    ]
    assert min(levels) <= float(found) <= max(levels)


def test_without_classes_few_channels_are_above_the_shuffled_level():
    table = channel_table(records.noisy_gates([20] * 4, 0, channels=(400, 400)))

    level = table["selectivity_shuffled"].quantile(0.95)
    assert 0.02 < (table["selectivity"] > level).mean() < 0.09


def test_classes_that_matter_stand_out_from_shuffled_labels():
    record = records.imagenet_record([1, 254, 404, 972], [20] * 4, {"SE_2_1": 400})

    table = channel_table(record)

    level = table["selectivity_shuffled"].quantile(0.95)
    assert (table["selectivity"] > level).mean() > 0.5


def test_every_class_keeps_its_size_when_labels_are_shuffled():
    """All gates of a class of half the images cannot be dealt to one image."""
    record = records.one_channel([1.0] * 6, [0.0] * 2, [0.5])
    table = channel_table(record)

    repeated = [1.0] * 6 + [0.0] * 2  # the class of one image takes no part
    possible = set()
    for n_zeros in range(3):
        small = np.mean([0.0] * n_zeros + [1.0] * (2 - n_zeros))
        large = (sum(repeated) - 2 * small) / 6
        top, other = max(small, large), min(small, large)
        possible.add(round((top - other) / (top + other), 6))
    assert round(table["selectivity_shuffled"].item(), 6) in possible
    assert table.attrs["selectivity_images"] == 8


def test_one_seed_gives_one_level():
    record = records.digits_record()

    levels = [channel_table(record, seed=seed) for seed in (0, 0, 1)]

    shuffled = [table["selectivity_shuffled"].values for table in levels]
    np.testing.assert_array_equal(shuffled[0], shuffled[1])
    assert (shuffled[0] != shuffled[2]).any()


def test_moments_alone_tell_all_but_the_level():
    record = records.digits_record()

    whole, bare = channel_table(record), channel_table(class_moments(record))

    assert bare["selectivity_shuffled"].isnull().all()
    left = "selectivity_shuffled"
    assert whole.drop_vars(left).equals(bare.drop_vars(left))


def test_rows_that_do_not_count_do_not_count():
    record = records.imagenet_record([1, 254, 404], [12, 12, 12], {"SE_2_1": 8})
    partial, intact = records.damaged(record)

    assert channel_table(partial).equals(channel_table(intact))


@pytest.mark.parametrize("groups", [([0.2, 0.4, 0.6],), ([0.2], [0.4], [0.6])])
def test_one_class_or_one_image_a_class_has_no_selectivity(groups):
    one = column(*groups)

    assert one["selectivity"].isnull()
    assert one["selectivity_shuffled"].isnull()
    assert one["opens_most"].item() == ""
    assert one["mean"].item() == pytest.approx(0.4)


def test_ends_of_another_function_are_not_known():
    gates = make_gates(
        {"SE_2_1": [[1.0], [1.2], [1.6], [1.9]]},
        list("aabb"),
        attrs={"blocks": [{"name": "SE_2_1", "stage": 2, "channels": 1, "gate": "1"}]},
    )

    one = channel_table(gates).isel(channel=0)

    assert one["saturated_open"].isnull()
    assert one["behaviour"].item() == "varies"


def test_negative_gates_have_no_selectivity():
    means = class_moments(records.one_channel([-0.5, -0.5], [0.5, 0.5]))["mean"]

    assert class_selectivity(means).isnull().all()


def test_a_closed_channel_prefers_no_class():
    assert column([0.0, 0.0], [0.0, 0.0])["selectivity"].item() == 0
