"""Opening images again from what a record says."""

import json

import pytest
import torch

from pictures import SMALL
from se_probe.errors import ImagesError
from se_probe.images import (
    default_preprocessing,
    open_images,
    reopen_images,
)


def test_source_reopens_the_same_images(folder):
    images = open_images(folder, SMALL, per_class=8).take({"cat": 2}, others=3)

    source = json.loads(json.dumps(images.source))
    again = reopen_images(source, SMALL, batch_size=7)

    assert source["n_images"] == 5
    assert source["decoder"].startswith("Pillow")
    assert again.image_ids == images.image_ids
    assert again.source == images.source


@pytest.mark.parametrize("name", ["digits", "scenes"])
def test_source_of_a_built_in_data_set_reopens(name):
    preprocessing = default_preprocessing(name)
    images = open_images(name, preprocessing, per_class=2, split="train", seed=3)

    again = reopen_images(images.source, preprocessing)

    assert again.source == images.source
    assert torch.equal(again.batch(0), images.batch(0))


def test_changed_image_list_is_noticed(folder):
    source = open_images(folder, SMALL).source
    (folder / "cat" / "9.png").rename(folder / "cat" / "8b.png")

    with pytest.raises(ImagesError, match="no longer those that were recorded"):
        reopen_images(source, SMALL)
