"""Constants to freeze gates at, from images.

The least-squares constant weighs each image by
the energy of the channel it scales, and so minimises the error of the scaled map. Both
look at each block by itself; choosing block by block, front to back, takes into account
that a block sees other maps once the blocks before it are frozen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from se_probe.blocks import FoundBlock, held_gates, unwrap, watch_gates
from se_probe.checkpoints import Network
from se_probe.errors import ImagesError
from se_probe.evaluation import ResultStore, digest, readable_rows
from se_probe.images import LabelledImages
from se_probe.interventions.intervention import Intervention
from se_probe.progress import Progress, shifted
from se_probe.running import (
    call_network,
    evaluating,
    pinned_numerics,
    to_device_of,
)

__all__ = [
    "Constants",
    "least_squares_constants",
    "sequential_constants",
]


@dataclass(frozen=True, eq=False)
class Constants(Mapping[str, Tensor]):
    """What the gates of some blocks are held at, and what that was measured on.

    A mapping of block name to Tensor of shape (channels,), in network order.

    Attributes
    ----------
    by_block : mapping of str to Tensor, each of shape (channels,)
    method : str
        How they were chosen: "mean", "least squares", "least squares, front to back",
        "mean, front to back".
    n_images : int
        Images that they were measured on.
    skipped : tuple of str
        Why each image that could not be read was left out, naming it.
    images : LabelledImages, optional
        Those that they were measured on, where they are at hand.
    """

    by_block: Mapping[str, Tensor]
    method: str
    n_images: int
    skipped: tuple[str, ...] = ()
    images: LabelledImages | None = None

    def __getitem__(self, block: str) -> Tensor:
        return self.by_block[block]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_block)

    def __len__(self) -> int:
        return len(self.by_block)


def least_squares_constants(
    network: Network,
    images: LabelledImages,
    blocks: Sequence[FoundBlock],
    *,
    progress: Progress | None = None,
    store: ResultStore | None = None,
) -> Constants:
    """Constants that leave the least squared error in the scaled feature maps.

    For each channel ``E[g |x|^2] / E[|x|^2]`` over the images, where x is the map
    that the gate g scales: the minimum of ``E[|g x - c x|^2]`` over c. Where a
    channel is zero in all images, the plain mean of its gate.

    Parameters
    ----------
    network : Network
    images : LabelledImages
        To calibrate on; those that cannot be read are left out.
    blocks : sequence of FoundBlock
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.
    store : ResultStore, optional
        What was measured on these images already, from
        :func:`~se_probe.interventions.result_store`.

    Returns
    -------
    Constants
        float64.

    Raises
    ------
    ImagesError
        If not one image could be read.
    """
    with pinned_numerics(), evaluating(unwrap(network.model)):
        sums, skipped = _sum_gates(network, images, blocks, [], {}, progress, store)
    by_block = {block.name: sums[block.name].least_squares() for block in blocks}
    return Constants(by_block, "least squares", _n_images(sums), skipped, images)


def sequential_constants(
    network: Network,
    images: LabelledImages,
    blocks: Sequence[FoundBlock],
    *,
    least_squares: bool = True,
    fixed: Mapping[str, Tensor] | None = None,
    progress: Progress | None = None,
    store: ResultStore | None = None,
) -> Constants:
    """Constants chosen front to back, each with the blocks before it frozen already.

    Of the ways tried, least squares chosen in this manner cost the least where several
    blocks are frozen together (docs/pruning.md). Runs the network over the images once
    per block.

    Parameters
    ----------
    network : Network
    images : LabelledImages
        To calibrate on; those that cannot be read are left out.
    blocks : sequence of FoundBlock
        The blocks to freeze together, in network order.
    least_squares : bool, default True
        Take :func:`least_squares_constants` of each block, else its mean gates.
    fixed : mapping of str to Tensor, each of shape (channels,), optional
        Constants of some of the blocks that are settled already.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.
    store : ResultStore, optional
        What was measured on these images already, from
        :func:`~se_probe.interventions.result_store`.

    Returns
    -------
    Constants
        float64.

    Raises
    ------
    ImagesError
        If not one image could be read.
    """
    constants = dict(fixed or {})
    model, n = unwrap(network.model), len(images)
    sought = [number for number, b in enumerate(blocks) if b.name not in constants]
    n_images, skipped = 0, tuple[str, ...]()
    with pinned_numerics(), evaluating(model):
        for n_done, number in enumerate(sought):
            block = blocks[number]
            step = shifted(progress, n_done * n, len(sought) * n)
            sums, skipped = _sum_gates(
                network, images, [block], blocks[:number], constants, step, store
            )
            n_images = _n_images(sums)
            constants[block.name] = sums[block.name].chosen(least_squares)
    by_block = {block.name: constants[block.name] for block in blocks}
    kind = "least squares" if least_squares else "mean"
    return Constants(by_block, f"{kind}, front to back", n_images, skipped, images)


@dataclass
class _Sums:
    """Sums over images of a block's gates g and map energies e; shape (channels,)."""

    n_images: int
    g: Tensor
    e: Tensor
    eg: Tensor

    @classmethod
    def zeros(cls, n_channels: int) -> "_Sums":
        return cls(0, *torch.zeros(3, n_channels, dtype=torch.float64))

    @classmethod
    def of_array(cls, array: npt.NDArray[np.float64]) -> "_Sums":
        n_images, g, e, eg = array
        return cls(int(n_images[0]), *map(torch.from_numpy, (g, e, eg)))

    def as_array(self) -> npt.NDArray[np.float64]:
        n_images = torch.full_like(self.g, self.n_images)
        array: npt.NDArray[np.float64] = torch.stack(
            [n_images, self.g, self.e, self.eg]
        ).numpy()
        return array

    def add(self, gates: Tensor, energy: Tensor) -> None:
        """Add images; shapes (images, channels). Those that gave NaN do not count."""
        finite = (gates + energy).isfinite().all(dim=1)
        gates, energy = gates[finite], energy[finite]
        self.n_images += len(gates)
        self.g += gates.sum(dim=0)
        self.e += energy.sum(dim=0)
        self.eg += (energy * gates).sum(dim=0)

    def mean(self) -> Tensor:
        return self.g / self.n_images

    def least_squares(self) -> Tensor:
        return torch.where(self.e > 0, self.eg / self.e, self.mean())

    def chosen(self, least_squares: bool) -> Tensor:
        return self.least_squares() if least_squares else self.mean()


def _n_images(sums: Mapping[str, _Sums]) -> int:
    return min((each.n_images for each in sums.values()), default=0)


def _sum_gates(
    network: Network,
    images: LabelledImages,
    blocks: Sequence[FoundBlock],
    held: Sequence[FoundBlock],
    constants: Mapping[str, Tensor],
    progress: Progress | None,
    store: ResultStore | None,
) -> tuple[dict[str, _Sums], tuple[str, ...]]:
    """Sums of each block while others are held, and why images were skipped."""
    # What the store knows is not measured again.
    store = store or ResultStore()
    before = Intervention(held, constants).name
    names = {b.name: f"sums.{before}.{digest([b.path, b.occurrence])}" for b in blocks}
    known = {name: store.get(where) for name, where in names.items()}
    problems = store.get("problems")
    if problems is None or any(array is None for array in known.values()):
        with held_gates(network.model, held, constants):
            sums, skipped = _run_over(network, images, blocks, progress)
        for name, each in sums.items():
            store.put(names[name], each.as_array())
        store.put("problems", np.array(skipped, dtype="U300"))
        return sums, skipped
    if progress is not None:
        progress(len(images), len(images))
    sums = {n: _Sums.of_array(a) for n, a in known.items() if a is not None}
    return sums, tuple(str(problem) for problem in problems)


def _run_over(
    network: Network,
    images: LabelledImages,
    blocks: Sequence[FoundBlock],
    progress: Progress | None,
) -> tuple[dict[str, _Sums], tuple[str, ...]]:
    sums = {block.name: _Sums.zeros(block.channels) for block in blocks}
    rows, problems = torch.arange(0), list[str]()

    def seen(block: FoundBlock, feature_map: Tensor, gates: Tensor) -> None:
        energy = feature_map[rows].double().square().flatten(2).sum(dim=2)
        sums[block.name].add(gates[rows].cpu().double(), energy.cpu())

    model = unwrap(network.model)
    with torch.inference_mode(), watch_gates(model, blocks, seen):
        for batch in images.batches(range(images.n_batches)):
            rows = torch.from_numpy(readable_rows(batch, images))
            problems += [problem for problem in batch.problems if problem is not None]
            call_network(model, to_device_of(model, batch.pixels))
            if progress is not None:
                n_done = (batch.number + 1) * images.batch_size
                progress(min(n_done, len(images)), len(images))
    if not all(each.n_images for each in sums.values()):
        raise ImagesError(
            f"none of the {len(images)} images to calibrate on gave gates; give images "
            "that can be read"
        )
    return sums, tuple(problems)
