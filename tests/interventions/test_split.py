"""Images that calibrate and images that judge are never the same."""

from dataclasses import replace

import numpy as np
import pytest

from networks import halves
from se_probe.errors import ImagesError
from se_probe.interventions import images_of_record, keep_apart, split_images
from se_probe.record import record_gates


def test_shared_images_are_split_evenly(network, tiny_images, blocks):
    gates = record_gates(network, tiny_images, blocks)

    part, judging = keep_apart(gates, tiny_images)

    assert not {*part["image_id"].values} & {*judging.image_ids}
    assert part.sizes["image"] == len(judging) == 10
    assert {*part["image_id"].values, *judging.image_ids} == {*tiny_images.image_ids}
    for names in (part["class_name"].values, judging.class_names):
        assert np.unique(names, return_counts=True)[1].min() >= 2


def test_images_that_are_apart_already_stay_where_they_are(
    network, tiny_images, blocks
):
    calibrating, judging = halves(tiny_images)
    gates = record_gates(network, calibrating, blocks)

    part, images = keep_apart(gates, judging)

    assert part.identical(gates)
    assert images.image_ids == judging.image_ids


def test_images_of_a_record_are_all_of_its_or_none(network, tiny_images, blocks):
    part, judging = keep_apart(record_gates(network, tiny_images, blocks), tiny_images)

    of_record = images_of_record(part, tiny_images)

    assert {*of_record.image_ids} == {*part["image_id"].values}
    assert images_of_record(part, judging) is None


def test_one_shared_image_cannot_be_split(network, tiny_images, blocks):
    one = replace(tiny_images, pictures=tiny_images.pictures.chosen([0]))
    gates = record_gates(network, one, blocks)

    with pytest.raises(ImagesError, match="1 images cannot be split"):
        keep_apart(gates, one)


def test_parts_are_disjoint_and_hold_every_image(tiny_images):
    parts = split_images(tiny_images, (0.2, 0.2, 0.6))

    assert [len(part) for part in parts] == [4, 4, 12]
    ids = [name for part in parts for name in part.image_ids]
    assert sorted(ids) == sorted(tiny_images.image_ids)
    # Drawn, not cut: the images of one class may lie together.
    assert parts[0].image_ids != tiny_images.image_ids[:4]
    labels = dict(zip(tiny_images.image_ids, tiny_images.class_names, strict=True))
    for part in parts:
        assert list(part.class_names) == [labels[name] for name in part.image_ids]


def test_other_seeds_draw_other_parts(tiny_images):
    first, again, other = (
        split_images(tiny_images, (0.2, 0.2, 0.6), seed)[0] for seed in (0, 0, 1)
    )

    assert first.image_ids == again.image_ids != other.image_ids


def test_too_few_images_to_split(tiny_images):
    few = replace(tiny_images, pictures=tiny_images.pictures.chosen([0, 1]))

    with pytest.raises(ImagesError, match="2 images cannot be split into 3 parts"):
        split_images(few, (0.2, 0.2, 0.6))
