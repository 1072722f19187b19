"""One channel by class: the numbers of the boxes, and which classes are shown."""

import numpy as np
import pytest

from records import damaged, one_channel
from se_probe.errors import BlockNameError, UsageError
from se_probe.views import gates_by_class


def test_classes_come_most_open_first_with_their_quartiles():
    record = one_channel([0.0, 0.25, 0.5, 0.75, 1.0], [0.75, 0.75])

    view = gates_by_class(record, "SE_2_1", 0)

    assert view["class_name"].values.tolist() == ["b", "a"]
    box = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")
    assert [float(view[name].sel(class_name="a")) for name in box] == [
        0,
        0.25,
        0.5,
        0.75,
        1,
    ]
    assert view["count"].values.tolist() == [2, 5]


def test_numbers_are_those_of_pandas(record):
    view = gates_by_class(record, "SE_4_2", 5)

    part = record.isel(
        channel=(record.block.values == "SE_4_2")
        & (record.channel_in_block.values == 5)
    )
    table = part.squeeze("channel").to_dataframe().groupby("class_name")["gate"]
    for name in view["class_name"].values:
        own = table.get_group(name).astype(float)
        assert float(view["median"].sel(class_name=name)) == pytest.approx(own.median())
        assert float(view["mean"].sel(class_name=name)) == pytest.approx(own.mean())


def test_chosen_classes_are_shown_beside_the_most_open():
    record = one_channel([0.9], [0.8], [0.7], [0.6], [0.1])

    view = gates_by_class(record, "SE_2_1", 0, classes=["e"], n_classes=3)

    assert view["class_name"].values.tolist() == ["a", "b", "e"]
    assert view["place"].values.tolist() == [1, 2, 5]
    assert view.attrs["n_recorded_classes"] == 5


def test_only_recorded_images_count(record):
    broken, intact = damaged(record)

    one, other = (gates_by_class(r, "SE_3_1", 2) for r in (broken, intact))

    assert one.equals(other)
    assert not np.isnan(one["median"]).any()


def test_what_is_not_there_is_told(record):
    with pytest.raises(UsageError, match="SE_2_1 has no channel 32"):
        gates_by_class(record, "SE_2_1", 32)
    with pytest.raises(BlockNameError, match="SE_9_9"):
        gates_by_class(record, "SE_9_9", 0)
    with pytest.raises(UsageError, match="1 class or more"):
        gates_by_class(record, "SE_2_1", 0, n_classes=0)
