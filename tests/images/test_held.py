"""Images whose pixels stay in memory."""

from dataclasses import replace

import torch

from se_probe.images import default_preprocessing, hold_images, open_images


def counted_digits(**options):
    """Digits, and a list to which every read adds."""
    images = open_images("digits", default_preprocessing("digits"), **options)
    reads = []

    def read(index):
        reads.append(index)
        return images.pictures.read(index)

    return replace(images, pictures=replace(images.pictures, read=read)), reads


def test_every_image_is_read_once():
    images, reads = counted_digits(per_class=3, batch_size=8)
    held = hold_images(images)

    passes = [list(held.batches(range(held.n_batches))) for _ in range(3)]
    held.batch(1)

    assert sorted(reads) == list(range(30))
    for batches in passes:
        for number, batch in enumerate(batches):
            assert batch.number == number
            torch.testing.assert_close(batch.pixels, images.batch(number))


def test_a_part_of_held_images_has_its_own_pixels():
    images, _ = counted_digits(per_class=3, batch_size=8)
    held = hold_images(images)
    held.batch(0)

    part = replace(held, pictures=held.pictures.chosen(range(20, 30)))

    assert not part.batch(0).equal(held.batch(0))


def test_images_that_do_not_fit_are_read_again():
    images, reads = counted_digits(per_class=1, batch_size=10)
    n_bytes = images.batch(0).nbytes
    reads.clear()

    too_large = hold_images(images, n_bytes - 1)

    assert too_large is images
    assert hold_images(images, n_bytes) is not images
