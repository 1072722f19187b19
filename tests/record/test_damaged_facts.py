"""Records whose facts say nonsense: one sentence, whoever opens or resumes them."""

import hashlib
import json

import pytest

from se_probe.errors import GateRecordError
from se_probe.gates import open_gates
from se_probe.record import record_gates


def put(record, name, value):
    """Change one fact, and the sum of the file with it."""
    path, top = record / "gate" / "zarr.json", record / "zarr.json"
    content, group = (json.loads(each.read_text()) for each in (path, top))
    content["attributes"][name] = value
    path.write_text(json.dumps(content))
    sums = group["attributes"]["sha256"]
    sums["gate/zarr.json"] = hashlib.sha256(path.read_bytes()).hexdigest()
    top.write_text(json.dumps(group))


@pytest.fixture
def record(tiny_network, tiny_images, tmp_path):
    out = tmp_path / "run.zarr"
    record_gates(tiny_network, tiny_images, out=out)
    return out


@pytest.mark.parametrize(
    "blocks",
    [
        None,
        ["SE_1_1"],
        {"SE_1_1": 4},
        [{"channels": 4}],
        [{"name": "SE_2_1"}],
        [{"name": "SE_2_1", "channels": "many"}],
    ],
)
def test_blocks_that_are_no_facts_are_one_sentence(
    tiny_network, tiny_images, record, blocks
):
    put(record, "blocks", blocks)

    with pytest.raises(GateRecordError):
        open_gates(record)
    with pytest.raises(GateRecordError, match="begun with another SE blocks"):
        record_gates(tiny_network, tiny_images, out=record)


@pytest.mark.parametrize("threads", ["four", -3, 0, None])
def test_threads_that_are_no_number_are_named(
    tiny_network, tiny_images, record, threads
):
    put(record, "threads", threads)

    with pytest.raises(GateRecordError, match="another number of CPU threads"):
        record_gates(tiny_network, tiny_images, out=record)


def test_metadata_nested_without_end_are_damage(record):
    (record / "zarr.json").write_text("[" * 100_000)

    with pytest.raises(GateRecordError, match="is damaged"):
        open_gates(record)
