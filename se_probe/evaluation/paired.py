"""How sure is the difference of two networks' accuracies on the same images."""

from math import sqrt
from statistics import NormalDist

from scipy.stats import binomtest

from se_probe.errors import UsageError

__all__ = ["bonett_price_interval", "mcnemar_p"]


def bonett_price_interval(
    n_gained: int, n_lost: int, n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Bonett-Price interval of the difference of two paired proportions.

    One image is added to each of the two counts, which keeps the interval honest where
    few images or none change.

    Parameters
    ----------
    n_gained : int
        Images that only the changed network classifies correctly.
    n_lost : int
        Images that only the original classifies correctly.
    n : int
        All images.
    confidence : float, default 0.95
        Between 0 and 1.

    Returns
    -------
    low, high : float
        Of the accuracy of the changed network minus that of the original, between -1
        and 1; NaN for no images.

    Raises
    ------
    UsageError
        If a count is negative, or the two exceed `n`.

    References
    ----------
    Bonett, Price. Adjusted Wald Confidence Interval for a Difference of Binomial
    Proportions Based on Paired Data. Journal of Educational and Behavioral Statistics
    37, 2012. https://doi.org/10.3102/1076998611411915

    Fagerland, Lydersen, Laake. Recommended tests and confidence intervals for paired
    binomial proportions. Statistics in Medicine 33, 2014.
    https://doi.org/10.1002/sim.6148

    Examples
    --------
    >>> low, high = bonett_price_interval(6, 16, 161)
    >>> round(low, 4), round(high, 4)
    (-0.1195, -0.0032)
    """
    _check_counts(n_gained, n_lost, n)
    if n == 0:
        return float("nan"), float("nan")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    gained, lost = (n_gained + 1) / (n + 2), (n_lost + 1) / (n + 2)
    difference = gained - lost
    reach = z * sqrt((gained + lost - difference**2) / (n + 2))
    return max(-1.0, difference - reach), min(1.0, difference + reach)


def mcnemar_p(n_gained: int, n_lost: int) -> float:
    """Exact two-sided p value that images become newly correct as often as newly wrong.

    Parameters
    ----------
    n_gained, n_lost : int
        Images that only the one, and only the other network classifies correctly.

    Returns
    -------
    float
        1 where no image changes sides.

    Raises
    ------
    UsageError
        If a count is negative.

    References
    ----------
    McNemar. Note on the sampling error of the difference between correlated proportions
    or percentages. Psychometrika 12, 1947. https://doi.org/10.1007/BF02295996

    Examples
    --------
    >>> round(mcnemar_p(6, 16), 6)
    0.052479
    """
    n_changed = n_gained + n_lost
    _check_counts(n_gained, n_lost, n_changed)
    return float(binomtest(n_gained, n_changed).pvalue) if n_changed else 1.0


def _check_counts(n_gained: int, n_lost: int, n: int) -> None:
    if min(n_gained, n_lost) < 0 or n_gained + n_lost > n:
        raise UsageError(
            f"of {n} images {n_gained} cannot be gained and {n_lost} lost; expected "
            "counts from 0 that do not exceed the number of images"
        )
