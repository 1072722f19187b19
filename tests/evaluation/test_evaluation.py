"""Accuracy, agreement and latency; what freezing gates costs; constants."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.metrics import top_k_accuracy_score
from torch import nn

from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import Network
from se_probe.class_names import label_set
from se_probe.errors import (
    BlockError,
    BlockNameError,
    GateRecordError,
    ImagesError,
    UsageError,
)
from se_probe.evaluation import (
    block_milliseconds,
    bonett_price_interval,
    check_apart,
    evaluate,
    freezing_curve,
    images_of_record,
    keep_apart,
    least_squares_constants,
    mcnemar_p,
    mean_constants,
    measure_blocks,
    measure_changes,
    median_milliseconds,
    sequential_constants,
)
from se_probe.gates import State, make_gates
from se_probe.images import default_preprocessing, open_images
from se_probe.models import create_model
from se_probe.record import record_gates

# Complete response before and after consolidation therapy (Cavo et al., Blood 120,
# 2012): 59 both, 6 only before, 16 only after, 80 neither. Worked out in Fagerland,
# Lydersen and Laake, Statistical Analysis of Contingency Tables, 2017, chapter 8; the
# numbers are those of their R package contingencytables.
CAVO = {"n_gained": 6, "n_lost": 16}


class Scale(nn.Module):
    """Multiplication of each channel by a constant."""

    def __init__(self, constant):
        super().__init__()
        self.constant = constant

    def forward(self, x):
        return x * self.constant.to(x)[:, None, None]


def with_scale(network, layer, constant):
    """Copy of the tiny network with one SE block replaced by a constant scale."""
    model = copy.deepcopy(network.model)
    getattr(model, layer)[0].se = Scale(constant)
    return model.eval()


def all_logits(model, images):
    """Logits of all images, float64, shape (n_images, classes)."""
    with torch.no_grad():
        batches = [model(images.batch(k)) for k in range(images.n_batches)]
    return torch.cat(batches)[: len(images)].double().numpy()


def mean_kl(original, changed):
    """Second opinion on KL(original || changed)."""
    p, q = scipy.special.softmax(original, 1), scipy.special.softmax(changed, 1)
    return scipy.stats.entropy(p, q, axis=1).mean()


def parts(images):
    """Every second image, and the others."""
    positions = range(len(images))
    return [
        replace(images, pictures=images.pictures.chosen(positions[start::2]))
        for start in (0, 1)
    ]


def give_head(network, images, seed):
    """Random head about the mean image, so that answers differ between images."""
    head = network.model.eval().head
    with torch.no_grad():
        head.weight.normal_(0, 30, generator=torch.Generator().manual_seed(seed))
        head.bias.zero_()
        head.bias.sub_(torch.from_numpy(all_logits(network.model, images).mean(0)))


@pytest.fixture
def network(tiny_network, tiny_images):
    """In training mode, so that a forgotten eval() shows."""
    give_head(tiny_network, tiny_images, seed=0)
    tiny_network.model.train()
    return tiny_network


@pytest.fixture
def evaluated(network):
    """The same weights in evaluation mode."""
    return copy.deepcopy(network.model).eval()


@pytest.fixture
def blocks(network, tiny_images):
    return find_se_blocks(network.model, tiny_images.batch(0))


@pytest.fixture
def other(network, tiny_images):
    """A network with another head."""
    changed = copy.deepcopy(network)
    give_head(changed, tiny_images, seed=1)
    return changed


# --- intervals and tests -------------------------------------------------------------


def test_bonett_price_interval_of_a_published_example():
    low, high = bonett_price_interval(**CAVO, n=161)

    assert (round(low, 4), round(high, 4)) == (-0.1195, -0.0032)


def test_bonett_price_interval_where_nothing_changed_by_hand():
    low, high = bonett_price_interval(0, 0, 10)

    # Laplace: 1/12 and 1/12, so z * sqrt((2/12) / 12).
    assert high == pytest.approx(1.959964 * (1 / 72) ** 0.5)
    assert low == -high


def test_interval_changes_sign_when_the_networks_change_places():
    low, high = bonett_price_interval(16, 6, 161)

    assert (-high, -low) == pytest.approx(bonett_price_interval(6, 16, 161))


def test_interval_ends_within_minus_one_and_one():
    assert bonett_price_interval(2, 0, 2)[1] == 1
    assert np.isnan(bonett_price_interval(0, 0, 0)).all()


def test_mcnemar_of_published_examples():
    # Bentur et al., 2009, in the same chapter: 1 and 7, so 2 * (1 + 8) / 2**8.
    assert mcnemar_p(1, 7) == pytest.approx(0.0703125)
    assert mcnemar_p(**CAVO) == pytest.approx(0.052479, abs=5e-7)
    assert mcnemar_p(0, 0) == 1


@pytest.mark.parametrize(("gained", "lost", "n"), [(-1, 0, 5), (3, 3, 5)])
def test_counts_that_cannot_be_are_refused(gained, lost, n):
    with pytest.raises(UsageError, match="do not exceed the number of images"):
        bonett_price_interval(gained, lost, n)


# --- evaluate ------------------------------------------------------------------------


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
    other_names = copy.deepcopy(network)
    other_names.class_names = label_set(["a", "b", "c", "d"])
    other_pixels = copy.deepcopy(network)
    other_pixels.preprocessing = replace(network.preprocessing, mean=(0.0,) * 3)

    with pytest.raises(UsageError, match="differ in class names"):
        evaluate(network, tiny_images, against=other_names)
    with pytest.raises(UsageError, match="differ in preprocessing"):
        evaluate(network, tiny_images, against=other_pixels)


def test_outputs_that_do_not_match_are_refused(network, other, tiny_images):
    other.model.head = nn.Linear(6, 5)

    with pytest.raises(UsageError, match="got 4 and 5 of them"):
        evaluate(other, tiny_images, against=network, n_timed=0)


def test_no_images_are_refused(network, tiny_images):
    none = replace(tiny_images, pictures=tiny_images.pictures.chosen([]))

    with pytest.raises(ImagesError, match="no images to evaluate on"):
        evaluate(network, none)


# --- latency -------------------------------------------------------------------------


def test_networks_are_timed_by_turns():
    order = []

    times = median_milliseconds(
        [lambda x: order.append("a"), lambda x: order.append("b")], torch.zeros(1), 2
    )

    assert "".join(order) == "abba" * 2  # two rounds of warm-up
    assert len(times) == 2


def test_blocks_are_timed_where_they_have_a_module(network, tiny_images, blocks):
    inlined = replace(blocks[1], path="layer2.0")

    times = block_milliseconds(
        network.model, [blocks[0], inlined], tiny_images.batch(0), n_runs=2
    )

    assert times["SE_2_1"] > 0
    assert np.isnan(times["SE_3_1"])


# --- cost of blocks ------------------------------------------------------------------


def test_costs_are_those_of_networks_changed_by_hand(
    network, evaluated, tiny_images, blocks
):
    calibrating, judging = parts(tiny_images)
    gates = record_gates(network, calibrating, blocks)

    measured = measure_blocks(network, judging, gates, blocks, n_timed=1)

    original, labels = all_logits(evaluated, judging), [0] * 2 + [1] * 3 + [2] * 2
    labels = np.array([*labels, 3, 3, 3])
    for block, layer in (("SE_2_1", "layer1"), ("SE_3_1", "layer2")):
        mean = gates.sel(channel=gates["block"] == block).values.mean(0)
        for treatment, constant in (("frozen", mean), ("identity", np.ones_like(mean))):
            model = with_scale(network, layer, torch.from_numpy(constant))
            changed = all_logits(model, judging)
            one = measured.sel(block=block, treatment=treatment)
            assert one["kl"] == pytest.approx(mean_kl(original, changed), rel=1e-4)
            same = original.argmax(1) == changed.argmax(1)
            assert one["agreement"] == pytest.approx(same.mean())
            gained = (changed.argmax(1) == labels).mean()
            lost = (original.argmax(1) == labels).mean()
            assert one["top1_change"] == pytest.approx(gained - lost)
    assert measured["parameters"].values.tolist() == [4 * 2 * 2 + 6, 6 * 3 * 2 + 9]
    assert (measured["milliseconds"] > 0).all()
    assert measured.attrs["n_images"] == measured.attrs["n_calibration"] == 10


def test_block_with_constant_gates_costs_nothing_when_frozen(
    network, tiny_images, blocks
):
    with torch.no_grad():
        network.model.layer1[0].se.fc2.weight.zero_()
    calibrating, judging = parts(tiny_images)
    gates = record_gates(network, calibrating, blocks)

    measured = measure_blocks(network, judging, gates, blocks, n_timed=0)

    kl = measured["kl"].sel(block="SE_2_1")
    assert kl.sel(treatment="frozen") == pytest.approx(0, abs=1e-12)
    assert kl.sel(treatment="identity") > 1e-6
    assert "milliseconds" not in measured


def test_nothing_changed_is_no_cost(network, tiny_images):
    measured = measure_changes(network, tiny_images, [([], None)])

    assert measured["kl"].item() == 0
    assert measured["agreement"].item() == 1
    assert measured["top1_change"].item() == 0


def test_curve_begins_with_single_blocks_and_ends_with_all(
    network, tiny_images, blocks
):
    calibrating, judging = parts(tiny_images)
    gates = record_gates(network, calibrating, blocks)
    order = blocks[::-1]

    curve = freezing_curve(network, judging, gates, order)

    single = measure_blocks(network, judging, gates, blocks, n_timed=0)
    for line in ("frozen", "identity"):
        first = curve.sel(line=line, n_blocks=1)
        assert first["added"].item() == "SE_3_1"
        assert first["kl"] == single["kl"].sel(treatment=line, block="SE_3_1")
    last = curve["kl"].sel(n_blocks=2)
    assert last.sel(line="frozen") == last.sel(line="random")
    sizes = [block.parameters for block in order]
    assert curve["parameters"].sel(line="frozen").values.tolist() == [
        sizes[0],
        sum(sizes),
    ]


def test_random_order_comes_from_the_seed(network, tiny_images, blocks):
    calibrating, judging = parts(tiny_images)
    gates = record_gates(network, calibrating, blocks)

    def random_order(seed):
        curve = freezing_curve(network, judging, gates, blocks, seed=seed)
        return tuple(curve["added"].sel(line="random").values)

    orders = [random_order(seed) for seed in (0, 1, 2, 3, 0)]

    assert orders[0] == orders[-1]
    assert len(set(orders)) == 2


def test_judging_on_images_that_were_calibrated_on_is_refused(
    network, tiny_images, blocks
):
    gates = record_gates(network, tiny_images, blocks)

    for measure in (measure_blocks, freezing_curve):
        with pytest.raises(UsageError, match="20 of the 20 images to judge on are in"):
            measure(network, tiny_images, gates, blocks)


def test_record_of_other_weights_is_refused(network, other, tiny_images, blocks):
    calibrating, judging = parts(tiny_images)
    gates = record_gates(other, calibrating, blocks)

    with pytest.raises(GateRecordError, match="of other weights"):
        measure_blocks(network, judging, gates, blocks)


def test_record_without_the_block_is_refused(network, tiny_images, blocks):
    gates = make_gates({"SE_2_1": np.full((2, 4), 0.5)}, ["pug", "pug"])

    with pytest.raises(GateRecordError, match=r"6 gates of SE_3_1 \(layer2.0.se\)"):
        measure_blocks(network, tiny_images, gates, blocks)


def test_record_that_names_blocks_otherwise_is_refused(network, tiny_images, blocks):
    calibrating, judging = parts(tiny_images)
    renamed = [replace(block, path=f"other.{block.path}") for block in blocks]
    gates = record_gates(network, calibrating, blocks)

    with pytest.raises(GateRecordError, match=r"got 4 of layer1.0.se"):
        measure_blocks(network, judging, gates, renamed)


def test_measuring_no_block_is_refused(network, tiny_images):
    gates = make_gates({"SE_2_1": np.full((1, 4), 0.5)}, ["pug"])

    with pytest.raises(BlockNameError, match="which blocks"):
        measure_blocks(network, tiny_images, gates, [])


def test_constants_of_another_width_are_refused(network, tiny_images, blocks):
    change = (blocks[:1], {"SE_2_1": torch.ones(5)})

    with pytest.raises(BlockError, match="one for each of its 4 channels"):
        measure_changes(network, tiny_images, [change])


# --- constants -----------------------------------------------------------------------


def test_mean_constants_are_means_over_recorded_images():
    values = {
        "SE_2_1": [[0.2], [0.4], [1.0]],
        "SE_3_1": [[0.0, 1.0], [0.5, 0.5], [1, 1]],
    }
    record = make_gates(values, ["pug", "cliff", "pug"])
    state = np.array([State.RECORDED, State.RECORDED, State.SKIPPED], np.uint8)

    constants = mean_constants(record.assign_coords(state=("image", state)))

    assert constants["SE_2_1"].tolist() == pytest.approx([0.3])
    assert constants["SE_3_1"].tolist() == [0.25, 0.75]


def test_mean_of_an_empty_record_is_refused():
    record = make_gates({"SE_2_1": [[0.2]]}, ["pug"])
    state = np.array([State.SKIPPED], np.uint8)

    with pytest.raises(GateRecordError, match="none of the record has been recorded"):
        mean_constants(record.assign_coords(state=("image", state)))


def test_least_squares_constants_are_those_of_numpy(
    network, evaluated, tiny_images, blocks
):
    constants = least_squares_constants(network, tiny_images, blocks)

    unit = evaluated.layer1[0]
    with torch.no_grad():
        pixels = torch.cat([tiny_images.batch(k) for k in range(7)])[:20]
        x = unit.bn(unit.conv(pixels)).relu()
        scaled = unit.se(x)
    for channel in range(4):
        column = x[:, channel].double().numpy().reshape(-1, 1)
        target = scaled[:, channel].double().numpy().ravel()
        expected = np.linalg.lstsq(column, target)[0].item()
        assert constants["SE_2_1"][channel].item() == pytest.approx(expected, rel=1e-5)


def test_channel_that_is_always_zero_gets_its_mean_gate(network, tiny_images, blocks):
    with torch.no_grad():
        network.model.layer1[0].bn.weight[0] = 0
        network.model.layer1[0].bn.bias[0] = -1
    gates = record_gates(network, tiny_images, blocks)

    constants = least_squares_constants(network, tiny_images, blocks)

    mean = mean_constants(gates)["SE_2_1"]
    assert constants["SE_2_1"][0].item() == pytest.approx(mean[0].item(), rel=1e-6)
    assert not torch.allclose(constants["SE_2_1"][1:], mean[1:])


def test_sequential_constants_see_the_blocks_before_frozen(
    network, tiny_images, blocks
):
    gates = record_gates(network, tiny_images, blocks)

    constants = sequential_constants(network, tiny_images, blocks, least_squares=False)

    mean = mean_constants(gates)
    torch.testing.assert_close(constants["SE_2_1"], mean["SE_2_1"])
    frozen = replace_model(network, with_scale(network, "layer1", mean["SE_2_1"]))
    again = record_gates(frozen, tiny_images)
    expected = mean_constants(again)["SE_3_1"]
    torch.testing.assert_close(constants["SE_3_1"], expected, rtol=1e-6, atol=1e-7)
    assert not torch.allclose(constants["SE_3_1"], mean["SE_3_1"], rtol=1e-6)


def test_sequential_least_squares_begins_with_the_plain_one(
    network, tiny_images, blocks
):
    plain = least_squares_constants(network, tiny_images, blocks)
    calls = []

    constants = sequential_constants(
        network,
        tiny_images,
        blocks,
        least_squares=True,
        progress=lambda *call: calls.append(call),
    )

    assert torch.equal(constants["SE_2_1"], plain["SE_2_1"])
    assert not torch.allclose(constants["SE_3_1"], plain["SE_3_1"], rtol=1e-6)
    assert calls[-1] == (40, 40)
    assert calls == sorted(calls)


def test_settled_constants_stay_and_the_others_are_chosen_behind_them(
    network, tiny_images, blocks
):
    closed = {"SE_2_1": torch.zeros(4, dtype=torch.float64)}

    behind = sequential_constants(network, tiny_images, blocks, fixed=closed)

    assert torch.equal(behind["SE_2_1"], closed["SE_2_1"])
    free = sequential_constants(network, tiny_images, blocks)
    assert not torch.allclose(behind["SE_3_1"], free["SE_3_1"], rtol=1e-6)
    assert list(behind) == list(free)


def test_unreadable_images_and_padding_have_no_part_in_constants(
    network, photos, blocks
):
    readable = open_images(photos, network.preprocessing, batch_size=20)
    expected = least_squares_constants(network, readable, blocks)
    (photos / "n01443537" / "9.png").write_bytes(b"no picture")
    images = open_images(photos, network.preprocessing, batch_size=8)

    constants = least_squares_constants(network, images, blocks)

    assert len(images) == 21
    torch.testing.assert_close(
        constants["SE_3_1"], expected["SE_3_1"], rtol=1e-5, atol=0
    )


def test_calibrating_on_nothing_readable_is_refused(network, photos, blocks):
    images = open_images(photos, network.preprocessing)
    for picture in photos.rglob("*.png"):
        picture.write_bytes(b"no picture")

    with pytest.raises(ImagesError, match="none of the 20 images to calibrate on"):
        least_squares_constants(network, images, blocks)


def replace_model(network, model):
    return Network(
        model, network.preprocessing, network.class_names, "networks:TinyNet"
    )


# --- keeping images apart ------------------------------------------------------------


def test_shared_images_are_parted_evenly(network, tiny_images, blocks):
    gates = record_gates(network, tiny_images, blocks)

    part, judging = keep_apart(gates, tiny_images)

    check_apart(part, judging)
    assert part.sizes["image"] == len(judging) == 10
    assert {*part["image_id"].values, *judging.image_ids} == {*tiny_images.image_ids}
    for names in (part["class_name"].values, judging.class_names):
        assert np.unique(names, return_counts=True)[1].min() >= 2


def test_images_that_are_apart_already_stay_where_they_are(
    network, tiny_images, blocks
):
    calibrating, judging = parts(tiny_images)
    gates = record_gates(network, calibrating, blocks)

    part, images = keep_apart(gates, judging)

    assert part.identical(gates)
    assert images.image_ids == judging.image_ids


def test_images_of_a_record_are_all_of_its_or_none(network, tiny_images, blocks):
    part, judging = keep_apart(record_gates(network, tiny_images, blocks), tiny_images)

    of_record = images_of_record(part, tiny_images)

    assert {*of_record.image_ids} == {*part["image_id"].values}
    assert images_of_record(part, judging) is None


def test_one_shared_image_cannot_be_parted(network, tiny_images, blocks):
    one = replace(tiny_images, pictures=tiny_images.pictures.chosen([0]))
    gates = record_gates(network, one, blocks)

    with pytest.raises(ImagesError, match="1 images cannot be parted"):
        keep_apart(gates, one)
