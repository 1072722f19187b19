"""What a record keeps of where it comes from, and what may differ to resume it."""

import hashlib
import json

import pytest
import torch
import xarray as xr

from se_probe.checkpoints import build_network, load_network
from se_probe.errors import GateRecordError
from se_probe.gates import open_gates
from se_probe.images import open_images
from se_probe.record import record_gates
from se_probe.reproduce import reopen_network


def change_attributes(record, change):
    path = record / "gate" / "zarr.json"
    content = json.loads(path.read_text())
    change(content["attributes"])
    path.write_text(json.dumps(content))
    # As an earlier version, or another network, would have left it.
    group = json.loads((record / "zarr.json").read_text())
    sums = group["attributes"]["sha256"]
    sums["gate/zarr.json"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (record / "zarr.json").write_text(json.dumps(group))


@pytest.fixture
def record(tiny_network, tiny_images, tmp_path):
    """A record with one batch still to be done."""
    out = tmp_path / "run.zarr"
    record_gates(tiny_network, tiny_images, out=out)
    (out / "state" / "c" / "2").unlink()
    return out


def test_a_record_with_fewer_facts_of_its_blocks_is_resumed(
    tiny_network, tiny_images, record
):
    def strip(attrs):
        del attrs["weights"]
        del attrs["dtype"]
        for block in attrs["blocks"]:
            for name in ("bounds", "macs", "kind"):
                del block[name]

    change_attributes(record, strip)
    with pytest.raises(GateRecordError, match=r"\(float32 then, float16 now\)"):
        record_gates(tiny_network, tiny_images, out=record, dtype="float16")

    resumed = record_gates(tiny_network, tiny_images, out=record)

    expected = record_gates(tiny_network, tiny_images)
    xr.testing.assert_equal(resumed.load(), expected.load())


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("name", "SE_9_9"),
        ("path", "layer9.se"),
        ("gate_path", "layer9.se.gate"),
        ("channels", 5),
        ("gate", "tanh"),
    ],
)
def test_a_record_of_another_block_is_not_resumed(
    tiny_network, tiny_images, record, fact, value
):
    change_attributes(record, lambda attrs: attrs["blocks"][1].update({fact: value}))

    with pytest.raises(GateRecordError, match="begun with another SE blocks"):
        record_gates(tiny_network, tiny_images, out=record)


@pytest.fixture
def halves(tmp_path):
    """One file with the weights of two networks."""
    path = tmp_path / "halves.pth"
    content = {
        name: build_network("se_lenet", seed=seed).model.state_dict()
        for seed, name in enumerate(("student", "teacher"))
    }
    torch.save(content, path)
    return path


def test_a_record_keeps_which_weights_of_a_file_it_is_of(halves, photos, tmp_path):
    out = tmp_path / "run.zarr"
    teacher, student = (
        load_network(halves, "se_lenet", weights=name)
        for name in ("teacher", "student")
    )
    images = open_images(photos, teacher.preprocessing, batch_size=4)
    record_gates(teacher, images, out=out, attrs={"checkpoint_path": str(halves)})

    again = reopen_network(open_gates(out).attrs)

    assert open_gates(out).attrs["weights"] == "teacher"
    for name, tensor in teacher.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)
    record_gates(again, images, out=out)
    with pytest.raises(
        GateRecordError, match=r"--weights\) \(teacher then, student now\)"
    ):
        record_gates(student, images, out=out)
