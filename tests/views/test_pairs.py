"""Two records of the same images, row by row."""

import numpy as np
import pytest

from se_probe.errors import GateRecordError
from se_probe.gates import make_gates
from se_probe.views import RecordPair, paired_rows

LABELS = ("one", "two")


@pytest.fixture
def two_records():
    names = ["pug", "cliff"] * 2
    first = make_gates(
        {"SE_2_1": [[0.1, 0.9], [0.4, 0.2], [0.3, 0.7], [0.4, 0.6]]}, names
    )
    return first, first.copy(data=first.values[:, ::-1])


def test_rows_are_by_class_with_their_difference(two_records):
    first, second = two_records

    view = paired_rows(RecordPair(first, second, LABELS, is_in_order=True))

    by_class = first.values[[1, 3, 0, 2]]
    np.testing.assert_allclose(view["first"], by_class)
    np.testing.assert_allclose(view["difference"], by_class[:, ::-1] - by_class)
    assert view.attrs["labels"] == list(LABELS)


def test_channels_without_common_order_are_sorted_within_their_block():
    rng = np.random.default_rng(0)
    values = {"SE_2_1": rng.random((6, 3)), "SE_3_1": rng.random((6, 4))}
    gates = make_gates(values, ["a", "b"] * 3)
    shuffled = {block: array[:, ::-1] for block, array in values.items()}

    other = make_gates(shuffled, ["a", "b"] * 3)
    view = paired_rows(RecordPair(gates, other, LABELS, is_in_order=False))

    assert not view["difference"].any()
    means = view["first"].mean("row")
    assert (np.diff(means[:3]) <= 0).all()
    assert (np.diff(means[3:]) <= 0).all()


def test_pairs_of_other_images_are_refused(two_records):
    first, second = two_records

    with pytest.raises(GateRecordError, match="same images"):
        paired_rows(RecordPair(first, second[:3], LABELS, is_in_order=True))
