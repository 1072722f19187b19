"""The images that open a channel most and least."""

import numpy as np
import pytest

from records import noisy_gates
from se_probe.errors import ClassNameError, GateRecordError, UsageError
from se_probe.gates import State, create_record, make_gates, open_gates, write_batch
from se_probe.views import extremes

NAMES = ["pug", "cliff", "pug", "cliff", "pug"]
GATES = {
    "SE_2_1": [[0.1, 0.5], [0.9, 0.5], [0.3, 0.2], [0.7, 0.9], [0.5, 0.5]],
    "SE_3_1": [[0.0], [0.1], [0.2], [0.3], [0.4]],
}


@pytest.fixture
def record():
    return make_gates(GATES, NAMES)


def images(view, end, channel):
    return view["image"].sel(end=end).isel(channel=channel).values.tolist()


def test_both_ends_of_each_channel_start_with_the_extreme(record):
    view = extremes(record, n_images=2)

    assert [images(view, "most", c) for c in range(3)] == [[1, 3], [3, 0], [4, 3]]
    assert [images(view, "least", c) for c in range(3)] == [[0, 2], [2, 0], [0, 1]]
    np.testing.assert_allclose(
        view["gate"].isel(channel=0), [[0.9, 0.7], [0.1, 0.3]], rtol=1e-6
    )
    assert view["class_name"].sel(end="most").isel(channel=0)[0] == "cliff"


def test_of_equal_gates_the_earlier_image_comes_first(record):
    view = extremes(record, ["SE_2_1"], [1], n_images=5)

    assert images(view, "most", 0) == [3, 0, 1, 4, 2]
    assert images(view, "least", 0) == [2, 0, 1, 4, 3]


def test_channels_come_in_the_order_asked(record):
    view = extremes(record, ["SE_2_1"], [1, 0, 1], n_images=1)

    assert view["channel"].values.tolist() == [1, 0]
    assert images(view, "most", 0) == [3]
    assert images(view, "most", 1) == [1]


def test_some_classes_may_be_searched_alone(record):
    view = extremes(record, ["SE_2_1"], [0], classes=["pug"], n_images=9)

    assert images(view, "most", 0) == [4, 2, 0]
    assert view.attrs["n_searched"] == 3


def test_images_without_gates_are_no_extremes(record):
    state = np.full(5, State.RECORDED, np.uint8)
    state[1] = State.SKIPPED

    view = extremes(record.assign_coords(state=("image", state)), n_images=1)

    assert images(view, "most", 0) == [3]


def test_batches_on_disk_give_what_sorting_gives(tmp_path, monkeypatch):
    record = noisy_gates([40, 37, 50], effect=0.1, channels=(5, 8))
    record = record.round(2)  # with many ties
    group = create_record(
        tmp_path / "run.zarr",
        blocks=record.attrs["blocks"],
        rows={
            name: record[name].to_numpy()
            for name in ("image_id", "class_name", "wnid", "class_index")
        },
        batch_size=4,
        attrs={},
    )
    for number, start in enumerate(range(0, 127, 4)):
        part = record[start : start + 4]
        write_batch(
            group, number, part.values, part["predicted"].values, part["state"].values
        )
    monkeypatch.setattr("se_probe.gates.rows._READ_BYTES", 1)

    view = extremes(open_gates(tmp_path / "run.zarr"), n_images=6)

    for end, values in (("most", -record.values), ("least", record.values)):
        expected = np.argsort(values, axis=0, kind="stable")[:6]
        np.testing.assert_array_equal(view["image"].sel(end=end), expected)


def test_the_table_has_a_row_for_each_place(record):
    table = extremes(record, ["SE_3_1"], n_images=2).to_dataframe().reset_index()

    assert len(table) == 4
    assert {"end", "rank", "gate", "image_id", "class_name", "block"} <= set(table)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"blocks": ["SE_2_1"], "channels": [2]}, "SE_2_1 has no channel 2"),
        ({"channels": [-1]}, "has no channel -1"),
        ({"channels": []}, "at least one channel"),
        ({"n_images": 0}, "1 image or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(record, choice, words):
    with pytest.raises(UsageError, match=words):
        extremes(record, **choice)


def test_unknown_classes_and_empty_records_are_refused(record):
    empty = record.assign_coords(state=("image", [State.NOT_RECORDED] * 5))

    with pytest.raises(ClassNameError):
        extremes(record, classes=["goldfish"])
    with pytest.raises(GateRecordError):
        extremes(empty)
