"""Answers that are found again in the next run, unless they were damaged."""

import numpy as np
import pytest

from se_probe.evaluation import ResultStore, ask


class Counted:
    """A changed network that counts its batches."""

    def __init__(self, model):
        self.model, self.n_batches = model, 0

    def __call__(self, pixels):
        self.n_batches += 1
        return 0.5 * self.model(pixels)


@pytest.fixture
def asked(network, evaluated, tiny_images, tmp_path):
    """Asks two networks, of which the second counts, with what is kept on disk."""
    changed = Counted(evaluated)

    def run():
        answers = ask(
            network,
            tiny_images,
            [evaluated, changed],
            names=["original", "changed"],
            store=ResultStore(tmp_path),
        )
        return answers, changed.n_batches

    return run


def test_nothing_is_asked_twice(asked):
    first, n_batches = asked()

    again, n_later = asked()

    assert n_later == n_batches
    np.testing.assert_array_equal(again.predicted, first.predicted)
    np.testing.assert_array_equal(again.kl, first.kl)


def test_damaged_answers_are_asked_again(asked, tmp_path, tiny_images):
    first, n_batches = asked()

    for file in sorted(tmp_path.rglob("*.npy")):
        content = bytearray(file.read_bytes())
        content[-3] ^= 1  # of the last batch
        file.write_bytes(content)
        again, n_batches = asked()

        np.testing.assert_array_equal(again.predicted, first.predicted, str(file))
        np.testing.assert_array_equal(again.place, first.place, str(file))
        np.testing.assert_array_equal(again.kl, first.kl, str(file))
    assert n_batches > tiny_images.n_batches
    assert asked()[1] == n_batches
