"""What is chosen, and the views that show it: the same numbers as on paper."""

from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest

import records
from se_probe.errors import BlockNameError, ClassNameError, GateRecordError, UsageError
from se_probe.explore import Exploration
from se_probe.explore.blocks import BlockStore
from se_probe.explore.depth import depth_by_block
from se_probe.gates import State, open_gates
from se_probe.views import (
    class_profiles,
    extremes,
    gates_by_class,
    image_map,
    sorted_rows,
)


def test_views_are_those_of_the_whole_record(record):
    look = Exploration(record)

    look.choose_block("SE_4_2")
    look.choose_classes(["pug", "goldfish"])
    look.choose_channel(5)

    chosen = {"blocks": "SE_4_2", "classes": ["pug", "goldfish"]}
    np.testing.assert_array_equal(
        look.map()["first"], image_map(record, "SE_4_2")["first"]
    )
    np.testing.assert_array_equal(
        look.profiles()["mean"], class_profiles(record, **chosen)["mean"]
    )
    np.testing.assert_array_equal(look.rows(), sorted_rows(record, **chosen))
    assert look.by_class().equals(
        gates_by_class(record, "SE_4_2", 5, classes=["pug", "goldfish"])
    )
    expected = extremes(record, ["SE_4_2"], [5], n_images=6)
    np.testing.assert_array_equal(look.extremes()["image"], expected["image"])


def test_the_curve_of_the_selection_is_the_mean_of_its_images(record):
    look = Exploration(record)
    look.select([3, 1, 7])

    own = look.selection_profile()

    rows = look.selection
    assert rows["image_id"].values.tolist() == ["1", "3", "7"]
    mean = (
        rows.isel(channel=rows.block.values == look.block).astype(float).mean("image")
    )
    np.testing.assert_allclose(own["mean"].values[0], mean.values[own.channel_in_block])


def test_a_block_is_read_once(record):
    look = Exploration(record)

    for block in ("SE_2_1", "SE_3_1", "SE_2_1"):
        look.choose_block(block)
        for view in (look.map, look.profiles, look.rows, look.by_class, look.extremes):
            view()

    assert look.store.n_read == 3  # these two, and the one that was shown first


@pytest.fixture
def at_once(monkeypatch):
    """A block that was read is copied without a pause."""
    monkeypatch.setattr("se_probe.explore.blocks._COPY_AFTER", 0)


def test_blocks_give_way_where_memory_is_short(record, at_once):
    small = BlockStore(record, max_bytes=1)

    first = small.gates("SE_2_1").copy()
    small.gates("SE_3_1")
    again = small.gates("SE_2_1")

    assert len(small._gates) == 1
    assert small.n_read == 2  # what gave way came back from a temporary folder
    assert again.identical(first)


def test_the_numbers_along_the_network_wait_for_who_looks_at_a_view(record):
    store, found, waited = BlockStore(record), [], []
    behind = Thread(target=lambda: found.append(depth_by_block(store)))

    def look():
        behind.start()
        behind.join(0.3)
        waited.append(behind.is_alive())
        return store.record

    store.view(("a", "view"), look)
    behind.join(60)

    assert waited == [True]
    assert found[0]["block"].values.tolist() == Exploration(record).blocks


def test_blocks_are_read_again_where_the_disk_is_full(record, at_once, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    small = BlockStore(record, max_bytes=1)

    for block in ("SE_2_1", "SE_3_1", "SE_2_1"):
        small.gates(block)

    assert small.n_read == 3


def test_classes_are_found_by_the_rules_and_echoed(record):
    look = Exploration(record)

    said = look.choose_classes(["plane", "n01443537", "254"])

    assert look.classes == ["airliner", "goldfish", "pug"]
    assert said[0].startswith("plane -> 404 n02690373 airliner")


def test_what_is_not_there_is_told_and_changes_nothing(record):
    look = Exploration(record)
    before = (look.block, look.classes, look.channel)

    with pytest.raises(ClassNameError, match="no image of 3 n01491361 tiger shark"):
        look.choose_classes(["pug", "tiger shark"])
    with pytest.raises(BlockNameError, match="SE_9_9"):
        look.choose_block("SE_9_9")
    with pytest.raises(UsageError, match="channels 0 to"):
        look.choose_channel(10_000)

    assert (look.block, look.classes, look.channel) == before


def test_more_classes_than_can_be_told_apart_are_refused():
    gates, class_of = records.gates_of([2] * 25, {"SE_2_1": 4})
    look = Exploration(records.make_gates(gates, [f"class {k:02}" for k in class_of]))

    with pytest.raises(UsageError, match="at most 20 classes"):
        look.choose_classes(look.all_classes)


def test_one_class_and_one_channel_can_be_looked_at():
    look = Exploration(records.one_channel([0.25, 0.5]))

    assert look.map()["first"].shape == (2,)
    assert look.by_class().sizes["class_name"] == 1


def test_a_record_being_written_shows_what_is_done(record, tmp_path):
    state = np.where(np.arange(record.sizes["image"]) < 16, State.RECORDED, 0)
    half = record.assign_coords(state=("image", state.astype(np.uint8)))
    records.on_disk(half.isel(image=slice(0, 16)), tmp_path / "whole.zarr", 4)
    look = Exploration(half)

    look.select([2, 20])

    assert look.progress.startswith("16 of 23 images: the record is not finished")
    assert look.selected.tolist() == [2]
    assert look.map().sizes["image"] == 16
    whole = Exploration(open_gates(tmp_path / "whole.zarr"))
    np.testing.assert_array_equal(look.rows(), whole.rows())


def test_a_record_that_was_moved_is_told(record, tmp_path):
    look = Exploration(records.on_disk(record, tmp_path / "run.zarr", 4))
    (tmp_path / "run.zarr").rename(tmp_path / "moved.zarr")

    with pytest.raises(GateRecordError, match="no longer as it was when it was opened"):
        look.choose_block("SE_2_1")

    assert look.block == "SE_5_3"
    assert look.map().sizes["image"] == record.sizes["image"]


def test_an_empty_record_is_refused(record):
    empty = record.assign_coords(state=("image", np.zeros(23, np.uint8)))

    with pytest.raises(GateRecordError, match="none of the 23 images"):
        Exploration(empty)
