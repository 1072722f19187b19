"""Records in half precision: what they say, and how they are resumed."""

import numpy as np
import pytest
import xarray as xr

from se_probe.blocks import find_se_blocks
from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import open_group
from se_probe.record import record_gates
from se_probe.reproduce import verify_record


def test_gates_are_within_half_a_thousandth_and_the_record_says_so(
    tiny_network, tiny_images
):
    exact = record_gates(tiny_network, tiny_images)

    half = record_gates(tiny_network, tiny_images, dtype="float16")

    assert half.dtype == np.float32
    assert 0 < np.abs(half.values - exact.values).max() < 5e-4
    assert (exact.attrs["dtype"], half.attrs["dtype"]) == ("float32", "float16")
    assert "within 0.0005" in half.attrs["rounding"]
    assert "rounding" not in exact.attrs
    xr.testing.assert_equal(half["predicted"], exact["predicted"])


def test_what_is_beside_the_gates_stays_in_single_precision(
    tiny_network, tiny_images, tmp_path
):
    out = tmp_path / "run.zarr"

    record_gates(
        tiny_network, tiny_images, out=out, dtype="float16", context=["energy"]
    )

    assert open_group(out)["context/energy"].dtype == np.float32
    assert open_group(out)["gate"].dtype == np.float16


def test_resumed_bit_for_bit_and_only_with_its_number_type(
    tiny_network, tiny_images, tmp_path
):
    out = tmp_path / "run.zarr"
    whole = record_gates(tiny_network, tiny_images, out=out, dtype="float16").load()
    (out / "state/c/2").unlink()

    with pytest.raises(
        GateRecordError,
        match=r"number type of the stored gates \(float16 then, float32 now\)",
    ):
        record_gates(tiny_network, tiny_images, out=out)
    resumed = record_gates(tiny_network, tiny_images, out=out, dtype="float16")

    xr.testing.assert_identical(resumed.load(), whole)


def test_an_unknown_number_type_is_refused_before_anything_runs(
    tiny_network, tiny_images
):
    with pytest.raises(UsageError, match="float32 or float16"):
        record_gates(tiny_network, tiny_images, dtype="bfloat16")


def test_gates_beyond_half_precision_are_refused(tiny_network, tiny_images):

    blocks = find_se_blocks(tiny_network.model, tiny_images.batch(0))
    for block in blocks:
        gate = tiny_network.model.get_submodule(block.gate_path)
        gate.register_forward_hook(lambda module, args, output: output * 1e6)

    with pytest.raises(GateRecordError, match="--dtype float32"):
        record_gates(tiny_network, tiny_images, blocks, dtype="float16")


def test_verified_bit_for_bit_on_the_same_machine(tiny_network, tiny_images):
    gates = record_gates(tiny_network, tiny_images, dtype="float16")

    verified = verify_record(gates, tiny_network, tiny_images)

    assert verified.is_bit_identical
    assert verified.tolerance == 0


def test_on_another_machine_rounding_to_a_neighbour_is_let_pass(
    tiny_network, tiny_images
):
    gates = record_gates(tiny_network, tiny_images, dtype="float16").load()
    elsewhere = gates.assign_attrs(device_name="another CPU")
    neighbours = np.nextafter(elsewhere.values.astype(np.float16), np.float16(0))
    elsewhere.values[:] = neighbours

    verified = verify_record(elsewhere, tiny_network, tiny_images)

    assert 0 < verified.largest.largest < verified.tolerance < 1e-3
    assert verified.is_verified
