"""The command compare."""

import json

import pytest

import records
from se_probe.gates import save_gates


@pytest.fixture
def two_records(tmp_path):
    first = records.digits_record()
    paths = [tmp_path / "clean.zarr", tmp_path / "blurred.zarr"]
    for path, record in zip(paths, (first, first * 0.9), strict=True):
        save_gates(record.assign_attrs(first.attrs).rename("gate"), path)
    return paths


def test_compare_prints_blocks_and_words_and_writes_figure_and_numbers(
    command, two_records, tmp_path
):
    done = command("compare", *two_records, "--out", tmp_path / "out")

    assert done.status == 0, done.stderr
    assert "SE_2_1" in done.stdout
    assert "clean and blurred" in done.stdout
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {
        *(f"comparison.{end}" for end in ("png", "pdf", "csv", "txt")),
        "moved_classes.csv",
        "moved_channels.csv",
    }


def test_compare_as_json_has_blocks_classes_and_channels(command, two_records):
    done = command("compare", *two_records, "--json", "-q", "--resamples", 10)

    facts = json.loads(done.stdout)
    assert [block["block"] for block in facts["blocks"]] == ["SE_2_1"]
    assert len(facts["classes"]) == 10
    assert facts["is_in_order"] is True


def test_what_cannot_be_compared_is_one_sentence(command, two_records, tmp_path):
    other = records.noisy_gates([5, 5], 0.1)
    save_gates(other, tmp_path / "other.zarr")

    done = command("compare", two_records[0], tmp_path / "other.zarr", "-q")

    assert (done.status, done.stdout) == (1, "")
    assert "these are not the same images" in done.stderr
