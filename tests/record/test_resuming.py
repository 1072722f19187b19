"""What may differ between the beginning of a record and its end, and what may not."""

import copy
from dataclasses import replace

import pytest

from se_probe.errors import GateRecordError
from se_probe.record import record_gates
from se_probe.record.provenance import check_same


def test_a_record_of_an_older_version_resumes_though_less_was_known_of_blocks(
    network, tiny_images
):
    now = record_gates(network, tiny_images).attrs
    begun = copy.deepcopy(now)
    for block in begun["blocks"]:
        del block["bounds"]
    del begun["weights"]

    check_same(begun, now)

    begun["blocks"][0]["channels"] += 1
    with pytest.raises(GateRecordError, match="SE blocks"):
        check_same(begun, now)


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
