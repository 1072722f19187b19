"""Class means as chance alone would make them."""

import numpy as np
import xarray as xr

from se_probe.gates import recorded, row_batches
from se_probe.progress import Progress

__all__ = ["repeated_classes", "shuffled_class_means"]


def repeated_classes(moments: xr.Dataset) -> xr.Dataset:
    """Moments of the classes with at least two images, by which chance can be told.

    Parameters
    ----------
    moments : xr.Dataset
        From :func:`~se_probe.stats.class_moments`.

    Returns
    -------
    xr.Dataset
        Of no class where each has one image.
    """
    return moments.isel(class_name=moments["count"].values >= 2)


def shuffled_class_means(
    record: xr.DataArray,
    moments: xr.Dataset,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Mean gates of each class after the classes were dealt to the images at random.

    Every class keeps its number of images, so its mean is as uncertain as before; what
    is left of a statistic on these means is what chance alone gives. One pass over the
    record; memory grows with classes times channels.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only rows in state `RECORDED` count.
    moments : xr.Dataset
        Its moments, of all classes or of some: others take no part.
    seed : int, default 0
    progress : callable, optional
        Called with how many images are done and how many there are.

    Returns
    -------
    xr.DataArray, dims (class_name, channel)
        Classes and channels in the order of `moments`.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> from se_probe.stats import class_moments
    >>> gates = make_gates({"SE_2_1": [[0.25], [0.75]]}, ["pug", "cliff"])
    >>> means = shuffled_class_means(gates, class_moments(gates))
    >>> sorted(means.values.ravel().tolist())
    [0.25, 0.75]
    """
    position = {name: k for k, name in enumerate(moments["class_name"].values)}
    names = record["class_name"].values[recorded(record)]
    dealt = np.array([position.get(name, -1) for name in names])
    takes_part = dealt >= 0
    dealt[takes_part] = np.random.default_rng(seed).permutation(dealt[takes_part])
    sums = np.zeros((len(position), record.sizes["channel"]))
    n_done = 0
    for batch in row_batches(record):
        rows = dealt[n_done : n_done + batch.sizes["image"]]
        for k, gates in zip(rows.tolist(), batch.values, strict=True):
            if k >= 0:
                sums[k] += gates
        n_done += len(rows)
        if progress is not None:
            progress(n_done, len(names))
    sums /= moments["count"].values[:, None]
    return moments["mean"].copy(data=sums)
