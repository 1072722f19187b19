"""Constants to hold gates at: as NumPy chooses them, on images that can be read."""

import numpy as np
import pytest
import torch

from networks import with_scale
from se_probe.checkpoints import Network
from se_probe.errors import GateRecordError, ImagesError
from se_probe.gates import State, make_gates
from se_probe.images import open_images
from se_probe.interventions import (
    least_squares_constants,
    mean_constants,
    sequential_constants,
)
from se_probe.record import record_gates


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
    model = with_scale(network, "layer1", mean["SE_2_1"])
    frozen = Network(model, network.preprocessing, network.class_names, "networks:Tiny")
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
    assert constants.n_images == 20
    assert [problem.partition(":")[0] for problem in constants.skipped] == [
        "n01443537/9.png"
    ]
    torch.testing.assert_close(
        constants["SE_3_1"], expected["SE_3_1"], rtol=1e-5, atol=0
    )


def test_calibrating_on_nothing_readable_is_refused(network, photos, blocks):
    images = open_images(photos, network.preprocessing)
    for picture in photos.rglob("*.png"):
        picture.write_bytes(b"no picture")

    with pytest.raises(ImagesError, match="none of the 20 images to calibrate on"):
        least_squares_constants(network, images, blocks)
