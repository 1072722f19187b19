"""What may differ between the beginning of a record and its end, and what may not."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from se_probe.errors import GateRecordError
from se_probe.record import record_gates


def test_a_record_of_an_older_version_resumes_though_less_was_known_of_blocks(
    network, tiny_images, tmp_path
):
    whole = record_gates(network, tiny_images, out=tmp_path / "whole.zarr")
    record_gates(network, tiny_images, out=tmp_path / "old.zarr")
    group = zarr.open_group(tmp_path / "old.zarr", mode="a", use_consolidated=False)
    facts = [dict(block) for block in group.attrs["blocks"]]
    for block in facts:
        del block["bounds"]
    group.attrs["blocks"] = facts
    del group.attrs["weights"]
    state = group["state"]
    state[3:6] = 0

    resumed = record_gates(network, tiny_images, out=tmp_path / "old.zarr")

    np.testing.assert_array_equal(resumed.values, whole.values)
    assert int((resumed["state"] == 1).sum()) == len(tiny_images)


def test_a_record_does_not_resume_with_other_weights_of_the_same_file(
    network, tiny_images, tmp_path
):
    student, teacher = (
        replace(network, provenance=replace(network.provenance, weights=part))
        for part in ("student", "teacher")
    )
    record_gates(student, tiny_images, out=tmp_path / "run.zarr")

    with pytest.raises(GateRecordError, match=r"choice of the file's weights"):
        record_gates(teacher, tiny_images, out=tmp_path / "run.zarr")
