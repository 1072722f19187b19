"""Two networks whose channels have no common order, side by side."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import block_names
from se_probe.stats.moments import reference_curve

__all__ = ["class_similarity", "compare_without_order"]


def compare_without_order(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """How alike two networks' gates are, whatever the order of their channels.

    Two trainings from different random weights number their channels differently, so
    gates may not be subtracted channel by channel. What can be compared is how the
    gates of a block are distributed, and which classes it treats alike.

    Parameters
    ----------
    first, second : xr.Dataset
        From :func:`class_moments`, of the same images and the same architecture.

    Returns
    -------
    xr.Dataset, dims (block,)
        `profile_difference`: mean gates of the channels (means of class means), sorted,
        and their mean absolute difference, between 0 and 1 for sigmoid gates; this is
        the Wasserstein distance of the two distributions. `class_profile_difference`:
        the same for each class by itself, mean over classes.
        `similarity`: Pearson correlation of the two matrices of
        :func:`class_similarity`, over pairs of classes; NaN for fewer than 3 classes or
        where gates do not depend on the class.

    Raises
    ------
    GateRecordError
        If the two do not hold the same blocks, channels and classes.

    References
    ----------
    Kriegeskorte, Mur, Bandettini. Representational similarity analysis. Frontiers in
    Systems Neuroscience 2, 2008. https://doi.org/10.3389/neuro.06.004.2008

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> from se_probe.stats import class_moments
    >>> values = np.array([[0.1, 0.2, 0.9], [0.2, 0.4, 0.8], [0.7, 0.3, 0.6]])
    >>> names = ["pug", "cliff", "plane"]
    >>> one = class_moments(make_gates({"SE_2_1": values}, names))
    >>> other = class_moments(make_gates({"SE_2_1": values[:, ::-1]}, names))
    >>> both = compare_without_order(one, other)
    >>> both["profile_difference"].item(), round(both["similarity"].item(), 6)
    (0.0, 1.0)
    """
    _check_alike(first, second)
    blocks = block_names(first)
    columns: dict[str, list[float]] = {
        "profile_difference": [],
        "class_profile_difference": [],
        "similarity": [],
    }
    for block in blocks:
        one, other = (
            each.isel(channel=(each["block"] == block).values)
            for each in (first, second)
        )
        curves = [reference_curve(each).values for each in (one, other)]
        columns["profile_difference"].append(_sorted_difference(*curves))
        means = one["mean"].values, other["mean"].values
        columns["class_profile_difference"].append(_sorted_difference(*means))
        columns["similarity"].append(_agreement(*means))
    return xr.Dataset(
        {name: ("block", values) for name, values in columns.items()},
        coords={"block": np.array(blocks, dtype=object)},
    )


def class_similarity(means: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Correlation between the mean gates of every two classes.

    Parameters
    ----------
    means : np.ndarray, shape (n_classes, channels)
        Mean gates of each class in one block.

    Returns
    -------
    np.ndarray, shape (n_classes, n_classes)
        Pearson correlations over channels, after each channel's mean over the classes
        is taken off: what all classes have in common would make them all alike.
        NaN where a class does not differ from the mean of all, and for one channel.

    Examples
    --------
    >>> class_similarity(np.array([[0.1, 0.9], [0.9, 0.1]])).round(6)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    centred = means - means.mean(axis=0)
    if centred.shape[1] < 2:
        return np.full((len(means), len(means)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.atleast_2d(np.corrcoef(centred.astype(np.float64)))


def _sorted_difference(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> float:
    return float(np.abs(np.sort(first, axis=-1) - np.sort(second, axis=-1)).mean())


def _agreement(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> float:
    """Correlation of two similarity matrices over the pairs of classes."""
    pairs = np.triu_indices(len(first), k=1)
    values = [class_similarity(means)[pairs] for means in (first, second)]
    if len(first) < 3 or not np.isfinite(values).all():
        return np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.asarray(np.corrcoef(values))[0, 1])


def _check_alike(first: xr.Dataset, second: xr.Dataset) -> None:
    for name, words in (("block", "SE blocks and channels"), ("class_name", "classes")):
        if not np.array_equal(first[name].values, second[name].values):
            raise GateRecordError(
                f"two networks are compared on the same {words}; these differ"
            )
