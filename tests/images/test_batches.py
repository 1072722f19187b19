"""Batches: fixed order, full shape, nothing left behind."""

import multiprocessing
import pickle

import pytest
import torch

from pictures import SMALL, noise_picture
from se_probe.errors import ImagesError, UsageError
from se_probe.images import (
    open_images,
)


def test_unreadable_image_is_skipped_with_its_reason(folder):
    images = open_images(folder, SMALL, batch_size=8)

    batch = next(images.batches([0]))

    assert [row for row, why in enumerate(batch.problems) if why] == [3]
    assert batch.problems[3].startswith("cat/3.png: image file is truncated")
    assert not batch.pixels[3].any()
    assert batch.pixels[[0, 1, 2, 4, 5, 6, 7]].flatten(1).any(1).all()


def test_every_batch_has_the_full_shape(folder):
    images = open_images(folder, SMALL, batch_size=8)

    pixels = images.batch(2)

    assert images.n_batches == 3
    assert pixels.shape == (8, 3, 16, 16)
    assert pixels[:4].flatten(1).any(1).all()
    assert not pixels[4:].any()
    assert len(next(images.batches([2])).problems) == 8


def test_pixels_are_those_of_the_transform(folder):
    images = open_images(folder, SMALL, batch_size=8)

    pixels = images.batch(1)[0]

    assert images.image_ids[8] == "cat/8.png"
    assert torch.equal(pixels, SMALL.transform()(noise_picture(8)))


def test_workers_change_neither_pixels_nor_order(folder):
    numbers = [2, 0, 1, 0]
    here = list(open_images(folder, SMALL, batch_size=8).batches(numbers))

    there = list(open_images(folder, SMALL, batch_size=8, workers=2).batches(numbers))

    assert [batch.number for batch in there] == numbers
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one.pixels, other.pixels)
        assert one.problems == other.problems


@pytest.mark.parametrize("workers", [0, 2])
def test_image_that_went_away_stops_with_one_sentence(folder, workers):
    images = open_images(folder, SMALL, batch_size=8, workers=workers)
    (folder / "cat" / "9.png").unlink()

    with pytest.raises(ImagesError) as caught:
        list(images.batches([0, 1, 2]))

    assert "cat/9.png could not be opened (No such file" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("workers", [0, 2])
def test_reading_leaves_random_numbers_and_threads_alone(folder, workers):
    images = open_images(folder, SMALL, batch_size=8, workers=workers)
    random_state = torch.get_rng_state()

    list(images.batches(range(3)))

    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.get_num_threads() == 3


def test_abandoned_reading_leaves_no_process(folder):
    batches = open_images(folder, SMALL, batch_size=2, workers=2).batches(range(10))
    next(batches)

    batches.close()

    assert not multiprocessing.active_children()


def test_reading_keeps_no_pixels(folder):
    images = open_images(folder, SMALL, batch_size=8)
    before = len(pickle.dumps(images))

    list(images.batches(range(3)))

    assert len(pickle.dumps(images)) == before


def test_images_can_be_sent_to_another_process(folder):
    images = open_images(folder, SMALL, batch_size=8).take({}, others=5)

    copy = pickle.loads(pickle.dumps(images))

    assert torch.equal(copy.batch(1), images.batch(1))


def test_unknown_batch_is_refused(folder):
    images = open_images(folder, SMALL, batch_size=8)

    for number in (-1, 3):
        with pytest.raises(ImagesError, match="20 images make 3 batches"):
            images.batch(number)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"workers": -1}, "workers must be at least 0"),
        ({"split": "validation"}, "split of scenes must be train or test"),
        ({"per_class": 0}, "per_class must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(bad, sentence):
    with pytest.raises(UsageError, match=sentence):
        open_images("scenes", SMALL, **bad)
