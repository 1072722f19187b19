"""Intervals and tests of paired differences."""

import numpy as np
import pytest

from se_probe.errors import UsageError
from se_probe.evaluation import bonett_price_interval, mcnemar_p

# Complete response before and after consolidation therapy (Cavo et al., Blood 120,
# 2012): 59 both, 6 only before, 16 only after, 80 neither. Worked out in Fagerland,
# Lydersen and Laake, Statistical Analysis of Contingency Tables, 2017, chapter 8; the
# numbers are those of their R package contingencytables.
CAVO = {"n_gained": 6, "n_lost": 16}


def test_bonett_price_interval_of_a_published_example():
    low, high = bonett_price_interval(**CAVO, n=161)

    assert (round(low, 4), round(high, 4)) == (-0.1195, -0.0032)


def test_bonett_price_interval_where_nothing_changed_by_hand():
    low, high = bonett_price_interval(0, 0, 10)

    # Laplace: 1/12 and 1/12, so z * sqrt((2/12) / 12).
    assert high == pytest.approx(1.959964 * (1 / 72) ** 0.5)
    assert low == -high


def test_interval_changes_sign_when_the_networks_change_places():
    low, high = bonett_price_interval(16, 6, 161)

    assert (-high, -low) == pytest.approx(bonett_price_interval(6, 16, 161))


def test_interval_ends_within_minus_one_and_one():
    assert bonett_price_interval(2, 0, 2)[1] == 1
    assert np.isnan(bonett_price_interval(0, 0, 0)).all()


def test_mcnemar_of_published_examples():
    # Bentur et al., 2009, in the same chapter: 1 and 7, so 2 * (1 + 8) / 2**8.
    assert mcnemar_p(1, 7) == pytest.approx(0.0703125)
    assert mcnemar_p(**CAVO) == pytest.approx(0.052479, abs=5e-7)
    assert mcnemar_p(0, 0) == 1


@pytest.mark.parametrize(("gained", "lost", "n"), [(-1, 0, 5), (3, 3, 5)])
def test_counts_that_cannot_be_are_refused(gained, lost, n):
    with pytest.raises(UsageError, match="do not exceed the number of images"):
        bonett_price_interval(gained, lost, n)
