"""Records that are not whole, too new, damaged, or hold little: each is told."""

import json
import shutil

import pytest

import records
from se_probe.gates import block_facts, create_record, save_gates, write_batch

SIZE = 25  # of a batch; there are four


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records of the same images, by what is unusual about them."""
    folder, record = tmp_path_factory.mktemp("unusual"), records.digits_record()
    written(record, folder / "whole.zarr", 4)
    written(record, folder / "half.zarr", 2)
    written(record, folder / "empty.zarr", 0)
    of_one = record["class_name"].values == "3"
    save_gates(record.isel(image=of_one), folder / "one_class.zarr")
    for name in ("newer", "damaged"):
        shutil.copytree(folder / "whole.zarr", folder / f"{name}.zarr")
    facts = folder / "newer.zarr/gate/zarr.json"
    content = json.loads(facts.read_text("utf-8"))
    content["attributes"]["format"] = "se_probe gate record 3"
    facts.write_text(json.dumps(content), "utf-8")
    chunk = folder / "damaged.zarr/gate/c/1/0"
    chunk.write_bytes(bytes([255 ^ chunk.read_bytes()[0]]) + chunk.read_bytes()[1:])
    return folder


def written(record, path, n_batches):
    """A record of which only some batches are written yet."""
    names = ("image_id", "class_name", "wnid", "class_index")
    group = create_record(
        path,
        blocks=block_facts(record),
        rows={name: record[name].values for name in names},
        batch_size=SIZE,
        attrs={"label_set": record.attrs["label_set"]},
    )
    for number in range(n_batches):
        part = record.isel(image=slice(SIZE * number, SIZE * number + SIZE))
        write_batch(
            group, number, part.values, part["predicted"].values, part["state"].values
        )


@pytest.fixture(params=["explore", "report", "compare", "plot"])
def run(request, command, folder, tmp_path, monkeypatch):
    """One command on one of the records; the explorer does not wait for Ctrl-C."""
    server = "se_probe.explore.page.PageServer"
    monkeypatch.setattr(f"{server}.run", lambda page: page.stop())

    def run(name):
        path = folder / f"{name}.zarr"
        options = {
            "explore": ("--port", 0, "--no-browser"),
            "report": ("--out", tmp_path / "page.html"),
            "compare": (folder / "whole.zarr", "--resamples", 0),
            "plot": ("--figures", "profiles", "--format", "png", "--out", tmp_path),
        }
        return command(request.param, path, *options[request.param])

    run.command = request.param
    return run


REFUSED = {
    "newer": "was written by a newer se_probe (record format 3",
    "empty": "none of the 100 images of the gate record has been recorded",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shown_is_one_sentence(run, name):
    result = run(name)

    assert (result.status, result.stdout) == (1, "")
    assert REFUSED[name] in result.stderr
    assert result.stderr.count("\n") == 1


def test_of_a_record_that_is_being_written_what_is_done_is_shown(run):
    result = run("half")

    assert result.status == 0, result.stderr
    note = "note: half.zarr is not finished: 50 of 100 images are done, and only those"
    assert note in result.stderr


def test_one_class_is_shown(run):
    result = run("one_class")

    assert result.status == 0, result.stderr
    assert "nan" not in result.stdout
    if run.command == "compare":
        assert "the class share is not known" in result.stdout


def test_damage_is_named(run):
    result = run("damaged")

    if run.command == "explore":  # it reads gates when somebody looks at the page
        assert result.status == 0
    else:
        assert (result.status, result.stdout) == (1, "")
        assert "batch 1 of the gate record" in result.stderr
