"""Real photographs and digits."""

import os
from pathlib import Path

import pytest

from pictures import SMALL
from se_probe.images import (
    default_preprocessing,
    open_images,
)

real = pytest.mark.skipif(
    "SE_PROBE_TEST_DATA" not in os.environ, reason="SE_PROBE_TEST_DATA is not set"
)


@real
def test_real_photos_are_all_readable():
    folder = Path(os.environ["SE_PROBE_TEST_DATA"], "photos", "val")

    images = open_images(folder, SMALL, batch_size=50).take({}, others=1)
    batches = list(images.batches(range(4)))

    assert len(images) == len(set(images.class_names)) == 727
    assert not any(any(batch.problems) for batch in batches)


@real
def test_real_mnist_has_its_known_labels_and_mean():
    root = Path(os.environ["SE_PROBE_TEST_DATA"], "mnist")

    images = open_images(
        "mnist", default_preprocessing("mnist"), root=root, batch_size=1000
    )

    assert len(images) == 10000
    assert images.class_names[:5] == ("7", "2", "1", "0", "4")
    assert images.batch(0).mean().item() == pytest.approx(0, abs=0.05)
