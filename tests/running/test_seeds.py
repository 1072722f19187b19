"""Seeded random numbers."""

import random

import numpy as np
import pytest
import torch

from se_probe.running import seeded


def _draw():
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


def _fail_while_seeded():
    with seeded(7):
        _draw()
        raise RuntimeError("body")


def test_a_seed_gives_the_same_numbers_and_another_gives_others():
    with seeded(3):
        first = _draw()
    with seeded(3):
        again = _draw()
    with seeded(4):
        others = _draw()

    assert first == again
    assert not set(first) & set(others)


def test_the_callers_numbers_go_on_as_if_nothing_had_been_drawn():
    with seeded(0):
        expected = [_draw(), _draw()]
    with seeded(0):
        got = [_draw()]
        with pytest.raises(RuntimeError, match="body"):
            _fail_while_seeded()
        got.append(_draw())

    assert got == expected
