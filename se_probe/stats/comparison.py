"""Two gate records of the same images, block by block."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.errors import UsageError
from se_probe.gates import block_channels, block_facts
from se_probe.progress import Progress
from se_probe.sampling import evenly
from se_probe.stats.channel_order import channels_correspond
from se_probe.stats.cka import linear_cka
from se_probe.stats.matching import MatchedRecords, match_records
from se_probe.stats.moments import class_moments
from se_probe.stats.nearest_mean import nearest_class_hits
from se_probe.stats.resampling import bootstrap_means, bootstrap_sums, interval

__all__ = ["compare_records"]

# Similarity of n images takes n x n numbers; more images hardly change it.
_CKA_IMAGES = 1000


def compare_records(
    first: xr.DataArray,
    second: xr.DataArray,
    *,
    is_in_order: bool | None = None,
    n_resamples: int = 200,
    max_images: int = 5000,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """How the gates of the same images differ between two records, block by block.

    The records are of the same images through two checkpoints (epochs, seeds, before
    and after pruning), or of one checkpoint on two versions of the images (clean and
    corrupted); images are matched by their ids, blocks by their names.

    Parameters
    ----------
    first, second : xr.DataArray, dims (image, channel)
        Gate records; only rows in state `RECORDED` count.
    is_in_order : bool, optional
        Whether channel k means the same in both; by default the records decide, and
        the attribute `order_reason` says how.
    n_resamples : int, default 200
        Of the bootstrap over images, within classes; 0 for no intervals.
    max_images : int, default 5000
        Of more common images, about as many are taken, evenly from each class.
    seed : int, default 0
    progress : callable, optional
        Called with how many blocks are done and how many there are.

    Returns
    -------
    xr.Dataset, dims (block, class_name, channel)
        Along `block`:

        * `gate_difference`: mean absolute difference of the gates of an image;
        * `correlation`: Pearson's correlation of the class means over classes and
          channels, each channel centred on its mean over the classes;
        * `class_share_first`, `class_share_second`, `class_share_change`;
        * `separability_first`, `separability_second`, `separability_change`;
        * `profile_difference`: mean absolute difference of the sorted mean gates (the
          Wasserstein distance);
        * `cka`: linear CKA between the gates of the same images, from
          at most 1,000 of them.

        The first two and the changes also with `_low` and `_high`, the ends of a 95 %
        bootstrap interval (for separability, class means stay as they are).

        `class_difference`, dims (block, class_name): mean absolute difference of the
        gates of the class's images. `channel_difference` and `channel_shift` (second -
        first), dims (channel,): mean over images. Where channels are not in order,
        `gate_difference`, `correlation` and what is along `channel` are NaN, and
        `class_difference` is that of the class's sorted mean gates. Changes are second
        - first. Attributes: `is_in_order`, `order_reason`, `n_images`, `n_common`,
        `n_only_first`, `n_only_second`, `blocks_only_first`, `blocks_only_second`,
        `n_resamples`.

    Raises
    ------
    GateRecordError
        If no image or block is common, or images of one id are not the same.
    UsageError
        If a number is out of range, or channels of blocks of unlike width are said to
        be in order.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> one = make_gates({"SE_2_1": [[0.25, 0.5], [0.5, 0.75]]}, ["pug", "cliff"])
    >>> both = compare_records(one, one + 0.125, is_in_order=True)
    >>> both["gate_difference"].item(), round(both["correlation"].item(), 6)
    (0.125, 1.0)
    """
    if n_resamples < 0 or max_images < 1:
        raise UsageError(
            f"expected 0 resamples and 1 image or more, got {n_resamples} and "
            f"{max_images}"
        )
    matched = match_records(first, second, max_images)
    moments = _moments(matched)
    in_order, reason = channels_correspond(*moments, matched.blocks, is_in_order, seed)
    work = _Work(matched, moments, in_order, n_resamples, seed)
    parts = []
    for k, name in enumerate(matched.blocks):
        parts.append(work.block(name))
        if progress is not None:
            progress(k + 1, len(matched.blocks))
    table: xr.Dataset = xr.concat(parts, dim="block", combine_attrs="drop")
    return (
        table.assign(work.separability())
        .assign(work.channels())
        .assign_attrs(_attrs(matched, in_order, reason, n_resamples))
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """What the numbers of all blocks are computed from."""

    matched: MatchedRecords
    moments: tuple[xr.Dataset, xr.Dataset]
    is_in_order: bool
    n_resamples: int
    seed: int

    @property
    def classes(self) -> list[str]:
        return [str(name) for name in self.moments[0]["class_name"].values]

    @property
    def class_of(self) -> npt.NDArray[np.intp]:
        place = {name: k for k, name in enumerate(self.classes)}
        names = self.matched.first["class_name"].values
        return np.array([place[str(name)] for name in names], dtype=np.intp)

    def gates(self, block: str) -> tuple[npt.NDArray[np.float32], ...]:
        """Of both records, shapes (n_images, channels)."""
        both = (self.matched.first, self.matched.second)
        return tuple(each.values[:, block_channels(each, block)] for each in both)

    def means(self, block: str) -> list[npt.NDArray[np.float64]]:
        return [
            each["mean"]
            .sel(class_name=self.classes)
            .values[:, block_channels(each, block)]
            for each in self.moments
        ]

    def block(self, name: str) -> xr.Dataset:
        """Everything along `block` and `class_name` of one block."""
        first, second = gates = self.gates(name)
        means, class_of = self.means(name), self.class_of
        found = bootstrap_sums(first, second, class_of, 0, self.seed)
        drawn = bootstrap_sums(first, second, class_of, self.n_resamples, self.seed)
        shares = [float(each[0]) for each in found.class_share]
        nothing = np.zeros(0)
        is_drawn = self.n_resamples > 0
        values: dict[str, Any] = {
            "class_share_first": shares[0],
            "class_share_second": shares[1],
            **_with_interval(
                "class_share_change",
                shares[1] - shares[0],
                drawn.class_share[1] - drawn.class_share[0] if is_drawn else nothing,
            ),
            "profile_difference": _distance(*(each.mean(axis=0) for each in means)),
            "cka": linear_cka(*(each[self._some()] for each in gates)),
        }
        if self.is_in_order:
            correlation = drawn.correlation if is_drawn else nothing
            values |= _with_interval(
                "correlation", float(found.correlation[0]), correlation, (-1, 1)
            )
            each = np.abs(second - first).mean(axis=1, dtype=np.float64)
            again = bootstrap_means(
                each[:, None], class_of, self.n_resamples, self.seed
            )
            mean = float(each.mean())
            values |= _with_interval("gate_difference", mean, again[:, 0])
            by_class = np.bincount(class_of, each) / np.bincount(class_of)
        else:
            nan = float("nan")
            values |= _with_interval("correlation", nan, nothing)
            values |= _with_interval("gate_difference", nan, nothing)
            by_class = np.array([_distance(*rows) for rows in zip(*means, strict=True)])
        return xr.Dataset(
            {key: ("block", [value]) for key, value in values.items()}
            | {"class_difference": (("block", "class_name"), by_class[None])},
            coords={"block": [name], "class_name": self.classes}
            | {"stage": ("block", [self._stage(name)])},
        )

    def separability(self) -> dict[str, Any]:
        """Separability in both, and its change over the same images."""
        both = (self.matched.first, self.matched.second)
        hits = [
            nearest_class_hits(each).sel(block=list(self.matched.blocks))
            for each in both
        ]
        names = hits[0]["class_name"].values.astype(str)
        shares = (
            [each.mean("image").values for each in hits]
            if len(names)
            else [np.full(len(self.matched.blocks), np.nan)] * 2
        )
        change = hits[1].values.astype(float) - hits[0].values
        class_of = np.unique(names, return_inverse=True)[1]
        n_resamples = self.n_resamples if len(names) else 0
        drawn = bootstrap_means(change, class_of, n_resamples, self.seed)
        ends = [
            interval(float(value), drawn[:, k])
            for k, value in enumerate(shares[1] - shares[0])
        ]
        return {
            "separability_first": ("block", shares[0]),
            "separability_second": ("block", shares[1]),
            "separability_change": ("block", shares[1] - shares[0]),
            "separability_change_low": ("block", [low for low, _ in ends]),
            "separability_change_high": ("block", [high for _, high in ends]),
        }

    def channels(self) -> dict[str, Any]:
        """How far each channel moved, with the coordinates of the first record."""
        labels = {
            name: coord
            for name, coord in self.matched.first.coords.items()
            if coord.dims == ("channel",)
        }
        n = self.matched.first.sizes["channel"]
        moved, shift = np.full(n, np.nan), np.full(n, np.nan)
        if self.is_in_order:
            for name in self.matched.blocks:
                at = block_channels(self.matched.first, name)
                first, second = self.gates(name)
                moved[at] = np.abs(second - first).mean(axis=0, dtype=np.float64)
                shift[at] = (second - first).mean(axis=0, dtype=np.float64)
        # `block` is a dimension here, so the block of a channel is `channel_block`.
        named = {"block": "channel_block", "stage": "channel_stage"}
        return {
            "channel_difference": ("channel", moved),
            "channel_shift": ("channel", shift),
        } | {named.get(str(k), str(k)): v.variable for k, v in labels.items()}

    def _some(self) -> list[int]:
        """Rows for the similarity of images, evenly from each class."""
        if len(self.class_of) <= _CKA_IMAGES:
            return list(range(len(self.class_of)))
        order = np.argsort(self.class_of, kind="stable").tolist()
        return sorted(evenly(order, _CKA_IMAGES))

    def _stage(self, block: str) -> int:
        facts = block_facts(self.matched.first)
        return next(int(fact["stage"]) for fact in facts if fact["name"] == block)


def _moments(matched: MatchedRecords) -> tuple[xr.Dataset, xr.Dataset]:
    """Moments of both, with the classes in the order of the first record."""
    first, second = class_moments(matched.first), class_moments(matched.second)
    names = [str(name) for name in first["class_name"].values]
    return first, second.sel(class_name=names)


def _with_interval(
    name: str,
    estimate: float,
    drawn: npt.NDArray[np.float64],
    ends: tuple[float, float] = (-np.inf, np.inf),
) -> dict[str, float]:
    low, high = np.clip(interval(estimate, drawn), *ends)
    return {name: estimate, f"{name}_low": float(low), f"{name}_high": float(high)}


def _distance(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> float:
    """Wasserstein distance of two sets of gates, which need not be equally many."""
    one, other = np.sort(first), np.sort(second)
    edges = np.union1d(
        np.arange(len(one) + 1) / len(one), np.arange(len(other) + 1) / len(other)
    )
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    values = [each[(middle * len(each)).astype(np.intp)] for each in (one, other)]
    return float(np.abs(values[0] - values[1]) @ width)


def _attrs(
    matched: MatchedRecords, in_order: bool, reason: str, n_resamples: int
) -> dict[str, Any]:
    return {
        "is_in_order": in_order,
        "order_reason": reason,
        "n_images": matched.first.sizes["image"],
        "n_common": matched.n_common,
        "n_only_first": matched.n_other[0],
        "n_only_second": matched.n_other[1],
        "blocks_only_first": list(matched.only_first),
        "blocks_only_second": list(matched.only_second),
        "n_resamples": n_resamples,
    }
