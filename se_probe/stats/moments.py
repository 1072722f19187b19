"""Count, mean and standard deviation of every gate within each class, in one pass."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import GateRecordError
from se_probe.gates import recorded, row_batches
from se_probe.progress import Progress
from se_probe.stats.by_block import channel_labels
from se_probe.stats.counting import Extremes

__all__ = ["class_moments", "moments_of", "reference_curve", "require_images"]


def class_moments(
    record: xr.DataArray, *, progress: Progress | None = None
) -> xr.Dataset:
    """Count, mean and standard deviation of each gate over the images of each class.

    One pass over the rows in float64. Each class keeps its running count, mean and sum
    of squared deviations, and a group of rows is merged into them by the pairwise
    update of Chan, Golub and LeVeque; so memory grows with classes times channels and
    not with images, and gates that hardly vary lose no digits.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record, finished or not. Only rows in state `RECORDED` count.
    progress : callable, optional
        Called with how many images are done and how many there are.

    Returns
    -------
    xr.Dataset
        `count`, dims (class_name,); `mean` and `sd`, dims (class_name, channel),
        float64. `sd` divides by count - 1 and is NaN for a class of one image. Over all
        images, dims (channel,): `n_closed` and `n_open`, images whose gate is at most
        0.05 and at least 0.95, `lowest` and `highest` gate. Classes
        with at least one recorded image, by `class_index`, then by name. The record's
        channel coordinates and attributes are kept.

    Raises
    ------
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.

    References
    ----------
    Chan, Golub, LeVeque. Algorithms for Computing the Sample Variance. The American
    Statistician 37, 1983. https://doi.org/10.1080/00031305.1983.10483115

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.25], [0.75], [0.5]]}, ["pug", "pug", "cliff"])
    >>> moments = class_moments(gates)
    >>> moments["mean"].sel(class_name="pug").item()
    0.5
    """
    classes = _classes_of(record)
    position = {name: k for k, name in enumerate(classes["class_name"])}
    running = _Moments.zeros(len(position), record.sizes["channel"])
    extremes = Extremes.of(record)
    n_done, n_images = 0, int(recorded(record).sum())
    for batch in row_batches(record):
        rows = np.array([position[name] for name in batch["class_name"].values])
        for k in np.unique(rows):
            running.add(k, batch.values[rows == k])
        extremes.add(batch.values)
        n_done += len(rows)
        if progress is not None:
            progress(n_done, n_images)
    dims = ("class_name", "channel")
    return xr.Dataset(
        {
            "count": ("class_name", running.count),
            "mean": (dims, running.mean),
            "sd": (dims, running.into_sd()),
            **extremes.columns(),
        },
        coords={name: ("class_name", column) for name, column in classes.items()}
        | channel_labels(record),
        attrs=record.attrs,
    )


def moments_of(
    source: xr.DataArray | xr.Dataset, *, progress: Progress | None = None
) -> xr.Dataset:
    """Moments of a record, or the moments themselves where they are at hand.

    Parameters
    ----------
    source : xr.DataArray or xr.Dataset
        A gate record, or what :func:`class_moments` made of one.
    progress : callable, optional
        Called with how many images are done and how many there are.

    Returns
    -------
    xr.Dataset

    Raises
    ------
    GateRecordError
        If no image was recorded, or a class name occurs with two wnids or two indices.
    """
    if isinstance(source, xr.Dataset):
        return source
    return class_moments(source, progress=progress)


def reference_curve(moments: xr.Dataset) -> xr.DataArray:
    """Mean gate of each channel over all classes, every class weighing the same.

    Parameters
    ----------
    moments : xr.Dataset
        From :func:`class_moments`.

    Returns
    -------
    xr.DataArray, dims (channel,)
        Mean of the class means, the grey curve of the paper's figure. It equals the
        mean over all images where every class has as many.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2. https://arxiv.org/abs/1709.01507
    """
    return moments["mean"].mean("class_name").rename("reference")


def require_images(record: xr.DataArray) -> None:
    """Refuse a record without a single recorded image.

    Raises
    ------
    GateRecordError
    """
    if not recorded(record).any():
        raise GateRecordError(
            f"none of the {record.sizes['image']} images of the gate record has been "
            "recorded. Run `se-probe record` on it until images are done"
        )


# Numbers in double precision that stay in a processor's cache between two steps.
_CELLS = 2**15


@dataclass(frozen=True)
class _Moments:
    """Running count, mean and sum of squared deviations of each class."""

    count: npt.NDArray[np.int64]  # (classes,)
    mean: npt.NDArray[np.float64]  # (classes, channels)
    squares: npt.NDArray[np.float64]  # (classes, channels)

    @classmethod
    def zeros(cls, n_classes: int, n_channels: int) -> "_Moments":
        shape = (n_classes, n_channels)
        return cls(np.zeros(n_classes, np.int64), np.zeros(shape), np.zeros(shape))

    def add(self, k: int, gates: npt.NDArray[np.floating]) -> None:
        """Merge rows of class `k`; shape (rows, channels)."""
        n_old, n_new = int(self.count[k]), len(gates)
        n_all = n_old + n_new
        step = max(1, _CELLS // n_new)
        for start in range(0, gates.shape[1], step):
            at = slice(start, start + step)
            deviation = gates[:, at].astype(np.float64)
            mean = deviation.mean(axis=0)
            deviation -= mean
            shift = mean - self.mean[k, at]
            self.squares[k, at] += np.einsum("ij,ij->j", deviation, deviation)
            self.squares[k, at] += shift**2 * (n_old * n_new / n_all)
            self.mean[k, at] += shift * (n_new / n_all)
        self.count[k] = n_all

    def into_sd(self) -> npt.NDArray[np.float64]:
        """Standard deviations, written over `squares` to save memory."""
        freedom = np.where(self.count > 1, self.count - 1.0, np.nan)
        np.divide(self.squares, freedom[:, None], out=self.squares)
        return np.sqrt(self.squares, out=self.squares)


def _classes_of(record: xr.DataArray) -> dict[str, npt.NDArray[Any]]:
    """Name, wnid and index of each recorded class, by index, then by name."""
    require_images(record)
    done = recorded(record)
    columns = [record[n].values[done] for n in ("class_index", "class_name", "wnid")]
    classes = sorted(set(zip(*columns, strict=True)))
    name, times = Counter(name for _, name, _ in classes).most_common(1)[0]
    if times > 1:
        found = [f"{w or 'no wnid'} at {i}" for i, n, w in classes if n == name]
        raise GateRecordError(
            f"expected one wnid and index for each class name, got {len(found)} for "
            f"{name!r}: {', '.join(found)}. Record again with class names that differ"
        )
    indices, names, wnids = zip(*classes, strict=True)
    return {
        "class_name": np.array(names, dtype=object),
        "wnid": np.array(wnids, dtype=object),
        "class_index": np.array(indices, dtype=np.int64),
    }
