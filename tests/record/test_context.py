"""What is recorded beside the gates: squeeze and energy of the maps they scale."""

import numpy as np
import pytest
import torch
import zarr
from torch.utils.data import TensorDataset

from networks import Sequence1D, halves
from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import Network
from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import State, context_of, open_context, open_gates
from se_probe.images import open_images
from se_probe.interventions import (
    best_constants,
    calibrate,
    least_squares_constants,
    mean_constants,
    recorded_constants,
)
from se_probe.pruning import drop_se_blocks
from se_probe.record import record_gates
from se_probe.reproduce import verify_record

BOTH = ("squeeze", "energy")


@pytest.fixture
def path(network, tiny_images, blocks, tmp_path):
    path = tmp_path / "run.zarr"
    record_gates(network, tiny_images, blocks, out=path, context=BOTH)
    return path


def test_squeeze_and_energy_are_those_of_the_map_that_is_scaled(
    evaluated, tiny_images, path
):
    context = open_context(path)

    unit = evaluated.layer1[0]
    with torch.no_grad():
        pixels = torch.cat([tiny_images.batch(k) for k in range(7)])[:20]
        x = unit.bn(unit.conv(pixels)).relu().double()
    own = context.isel(channel=slice(0, 4))
    np.testing.assert_allclose(own["squeeze"], x.mean((2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(own["energy"], (x**2).mean((2, 3)), rtol=1e-4)
    assert own["energy"].dtype == np.float32


def test_gates_are_the_same_bits_with_and_without_context(
    network, tiny_images, blocks, path
):
    plain = record_gates(network, tiny_images, blocks)

    beside = open_gates(path)

    np.testing.assert_array_equal(plain.values, beside.values)
    assert (plain["predicted"] == beside["predicted"]).all()


def test_one_of_the_two_can_be_recorded_alone(network, tiny_images, blocks):
    gates = record_gates(network, tiny_images, blocks, context=["energy"])

    assert list(context_of(gates).data_vars) == ["energy"]
    assert context_of(record_gates(network, tiny_images, blocks)) is None


def test_context_follows_a_selection_of_the_gates(path):
    gates = open_gates(path)
    part = gates.isel(image=[7, 2], channel=gates["block"].values == "SE_3_1")

    found = context_of(part)

    whole = open_context(path)
    np.testing.assert_array_equal(
        found["squeeze"].values, whole["squeeze"].values[[7, 2], 4:]
    )
    assert (found["image_id"] == part["image_id"]).all()


def test_interrupted_recording_resumes_with_its_context(
    network, tiny_images, blocks, path, tmp_path
):
    def stop(done, total):
        if done >= 9:
            raise KeyboardInterrupt

    begun = tmp_path / "begun.zarr"
    with pytest.raises(KeyboardInterrupt):
        record_gates(
            network, tiny_images, blocks, out=begun, context=BOTH, progress=stop
        )
    assert (open_gates(begun)["state"] == State.NOT_RECORDED).any()

    record_gates(network, tiny_images, blocks, out=begun, context=BOTH)

    for name in BOTH:
        np.testing.assert_array_equal(
            open_context(begun)[name].values, open_context(path)[name].values
        )


def test_parts_share_a_record_with_context(
    network, tiny_images, blocks, path, tmp_path
):
    shared = tmp_path / "shared.zarr"
    for part in ((1, 2), (2, 2)):
        record_gates(network, tiny_images, blocks, out=shared, context=BOTH, part=part)

    np.testing.assert_array_equal(
        open_context(shared)["energy"].values, open_context(path)["energy"].values
    )


@pytest.mark.parametrize("context", [(), ("squeeze",)])
def test_record_begun_with_another_context_is_not_continued(
    network, tiny_images, blocks, path, context
):
    with pytest.raises(GateRecordError, match="another choice of what is recorded"):
        record_gates(network, tiny_images, blocks, out=path, context=context)


def test_damaged_context_is_recorded_again(network, tiny_images, blocks, path):
    expected = open_context(path)["energy"].values
    chunk = path / "context" / "energy" / "c" / "2" / "0"
    damaged = bytearray(chunk.read_bytes())
    damaged[5] ^= 1
    chunk.write_bytes(damaged)
    with pytest.raises(GateRecordError, match="batch 2"):
        open_context(path)["energy"].load()

    record_gates(network, tiny_images, blocks, out=path, context=BOTH)

    np.testing.assert_array_equal(open_context(path)["energy"].values, expected)


def test_verify_records_the_context_again(network, tiny_images, path):
    assert verify_record(open_gates(path), network, tiny_images).is_bit_identical


def test_verify_sees_a_context_that_is_not_that_of_the_network(
    network, tiny_images, blocks, path
):
    # Written as the record writes it, so that the checksum fits.
    group = zarr.open_group(path, mode="r+")
    group["context/energy"][0:3] = group["context/energy"][0:3] + 1

    found = verify_record(open_gates(path), network, tiny_images, batches=None)

    assert not found.is_verified
    assert found.n_differing == 3


def test_verify_refuses_a_damaged_context(network, tiny_images, path):
    chunk = path / "context" / "squeeze" / "c" / "1" / "0"
    chunk.unlink()

    with pytest.raises(GateRecordError, match="batch 1"):
        verify_record(open_gates(path), network, tiny_images, batches=1)


def test_unknown_context_is_refused(network, tiny_images, blocks):
    with pytest.raises(UsageError, match="squeeze and energy can be recorded"):
        record_gates(network, tiny_images, blocks, context=["colour"])


def test_compiled_network_has_no_context(network, tiny_images, blocks):
    with pytest.raises(UsageError, match="leave --compile out"):
        record_gates(network, tiny_images, blocks, context=BOTH, compile=True)


def test_record_without_context_names_the_option(
    network, tiny_images, blocks, tmp_path
):
    record_gates(network, tiny_images, blocks, out=tmp_path / "plain.zarr")

    with pytest.raises(GateRecordError, match="--with squeeze,energy"):
        open_context(tmp_path / "plain.zarr")


# --- constants from the record alone --------------------------------------------------


def test_constants_of_the_record_are_those_of_the_images(
    network, tiny_images, blocks, path
):
    expected = least_squares_constants(network, tiny_images, blocks)

    constants = recorded_constants(open_gates(path))

    assert (constants.method, constants.n_images) == ("least squares", 20)
    for name in expected:
        torch.testing.assert_close(
            constants[name], expected[name], rtol=1e-6, atol=1e-6
        )
    mean = mean_constants(open_gates(path))
    assert not torch.allclose(constants["SE_2_1"], mean["SE_2_1"], rtol=1e-4)


def test_channel_that_is_always_zero_gets_its_mean_gate(network, tiny_images, blocks):
    with torch.no_grad():
        network.model.layer1[0].bn.weight[0] = 0
        network.model.layer1[0].bn.bias[0] = -1
    gates = record_gates(network, tiny_images, blocks, context=["energy"])

    constants = recorded_constants(gates)["SE_2_1"]

    mean = mean_constants(gates)["SE_2_1"]
    assert constants[0] == mean[0]
    assert not torch.allclose(constants[1:], mean[1:])


def test_calibration_takes_least_squares_from_the_record_alone(
    network, tiny_images, blocks, path
):
    calibrating, judging = halves(tiny_images)
    gates = open_gates(path)
    ids = list(gates["image_id"].values)
    part = gates.isel(image=[ids.index(name) for name in calibrating.image_ids])

    found = calibrate(network, judging, part, blocks)

    assert found.method == "least squares"
    expected = least_squares_constants(network, calibrating, blocks)
    for name in expected:
        torch.testing.assert_close(
            found.constants[name], expected[name], rtol=1e-6, atol=1e-6
        )


def test_pruning_takes_least_squares_from_the_record_alone(network, blocks, path):
    constants = best_constants(network, blocks, gates=open_gates(path))

    pruned = drop_se_blocks(network, ["SE_3_1"], "frozen", gates=open_gates(path))

    assert constants.method == "least squares"
    assert pruned.provenance.removed_blocks[0]["constants"] == "least squares"


def test_maps_of_one_axis_give_the_same_constants_both_ways():
    torch.manual_seed(0)
    labels = torch.arange(3).repeat(4)
    images = open_images(TensorDataset(torch.rand(12, 2, 9), labels), batch_size=5)
    network = Network(Sequence1D().eval(), images.preprocessing)
    gates = record_gates(network, images, context=BOTH)

    constants = recorded_constants(gates)

    blocks = find_se_blocks(network.model, images.batch(0))
    expected = least_squares_constants(network, images, blocks)
    (name,) = expected
    torch.testing.assert_close(constants[name], expected[name], rtol=1e-6, atol=1e-6)


def test_images_that_cannot_be_read_have_no_context(
    network, tiny_images, blocks, photos
):
    (photos / "n01443537" / "0.png").write_bytes(b"no picture")

    gates = record_gates(network, tiny_images, blocks, context=BOTH)

    assert gates["state"].values[0] == State.SKIPPED
    assert np.isnan(context_of(gates)["squeeze"].values[0]).all()
    assert recorded_constants(gates)["SE_2_1"].isfinite().all()
