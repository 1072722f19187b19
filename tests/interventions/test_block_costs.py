"""What it costs to hold gates: as networks changed by hand show."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from networks import all_logits, halves, mean_kl, with_scale
from se_probe.errors import BlockError, BlockNameError, GateRecordError
from se_probe.gates import make_gates
from se_probe.interventions import (
    Calibration,
    Intervention,
    calibrate,
    freezing_curve,
    least_squares_constants,
    mean_constants,
    measure_blocks,
    measure_interventions,
)
from se_probe.record import record_gates


@pytest.fixture
def calibration(network, tiny_images, blocks) -> Calibration:
    """Mean gates of one half of the images; the other half judges."""
    calibrating, judging = halves(tiny_images)
    return calibrate(network, judging, record_gates(network, calibrating, blocks))


def test_costs_are_those_of_networks_changed_by_hand(
    network, evaluated, tiny_images, blocks
):
    calibrating, judging = halves(tiny_images)
    gates = record_gates(network, calibrating, blocks)
    calibration = calibrate(network, judging, gates, blocks)

    measured = measure_blocks(network, calibration, n_timed=1)

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
    calibrating, judging = halves(tiny_images)
    gates = record_gates(network, calibrating, blocks)
    calibration = calibrate(network, judging, gates, blocks)

    measured = measure_blocks(network, calibration, n_timed=0)

    kl = measured["kl"].sel(block="SE_2_1")
    assert kl.sel(treatment="frozen") == pytest.approx(0, abs=1e-12)
    assert kl.sel(treatment="identity") > 1e-6
    assert "milliseconds" not in measured


def test_nothing_changed_is_no_cost(network, tiny_images):
    measured = measure_interventions(network, tiny_images, [Intervention([])])

    assert measured["kl"].item() == 0
    assert measured["agreement"].item() == 1
    assert measured["top1_change"].item() == 0


def test_curve_begins_with_single_blocks_and_ends_with_all(network, calibration):
    order = calibration.blocks[::-1]

    curve = freezing_curve(network, calibration, [block.name for block in order])

    single = measure_blocks(network, calibration, n_timed=0)
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


def test_random_order_comes_from_the_seed(network, calibration):
    names = [block.name for block in calibration.blocks]

    def random_order(seed):
        curve = freezing_curve(network, calibration, names, seed=seed)
        return tuple(curve["added"].sel(line="random").values)

    orders = [random_order(seed) for seed in (0, 1, 2, 3, 0)]

    assert orders[0] == orders[-1]
    assert len(set(orders)) == 2


def test_recorded_images_calibrate_by_least_squares_where_they_are_at_hand(
    network, tiny_images, blocks
):
    gates = record_gates(network, tiny_images, blocks)

    calibration = calibrate(network, tiny_images, gates)

    assert (calibration.method, calibration.n_images) == ("least squares", 10)
    judging = calibration.judging.image_ids
    kept = [i for i, name in enumerate(tiny_images.image_ids) if name not in judging]
    calibrating = replace(tiny_images, pictures=tiny_images.pictures.chosen(kept))
    expected = least_squares_constants(network, calibrating, blocks)
    assert len(judging) == len(kept) == 10
    for block in blocks:
        assert torch.equal(calibration.constants[block.name], expected[block.name])


def test_at_most_so_many_recorded_images_calibrate(network, tiny_images, blocks):
    gates = record_gates(network, tiny_images, blocks)

    calibration = calibrate(network, tiny_images, gates, n_calibrating=4)

    assert calibration.n_images == 4
    assert len(calibration.judging) == 10
    assert "4 of 10 recorded images calibrate, evenly chosen" in calibration.notes


def test_recorded_images_that_are_not_at_hand_calibrate_by_their_mean(
    network, tiny_images, blocks
):
    calibrating, judging = halves(tiny_images)
    gates = record_gates(network, calibrating, blocks)

    calibration = calibrate(network, judging, gates)

    assert (calibration.method, calibration.n_images) == ("mean", 10)
    assert calibration.judging.image_ids == judging.image_ids
    expected = mean_constants(gates)
    for block in blocks:
        assert torch.equal(calibration.constants[block.name], expected[block.name])


def test_record_of_other_weights_is_refused(network, other, tiny_images, blocks):
    calibrating, judging = halves(tiny_images)
    gates = record_gates(other, calibrating, blocks)

    with pytest.raises(GateRecordError, match="of other weights"):
        calibrate(network, judging, gates)


def test_record_without_the_block_is_refused(network, tiny_images, blocks):
    gates = make_gates({"SE_2_1": np.full((2, 4), 0.5)}, ["pug", "pug"])

    with pytest.raises(GateRecordError, match=r"6 gates of SE_3_1 \(layer2.0.se\)"):
        calibrate(network, tiny_images, gates, blocks)


def test_record_that_names_blocks_otherwise_is_refused(network, tiny_images, blocks):
    calibrating, judging = halves(tiny_images)
    renamed = [replace(block, path=f"other.{block.path}") for block in blocks]
    gates = record_gates(network, calibrating, blocks)

    with pytest.raises(GateRecordError, match=r"got 4 of layer1.0.se"):
        calibrate(network, judging, gates, renamed)


def test_measuring_no_block_is_refused(network, tiny_images, calibration):
    gates = make_gates({"SE_2_1": np.full((1, 4), 0.5)}, ["pug"])

    with pytest.raises(BlockNameError, match="which blocks"):
        calibrate(network, tiny_images, gates, [])
    with pytest.raises(BlockNameError, match="SE_2_1, SE_3_1 in some order, got none"):
        freezing_curve(network, calibration, [])
    with pytest.raises(BlockNameError, match="in some order, got SE_9_1"):
        freezing_curve(network, calibration, ["SE_2_1", "SE_9_1"])


def test_constants_of_another_width_are_refused(network, tiny_images, blocks):
    wide = Intervention(blocks[:1], {"SE_2_1": torch.ones(5)})

    with pytest.raises(BlockError, match="one for each of its 4 channels"):
        measure_interventions(network, tiny_images, [wide])
