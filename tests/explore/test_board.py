"""The linked views, without a browser: what a choice in one changes in the others."""

from html import escape
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document

from se_probe.explore import Exploration
from se_probe.explore.board import Board
from se_probe.explore.depth_panel import DepthPanel


@pytest.fixture
def board(record, tmp_path):
    made = Board(Exploration(record), "run.zarr", str(tmp_path / "figures"))
    Document().add_root(made.layout)
    made.fill_depth(lambda change: change())
    return made


def names(board):
    return board.profiles.curves.data["name"]


def test_another_block_changes_every_view(board):
    sources = {
        "map": (board.map.source, "x"),
        "profiles": (board.profiles.curves, "y"),
        "heatmap": (board.heatmap.image, "gate"),
        "channel": (board.channel.boxes, "mean"),
    }
    before = {key: source.data[column] for key, (source, column) in sources.items()}
    galleries = board.galleries.text

    board.controls.block.value = "SE_3_2"

    for key, (source, column) in sources.items():
        assert str(source.data[column]) != str(before[key]), key
    assert board.galleries.text != galleries
    assert board.depth.mark.location == board.depth.blocks.index("SE_3_2")


def test_a_lasso_draws_a_curve_and_lists_the_images(board):
    board.map.source.selected.indices = [0, 4, 5]

    rows = sorted(int(board.map.source.data["row"][k]) for k in (0, 4, 5))
    assert board.look.selected.tolist() == rows
    assert names(board)[-1] == "selected images (3)"
    assert "Selected: 3 images" in board.selected.text


def test_images_are_selected_with_the_keyboard_too(board):
    board.controls.images.value = "class:pug"

    assert set(board.look.selection["class_name"].values) == {"pug"}
    chosen = board.map.source.selected.indices
    assert {board.map.source.data["class_name"][k] for k in chosen} == {"pug"}


def test_a_click_in_the_heatmap_chooses_the_channel(board):
    board._tap_heatmap(SimpleNamespace(x=7.4, y=1))

    assert board.look.channel == board.controls.channel.value == 7
    assert "channel 7 of" in board.galleries.text
    assert board.channel.figure.title.text.startswith("Channel 7 of")


def test_a_click_along_the_network_chooses_the_block(board):
    board._tap_depth(SimpleNamespace(x=2.2, y=0.5))

    assert board.look.block == board.controls.block.value == board.look.blocks[2]


def test_a_click_beside_a_picture_chooses_nothing(board):
    before = (board.look.block, board.look.channel)

    board._tap_heatmap(SimpleNamespace(x=-3, y=1))
    board._tap_depth(SimpleNamespace(x=99, y=1))
    board._tap_heatmap(SimpleNamespace(x=None, y=None))

    assert (board.look.block, board.look.channel) == before


def test_classes_are_searched_by_the_rules(board):
    board.controls.find.value = "plane, n01443537"

    assert names(board)[1:] == ["airliner (7)", "goldfish (6)"]
    assert "plane -&gt; 404 n02690373 airliner" in board.message.text
    assert board.controls.classes.value == ["airliner", "goldfish"]


def test_a_wrong_name_is_told_and_the_views_stay(board):
    before = names(board)

    board.controls.find.value = "<b>x</b>"

    assert 'role="alert"' in board.message.text
    assert escape("<b>x</b>") in board.message.text
    assert names(board) == before


def test_hovering_fetches_the_picture_of_one_image(photographed):
    board = Board(Exploration(photographed), "run.zarr", "figures")

    board.hovered.data = {"point": [3]}

    pictures = board.map.source.data["picture"]
    made = [k for k, uri in enumerate(pictures) if uri.startswith("data:image/jpeg")]
    assert made == [3]


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (PermissionError(13, "Permission denied", "/out"), "/out cannot be written"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_figures_that_cannot_be_written_are_told(board, monkeypatch, what, says):
    def refuse(*_):
        raise what

    monkeypatch.setattr("se_probe.explore.board.save_views", refuse)

    board._try(board._save)

    assert 'role="alert"' in board.message.text
    assert says in board.message.text


def test_a_file_in_the_place_of_the_folder_is_told(board, tmp_path):
    (tmp_path / "file").touch()
    board.controls.folder.value = str(tmp_path / "file")

    board._try(board._save)

    assert f"{tmp_path / 'file'} is a file" in board.message.text


def test_a_dark_page_is_dark_everywhere(board):
    board.controls.theme.value = "dark"

    for panel in (board.map, board.profiles, board.heatmap, board.channel, board.depth):
        assert panel.figure.background_fill_color == board.colours.background
    assert board.layout.styles["background-color"] == board.colours.background


def test_depth_has_the_numbers_of_every_block(board, record):
    from se_probe.views import depth_profile

    expected = depth_profile(record)

    shown = board.depth.numbers.data
    for name in ("separability", "class_share", "input_dependence", "saturated_open"):
        np.testing.assert_allclose(shown[name], expected[name].values)


def test_depth_says_from_the_beginning_what_is_still_to_come(board):
    panel = DepthPanel(board.depth.blocks)

    assert "16 of 16 blocks still to come" in panel.figure.title.text


def test_depth_says_what_is_still_to_come(board):
    part = board.depth_view.isel(block=slice(0, 3))

    board.depth.fill(part)

    assert "13 of 16 blocks still to come" in board.depth.figure.title.text


def test_names_that_look_like_markup_are_text(marked_up):
    board = Board(Exploration(marked_up), "<u>run</u>", "figures")
    board.controls.images.value = "all images of the map"

    texts = [div.text for div in (board.status, board.selected, board.galleries)]
    for raw in ("<b>x", "<img src=x", "<i>net", "<u>"):
        assert not any(raw in text for text in texts), raw
    assert escape("<b>x</b>") in texts[1]
    assert not any("$$" in name for name in names(board))
