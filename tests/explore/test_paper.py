"""The present views on paper: a picture, a page and the numbers of each."""

import numpy as np
import pandas as pd
import pytest

from se_probe.explore import Exploration
from se_probe.explore.paper import save_views
from se_probe.views import depth_profile

VIEWS = ["channel", "extremes", "heatmap", "map", "profiles"]


@pytest.fixture
def look(photographed):
    made = Exploration(photographed)
    made.choose_block("SE_2_1")
    made.choose_channel(2)
    return made


def test_each_view_is_a_picture_a_page_and_its_numbers(look, tmp_path):
    paths = save_views(look, tmp_path / "out")

    suffixes = ("png", "pdf", "csv")
    expected = sorted(f"{name}.{suffix}" for name in VIEWS for suffix in suffixes)
    assert sorted(path.name for path in paths) == expected
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == expected
    assert all(path.stat().st_size for path in paths)


def test_the_numbers_are_those_of_what_is_chosen(look, tmp_path):
    save_views(look, tmp_path)

    channel, images = (
        pd.read_csv(tmp_path / f"{name}.csv") for name in ("channel", "map")
    )
    expected = look.by_class()
    assert channel["class_name"].tolist() == expected["class_name"].to_numpy().tolist()
    np.testing.assert_allclose(channel["mean"], expected["mean"], rtol=1e-6)
    assert images["image_id"].tolist() == look.map()["image_id"].to_numpy().tolist()


def test_depth_and_selection_are_saved_where_there_are_any(
    look, photographed, tmp_path
):
    look.select([3, 0])

    paths = save_views(look, tmp_path, depth_profile(photographed))

    assert {path.stem for path in paths} == {*VIEWS, "depth", "selection"}
    selection = pd.read_csv(tmp_path / "selection.csv")
    assert selection["row"].tolist() == [0, 3]
    assert selection["image_id"].tolist() == ["blue/00.png", "red/03.png"]
    assert selection["predicted"].tolist() == [0, 1]


def test_saving_again_writes_over_what_is_there(look, tmp_path):
    save_views(look, tmp_path)
    before = (tmp_path / "channel.csv").read_text()
    look.choose_channel(0)

    save_views(look, tmp_path)

    assert (tmp_path / "channel.csv").read_text() != before
