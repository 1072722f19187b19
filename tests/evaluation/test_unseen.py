"""Images that a network has seen do not judge it, whatever they are called."""

from dataclasses import replace

from networks import halves
from se_probe.evaluation import evaluate, held_out
from se_probe.images import image_sums, open_images


def having_seen(network, use, images):
    seen = {use: image_sums(images)}
    provenance = replace(network.provenance, seen_images=seen)
    return replace(network, provenance=provenance)


def test_a_network_that_has_seen_nothing_is_judged_on_everything(network, tiny_images):
    unseen = held_out(tiny_images, [network])

    assert unseen.images is tiny_images
    assert (unseen.n_seen, unseen.note) == (0, "")


def test_seen_images_are_left_out_and_counted(network, tiny_images):
    first, others = halves(tiny_images)
    tuned = having_seen(network, "calibrating", first)

    result = evaluate(tuned, tiny_images, against=network, n_timed=0)

    assert result.n_images == result.difference.n_compared == len(others) == 10
    assert result.images["sha256"] == others.source["sha256"]
    assert "10 of 20 images were left out" in result.notes[0]


def test_the_same_bytes_under_another_name_are_seen(network, photos, tiny_images):
    tuned = having_seen(network, "training", halves(tiny_images)[0])
    for path in photos.rglob("*.png"):
        path.rename(path.with_name(f"renamed_{path.name}"))
    renamed = open_images(photos, network.preprocessing)

    assert held_out(renamed, [tuned]).n_seen == 10


def test_other_bytes_under_a_seen_name_are_not_seen(network, photos, tiny_images):
    tuned = having_seen(network, "training", tiny_images)
    path = photos / tiny_images.image_ids[0]
    path.write_bytes((photos / tiny_images.image_ids[7]).read_bytes() + b"\0")

    unseen = held_out(tiny_images, [tuned])

    assert unseen.images.image_ids == tiny_images.image_ids[:1]


def test_images_that_only_judged_come_before_those_that_calibrated(
    network, tiny_images
):
    first, others = halves(tiny_images)
    sums = {"calibrating": image_sums(first), "judging": image_sums(others)}
    provenance = replace(network.provenance, seen_images=sums)

    unseen = held_out(tiny_images, [replace(network, provenance=provenance)])

    assert unseen.images.image_ids == others.image_ids
    assert "is slightly optimistic" in unseen.note


def test_where_nothing_is_left_all_judge_with_a_warning(network, tiny_images):
    tuned = having_seen(network, "choosing", tiny_images)

    unseen = held_out(tiny_images, [tuned])

    assert len(unseen.images) == 20
    assert "give other images" in unseen.note
