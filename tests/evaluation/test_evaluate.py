"""Accuracy, agreement, size and work of one network or of two."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.metrics import top_k_accuracy_score
from torch import nn

from networks import all_logits, mean_kl
from se_probe.checkpoints import Network
from se_probe.class_names import label_set
from se_probe.errors import ImagesError, UsageError
from se_probe.evaluation import evaluate
from se_probe.images import default_preprocessing, open_images
from se_probe.models import create_model


def test_accuracies_are_those_of_scikit_learn_and_scipy(
    network, evaluated, tiny_images
):
    result = evaluate(network, tiny_images, n_timed=0)

    logits, labels = all_logits(evaluated, tiny_images), np.repeat(range(4), 5)
    top1 = result.network.top1
    assert top1.n_images == 20
    assert top1.share == top_k_accuracy_score(labels, logits, k=1)
    interval = scipy.stats.binomtest(top1.n_correct, 20).proportion_ci(method="wilson")
    assert (top1.low, top1.high) == pytest.approx((interval.low, interval.high))
    assert result.network.top5.share == 1.0  # of four classes


def test_top5_of_ten_classes_is_that_of_scikit_learn():
    images = open_images(
        "digits", default_preprocessing("digits"), per_class=3, batch_size=16
    )
    torch.manual_seed(0)
    network = Network(create_model("se_lenet", 10), images.preprocessing)

    top5 = evaluate(network, images, n_timed=0).network.top5

    logits = all_logits(network.model.eval(), images)
    labels = [int(name) for name in images.class_names]
    assert 0 < top5.share < 1
    assert top5.share == pytest.approx(top_k_accuracy_score(labels, logits, k=5))


def test_difference_of_two_networks_is_that_of_their_logits(
    network, evaluated, other, tiny_images
):
    difference = evaluate(other, tiny_images, against=network, n_timed=0).difference

    before, after = (
        all_logits(model, tiny_images) for model in (evaluated, other.model.eval())
    )
    labels = np.repeat(range(4), 5)
    right = [logits.argmax(1) == labels for logits in (before, after)]
    assert difference.kl == pytest.approx(mean_kl(before, after), rel=1e-6)
    assert difference.agreement == (before.argmax(1) == after.argmax(1)).mean()
    assert difference.n_gained != difference.n_lost
    assert difference.n_gained == (~right[0] & right[1]).sum()
    assert difference.n_lost == (right[0] & ~right[1]).sum()
    assert difference.top1_change == pytest.approx(right[1].mean() - right[0].mean())


def test_network_does_not_differ_from_itself(network, tiny_images):
    result = evaluate(network, tiny_images, against=copy.deepcopy(network), n_timed=0)

    assert result.network.top1 == result.against.top1
    assert result.difference.kl == 0
    assert result.difference.agreement == 1
    assert result.difference.top1_change == 0
    assert result.difference.mcnemar_p == 1


def test_networks_are_left_as_they_were(network, other, tiny_images):
    before = copy.deepcopy(network.model.state_dict())

    evaluate(network, tiny_images, against=other, n_timed=1)

    assert all(module.training for module in network.model.modules())
    assert not any(module._forward_hooks for module in network.model.modules())
    after = network.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_images_of_unknown_classes_count_for_agreement_only(network, photos):
    (photos / "n99999999").mkdir()
    source = photos / "n01443537" / "0.png"
    (photos / "n99999999" / "0.png").write_bytes(source.read_bytes())
    images = open_images(photos, network.preprocessing, batch_size=4)

    result = evaluate(network, images, against=copy.deepcopy(network), n_timed=0)

    assert result.n_images == 21
    assert result.n_unknown_class == 1
    assert result.network.top1.n_images == result.difference.n_known == 20
    assert result.difference.n_compared == 21


def test_no_known_class_gives_no_accuracy(network, photos):
    for folder in list(photos.iterdir()):
        folder.rename(photos / f"class {folder.name[-1]}")
    images = open_images(photos, network.preprocessing)

    result = evaluate(network, images, against=copy.deepcopy(network), n_timed=0)

    assert result.network.top1 is None
    assert result.difference.top1_change is None
    assert result.difference.kl == 0


def test_unreadable_image_is_skipped_and_named(network, photos):
    (photos / "n02110958" / "2.png").write_bytes(b"no picture")
    images = open_images(photos, network.preprocessing, batch_size=3)

    result = evaluate(network, images, against=copy.deepcopy(network), n_timed=0)

    assert result.n_images == 20
    assert result.network.top1.n_images == result.difference.n_compared == 19
    assert len(result.skipped) == 1
    assert result.skipped[0].startswith("n02110958/2.png")


def test_nan_is_a_wrong_answer_and_counted(network, tiny_images):
    broken = copy.deepcopy(network)
    with torch.no_grad():
        broken.model.head.bias.fill_(float("nan"))

    result = evaluate(broken, tiny_images, against=network, n_timed=0)

    assert result.network.n_nan == 20
    assert result.network.top1.n_correct == 0
    assert result.network.top1.n_images == 20
    assert result.difference.kl is None
    assert result.difference.n_lost == result.against.top1.n_correct


def test_two_networks_read_every_image_once(network, other, tiny_images):
    reads = []

    def read(number):
        reads.append(number)
        return tiny_images.pictures.read(number)

    counted = replace(tiny_images, pictures=replace(tiny_images.pictures, read=read))

    evaluate(network, counted, against=other, n_timed=0)

    assert reads == list(range(20))


def test_batch_size_does_not_change_the_answer(network, other, tiny_images):
    results = [
        evaluate(network, replace(tiny_images, batch_size=b), against=other, n_timed=0)
        for b in (1, 7, 32)
    ]

    first, *others = [result.difference for result in results]
    for each in others:
        assert each.kl == pytest.approx(first.kl, rel=1e-5)
        assert replace(each, kl=0) == replace(first, kl=0)


def test_work_and_size_are_those_of_the_network(network, tiny_images):
    figures = evaluate(network, tiny_images, n_timed=1).network

    model = network.model
    assert figures.parameters == sum(p.numel() for p in model.parameters())
    # 16 x 16 pixels: convolutions to 8 x 8 and 4 x 4, SE blocks of 4-2-4 and 6-3-6.
    convolutions = 64 * 4 * 27 + 16 * 6 * 36
    assert figures.macs == convolutions + 2 * 4 * 2 + 2 * 6 * 3 + 6 * 4
    n_floats = figures.parameters + 2 * (4 + 6)  # running means and variances
    assert figures.weight_bytes == 4 * n_floats + 2 * 8  # batch counters are int64
    assert figures.latency_ms > 0
    assert figures.batch_latency_ms > 0


def test_result_is_plain_json(network, other, tiny_images):
    result = evaluate(network, tiny_images, against=other, n_timed=0)

    facts = json.loads(json.dumps(result.facts()))

    assert facts["network"]["top1"]["n_images"] == 20
    assert facts["images"]["n_images"] == 20
    assert facts["batch_size"] == 3


def test_progress_ends_at_images_times_networks(network, other, tiny_images):
    calls = []

    evaluate(
        network,
        tiny_images,
        against=other,
        n_timed=0,
        progress=lambda *call: calls.append(call),
    )

    assert calls[0] == (3, 40)
    assert calls[-1] == (40, 40)


def test_networks_of_other_classes_or_preprocessing_are_refused(network, tiny_images):
    other_names = replace(network, class_names=label_set(["a", "b", "c", "d"]))
    other_pixels = replace(
        network, preprocessing=replace(network.preprocessing, mean=(0.0,) * 3)
    )

    with pytest.raises(UsageError, match="differ in class names"):
        evaluate(network, tiny_images, against=other_names)
    with pytest.raises(UsageError, match="differ in preprocessing"):
        evaluate(network, tiny_images, against=other_pixels)


def test_outputs_that_do_not_match_are_refused(network, other, tiny_images):
    other.model.head = nn.Linear(6, 5)

    with pytest.raises(UsageError, match="expected scores of 4 classes"):
        evaluate(other, tiny_images, against=network, n_timed=0)


def test_no_images_are_refused(network, tiny_images):
    none = replace(tiny_images, pictures=tiny_images.pictures.chosen([]))

    with pytest.raises(ImagesError, match="no images to evaluate on"):
        evaluate(network, none)
