"""What stands under a figure."""

import pytest

from se_probe.views import (
    class_profiles,
    depth_caption,
    depth_profile,
    describe_depth,
    profiles_caption,
    rows_caption,
    sorted_rows,
    spread_caption,
)

PROVENANCE = {
    "architecture": "seresnet50",
    "checkpoint": "model.pt",
    "sha256": "0123456789abcdef",
    "images": {"name": "val", "split": None, "n_images": 23},
    "image_size": [224, 224],
}
SOURCE = {"record": "run.zarr", "command": "se-probe plot run.zarr"}


@pytest.fixture
def known(record):
    return record.assign_attrs({**record.attrs, **PROVENANCE})


def test_caption_says_what_is_shown_and_where_it_is_from(known):
    view = class_profiles(known, classes=["goldfish", "plane"], blocks="SE_5_1")

    caption = profiles_caption(view, SOURCE)

    shown, *where_from = caption.splitlines()
    assert shown == (
        "Class profiles: mean gate of each class over 50 channels (evenly spaced) of "
        "the SE block SE_5_1. The reference curve is the mean of the means of all 5 "
        "recorded classes. Classes: goldfish (n = 6), airliner (n = 7)."
    )
    assert where_from == [
        "Network: seresnet50, model.pt, sha256 0123456789ab",
        "Data: val, 23 images recorded, 224 x 224 pixels",
        "Record: run.zarr",
        "Command: se-probe plot run.zarr",
    ]


def test_what_is_not_known_is_left_out(record):
    caption = profiles_caption(class_profiles(record))

    assert len(caption.splitlines()) == 1


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"channels": "all"}, "over all channels of"),
        ({"channels": 9, "sampling": "random"}, "over 9 channels (at random) of"),
        ({"channels": [0, 3, 5]}, "over the channels 0, 3, 5 of"),
    ],
)
def test_caption_says_which_channels(record, choices, words):
    view = class_profiles(record, blocks="SE_5_1", **choices)

    assert words in spread_caption(view)


def test_caption_of_a_heatmap_says_how_channels_are_sorted(record):
    rows = sorted_rows(record, max_rows=11, channel_order="class")

    caption = rows_caption(rows)

    assert "23 images sorted by class" in caption
    assert f"mean of up to {rows.attrs['images_per_row']} images" in caption
    assert "sorted on the images that are shown" in caption
    assert "airliner (n = 7)" in caption


def test_caption_of_the_depth_figure_is_its_words(record):
    view = depth_profile(record)

    caption = depth_caption(view, SOURCE)

    for sentence in describe_depth(view):
        assert sentence in caption
