"""An image folder with a damaged picture."""

import pytest

from pictures import noise_picture


@pytest.fixture
def folder(tmp_path):
    """Ten pictures each of `cat` and `n02110958`, one of them damaged."""
    for name in ("n02110958", "cat"):
        (tmp_path / name).mkdir()
        for i in range(10):
            noise_picture(i).save(tmp_path / name / f"{i}.png")
    damaged = tmp_path / "cat" / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:900])
    return tmp_path
