"""Files written whole, never over others, and known by their sum."""

import hashlib

import pytest

from se_probe.errors import CheckpointError
from se_probe.files import file_sha256, refuse_existing, write_whole


def test_a_file_is_written_whole_and_its_folder_made(tmp_path):
    path = tmp_path / "new" / "file.txt"

    write_whole(path, lambda part: part.write_text("all"))

    assert path.read_text() == "all"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("torch's words\nat")]
)
def test_a_failed_write_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(part):
        part.write_text("ha")
        raise error

    with pytest.raises(CheckpointError, match=r"file\.txt could not be written: ") as e:
        write_whole(path, write)

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert "\n" not in str(e.value)


def test_an_existing_file_is_refused_unless_it_may_be_overwritten(tmp_path):
    path = tmp_path / "file.txt"

    refuse_existing(path, overwrite=False)
    path.touch()
    refuse_existing(path, overwrite=True)
    with pytest.raises(CheckpointError, match=r"exists already.*--force"):
        refuse_existing(path, overwrite=False)


def test_the_sum_of_a_file_is_its_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 100_000)

    assert file_sha256(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
