"""Choosing some images of each class."""

import pytest
import torch

from pictures import SMALL
from se_probe.errors import ImagesError, UsageError
from se_probe.images import (
    open_images,
)


def test_take_is_even_over_sorted_ids_and_keeps_the_order(folder):
    images = open_images(folder, SMALL)

    taken = images.take({"n02110958": 4}, others=2)

    assert taken.image_ids == (
        "cat/0.png",
        "cat/9.png",
        *(f"n02110958/{i}.png" for i in (0, 3, 6, 9)),
    )
    assert torch.equal(taken.batch(0)[3], images.batch(0)[13])


def test_take_gives_all_where_more_are_asked_for(folder):
    images = open_images(folder, SMALL)

    assert len(images.take({"cat": 50}, others=0)) == 10
    assert len(images.take({"cat": 50}, others=None)) == 20
    assert len(images.take({}, others=3)) == 6


@pytest.mark.parametrize("n", range(1, 11))
def test_take_never_takes_an_image_twice(folder, n):
    images = open_images(folder, SMALL).take({}, others=n)

    assert len(set(images.image_ids)) == len(images) == 2 * n


def test_take_of_an_unknown_class_is_refused(folder):
    images = open_images(folder, SMALL)

    with pytest.raises(ImagesError, match=r"no images of dog.*it has cat, n02110958"):
        images.take({"dog": 1}, others=None)
    with pytest.raises(ImagesError, match=r"no images of .* were asked for"):
        images.take({}, others=0)
    with pytest.raises(UsageError, match="must be at least 0"):
        images.take({"cat": -1}, others=None)
