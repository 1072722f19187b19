"""The contact sheet: pictures, names and gates of the images at both ends."""

import numpy as np
import pytest
from PIL import Image

from figures import LOOK
from se_probe.errors import UsageError
from se_probe.gates import make_gates
from se_probe.plots import figure_extremes
from se_probe.views import extremes


@pytest.fixture
def view():
    rng = np.random.default_rng(0)
    record = make_gates(
        {"SE_2_1": rng.random((12, 4)), "SE_3_1": rng.random((12, 30))},
        ["goldfish", "pug", "a class of which the name is rather long"] * 4,
    )
    return extremes(record, ["SE_2_1"], [1, 3], n_images=5)


def picture(image_id):
    return (
        None if image_id == "3" else Image.new("RGB", (8, 6), (20 * int(image_id),) * 3)
    )


def test_every_image_stands_over_its_class_and_gate(view):
    fig = figure_extremes(view, picture)

    gates = [ax.texts[-1].get_text().split("\n")[-1] for ax in fig.axes]
    expected = view["gate"].transpose("channel", "end", "rank").values.ravel()
    assert gates == [f"{gate:.3f}" for gate in expected]
    shown = [
        ax.images[0].get_array()[0, 0, 0] if ax.images else None for ax in fig.axes
    ]
    ids = view["image_id"].transpose("channel", "end", "rank").values.ravel()
    assert shown == [None if k == "3" else 20 * int(k) for k in ids]


def test_an_image_without_a_picture_is_named(view):
    fig = figure_extremes(view)

    ids = view["image_id"].transpose("channel", "end", "rank").values.ravel().tolist()
    assert [ax.texts[0].get_text() for ax in fig.axes] == ids


def test_more_channels_than_can_be_looked_at_are_refused(view):
    many = view.isel(channel=np.arange(25) % 2)

    with pytest.raises(UsageError, match="up to 24 channels, got 25"):
        figure_extremes(many)


@pytest.mark.mpl_image_compare(**LOOK)
def test_look_of_the_contact_sheet(view):
    return figure_extremes(view, picture)
