"""Whose gates an image gets: a gate record as the bank of donors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock
from se_probe.errors import ImagesError
from se_probe.evaluation import digest
from se_probe.gates import block_channels, recorded, row_batches
from se_probe.images import LabelledImages
from se_probe.interventions.intervention import Exchange

__all__ = ["Donors", "draw_donors"]

_Rows = npt.NDArray[np.intp]
_ByImage = Literal["class_mean", "same_class", "other_class"]


@dataclass(frozen=True, eq=False)
class Donors:
    """Images whose gates can be exchanged, and where the others' gates come from.

    Attributes
    ----------
    images : LabelledImages
        Those of a class with at least two recorded images.
    gates : xr.DataArray, dims (image, channel)
        The record, which is the bank.
    own, same_class, other_class : array of int, shape (n_images,)
        Rows of the record: the image itself, and its two donors.
    class_names : array of str, shape (n_images,)
        Own class, as the record spells it.
    n_single, n_unrecorded : int
        Images that were left out because the record holds no other of their class, and
        because it holds no gates of them.
    seed : int
    """

    images: LabelledImages
    gates: xr.DataArray
    own: _Rows
    same_class: _Rows
    other_class: _Rows
    class_names: npt.NDArray[np.object_]
    n_single: int
    n_unrecorded: int
    seed: int
    _class_sums: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def exchange(self, treatment: _ByImage, blocks: Sequence[FoundBlock]) -> Exchange:
        """The gates that a treatment gives each image, batch by batch.

        Parameters
        ----------
        treatment : {"class_mean", "same_class", "other_class"}
        blocks : sequence of FoundBlock
            Those whose gates may be asked for.

        Returns
        -------
        Exchange
        """
        columns = {b.name: block_channels(self.gates, b.name) for b in blocks}
        rows = self.gates["image_id"].values
        bank = rows if treatment == "class_mean" else rows[self._donors(treatment)]
        name = digest(
            [
                treatment,
                rows[self.own].tolist(),
                bank.tolist(),
                self.gates["class_name"].values.tolist(),
                [self.gates.attrs.get(key) for key in ("images", "precision")],
            ]
        )
        kept: dict[int, Mapping[str, Tensor]] = {}

        def of_batch(number: int) -> Mapping[str, Tensor]:
            # The same batch is asked for by every intervention before the next one.
            if number not in kept:
                kept.clear()
                values = torch.from_numpy(self._values(treatment, number))
                kept[number] = {
                    block: values[:, where] for block, where in columns.items()
                }
            return kept[number]

        return Exchange(f"{treatment} {name}", of_batch)

    def _donors(self, treatment: _ByImage) -> _Rows:
        return self.same_class if treatment == "same_class" else self.other_class

    def _values(self, treatment: _ByImage, number: int) -> npt.NDArray[Any]:
        """Gates of a whole batch; places after the last image repeat the first."""
        size = self.images.batch_size
        places = np.arange(number * size, (number + 1) * size)
        places[places >= len(self.images)] = places[0]
        if treatment != "class_mean":
            return _read(self.gates, self._donors(treatment)[places])
        own = _read(self.gates, self.own[places]).astype(np.float64)
        sums, counts = self._sums(), self._counts()
        names = self.class_names[places]
        total = np.stack([sums[name] for name in names])
        n = np.array([counts[name] for name in names])[:, None]
        means: npt.NDArray[Any] = (total - own) / (n - 1)
        return means

    def _counts(self) -> dict[str, int]:
        names = self.gates["class_name"].values[recorded(self.gates)]
        return dict(zip(*np.unique(names, return_counts=True), strict=True))

    def _sums(self) -> dict[str, npt.NDArray[np.float64]]:
        if not self._class_sums:
            wanted = set(self.class_names)
            n_channels = self.gates.sizes["channel"]
            self._class_sums.update({name: np.zeros(n_channels) for name in wanted})
            for rows in row_batches(self.gates):
                names = rows["class_name"].values
                for name in wanted.intersection(names):
                    chosen = rows.values[names == name]
                    self._class_sums[name] += chosen.sum(axis=0, dtype=np.float64)
        return self._class_sums


def draw_donors(gates: xr.DataArray, images: LabelledImages, seed: int = 0) -> Donors:
    """Donors of every image: another one of its class, and one of another class.

    Each is drawn evenly from all recorded images that may be it.

    Parameters
    ----------
    gates : xr.DataArray, dims (image, channel)
        A record that holds all of the images, and possibly more.
    images : LabelledImages
    seed : int, default 0

    Returns
    -------
    Donors

    Raises
    ------
    ImagesError
        If the record lacks some of the images, or there is only one class, or no class
        has two recorded images.
    """
    own = _rows_of(gates, images)
    names = gates["class_name"].values
    bank = np.flatnonzero(recorded(gates))
    classes, counts = np.unique(names[bank], return_counts=True)
    if len(classes) < 2:
        raise ImagesError(
            f"gates are exchanged with those of other classes, and the record holds "
            f"{'only ' + classes[0] if len(classes) else 'no recorded images'}. Record "
            "images of at least two classes"
        )
    count = dict(zip(classes, counts, strict=True))
    is_there = np.isin(own, bank)
    has_other = np.array([count.get(names[row], 0) > 1 for row in own]) & is_there
    if not has_other.any():
        raise ImagesError(
            "of every class there is only one recorded image, so none has a donor of "
            "its own class. Record at least two images of a class"
        )
    kept = np.flatnonzero(has_other)
    random = np.random.default_rng(seed)
    same, other = _drawn(own[kept], names, bank, random)
    return Donors(
        images=replace(images, pictures=images.pictures.chosen(kept.tolist())),
        gates=gates,
        own=own[kept],
        same_class=same,
        other_class=other,
        class_names=names[own[kept]],
        n_single=int((is_there & ~has_other).sum()),
        n_unrecorded=int((~is_there).sum()),
        seed=seed,
    )


def _drawn(
    own: _Rows, names: npt.NDArray[np.object_], bank: _Rows, random: np.random.Generator
) -> tuple[_Rows, _Rows]:
    # Sorted by class, the others of a class are all before and all after its rows.
    order = bank[np.argsort(names[bank], kind="stable")]
    ordered = names[order]
    same, other = np.empty_like(own), np.empty_like(own)
    for i, row in enumerate(own):
        start, stop = np.searchsorted(ordered, [names[row]] * 2, "left")
        stop = start + np.searchsorted(ordered[start:], names[row], "right")
        members = order[start:stop]
        same[i] = random.choice(members[members != row])
        place = random.integers(len(order) - (stop - start))
        other[i] = order[place if place < start else place + (stop - start)]
    return same, other


def _rows_of(gates: xr.DataArray, images: LabelledImages) -> _Rows:
    """Row of each image in the record."""
    place = {name: row for row, name in enumerate(gates["image_id"].values)}
    missing = [name for name in images.image_ids if name not in place]
    if missing:
        raise ImagesError(
            f"the gate record lacks {len(missing):,} of the {len(images):,} images "
            f"(first: {missing[0]}). Record these images, or give those of the record"
        )
    return np.array([place[name] for name in images.image_ids], dtype=np.intp)


def _read(gates: xr.DataArray, rows: _Rows) -> npt.NDArray[np.float32]:
    unique, inverse = np.unique(rows, return_inverse=True)
    values: npt.NDArray[np.float32] = gates.isel(image=unique).values[inverse]
    return values
