"""Results that are kept between runs."""

import numpy as np
import pytest

from se_probe.evaluation import ResultStore

KEPT = np.linspace(0, 1, 50).reshape(10, 5)


@pytest.fixture
def file(tmp_path):
    ResultStore(tmp_path).put("it", KEPT)
    (file,) = tmp_path.rglob("it.npy")
    return file


def test_what_was_kept_is_there_in_the_next_run(file, tmp_path):
    np.testing.assert_array_equal(ResultStore(tmp_path).get("it"), KEPT)
    np.testing.assert_array_equal(np.load(file), KEPT)
    assert ResultStore(tmp_path).get("other") is None


@pytest.mark.parametrize("place", [0, 12, 130, 300, -1])
def test_damaged_results_are_not_there(file, tmp_path, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)

    assert ResultStore(tmp_path).get("it") is None


@pytest.mark.parametrize("n_bytes", [0, 10, 200])
def test_cut_results_are_not_there(file, tmp_path, n_bytes):
    file.write_bytes(file.read_bytes()[:n_bytes])

    assert ResultStore(tmp_path).get("it") is None
