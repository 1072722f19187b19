"""What it costs the network to do without SE blocks: one by one, and more and more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock, frozen_gates, unwrap
from se_probe.checkpoints import Network
from se_probe.errors import BlockNameError
from se_probe.evaluation.answers import Forward, ask
from se_probe.evaluation.calibration import check_apart, check_record_of
from se_probe.evaluation.constants import mean_constants
from se_probe.evaluation.latency import block_milliseconds
from se_probe.gates import recorded
from se_probe.images import LabelledImages
from se_probe.record import pinned_numerics
from se_probe.running import evaluating

__all__ = ["Change", "freezing_curve", "measure_blocks", "measure_changes"]

# Blocks whose gates are held, and at which constants; None is the identity.
Change = tuple[Sequence[FoundBlock], Mapping[str, Tensor] | None]

_MEASURES = (
    *("kl", "agreement", "top1_change", "top1_change_low", "top1_change_high"),
    "mcnemar_p",
)


def measure_changes(
    network: Network,
    images: LabelledImages,
    changes: Sequence[Change],
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """How far a network moves when gates are held, for any number of choices.

    Every image is read once and goes through the network 1 + n_changes times. The
    network is left as it was.

    Parameters
    ----------
    network : Network
    images : LabelledImages
        To judge on; not those that the constants come from.
    changes : sequence of (blocks, constants)
        As for :func:`~se_probe.blocks.frozen_gates`.
    threads : int, optional
        CPU threads. Default: as torch is set.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.

    Returns
    -------
    xr.Dataset, dims (change,)
        `kl`, mean KL(original || changed) in nats per image; `agreement`, share of
        images with the same prediction; `top1_change`, changed minus original accuracy
        (-1 to 1), with its 95 % Bonett-Price interval `top1_change_low`,
        `top1_change_high` and exact `mcnemar_p`. NaN where nothing is known. As
        attributes `top1` of the unaltered network, `n_images`, `n_known` (of a class
        that the network knows), and where both come from.

    Raises
    ------
    ImagesError
        If there are no images.
    BlockError
        If a block's constants are missing or of another shape.
    """
    model = unwrap(network.model)
    forwards: list[Forward] = [model, *(_changed(model, each) for each in changes)]
    with pinned_numerics(threads), evaluating(model):
        answers = ask(network, images, forwards, progress)
    rows = [vars(answers.difference(number + 1)) for number in range(len(changes))]
    columns = {
        name: ("change", np.array([row[name] for row in rows], dtype=float))
        for name in _MEASURES
    }
    right = answers.right(0)
    attrs = {
        "architecture": network.architecture or type(model).__name__,
        "checkpoint": network.provenance.checkpoint,
        "images": images.source,
        "n_images": int(answers.is_read.sum()),
        "n_known": len(right),
        "top1": float(right.mean()) if len(right) else None,
    }
    return xr.Dataset(columns, attrs=attrs)


def measure_blocks(
    network: Network,
    images: LabelledImages,
    gates: xr.DataArray,
    blocks: Sequence[FoundBlock],
    *,
    constants: Mapping[str, Tensor] | None = None,
    n_timed: int = 10,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Cost of each SE block by itself: frozen, and replaced by the identity.

    Runs the network 1 + 2 n_blocks times over the images.

    Parameters
    ----------
    network : Network
    images : LabelledImages
        To judge on; none of them may be in `gates`.
    gates : xr.DataArray, dims (image, channel)
        A record of this network, to calibrate on.
    blocks : sequence of FoundBlock
    constants : mapping of str to Tensor, optional
        By default :func:`mean_constants` of `gates`; others must come from the same
        images.
    n_timed : int, default 10
        Timed passes for `milliseconds`; 0 leaves it out.
    threads : int, optional
        CPU threads. Default: as torch is set.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.

    Returns
    -------
    xr.Dataset, dims (treatment, block)
        Treatments "frozen" and "identity". The variables of :func:`measure_changes`,
        and what can be saved, dims (block,): `parameters`, `macs` (of one image) and
        `milliseconds` (time of a batch spent in the block; NaN where it has no module
        of its own).

    Raises
    ------
    UsageError
        If an image to judge on was calibrated on.
    GateRecordError
        If `gates` is of another network, or empty.
    ImagesError
        If there are no images.
    """
    held = _constants(network, images, gates, blocks, constants)
    treatments = {"frozen": held, "identity": None}
    changes = [([b], values) for values in treatments.values() for b in blocks]
    run: Any = {"threads": threads, "progress": progress}
    measured = measure_changes(network, images, changes, **run)
    names = [block.name for block in blocks]
    table = _unstacked(measured, {"treatment": list(treatments), "block": names})
    table["parameters"] = ("block", np.array([block.parameters for block in blocks]))
    table["macs"] = ("block", np.array([block.macs for block in blocks]))
    if n_timed:
        times = _times(network, images, blocks, n_timed, threads)
        table["milliseconds"] = ("block", np.array([times[name] for name in names]))
    return table.assign_attrs(n_calibration=int(recorded(gates).sum()))


def freezing_curve(
    network: Network,
    images: LabelledImages,
    gates: xr.DataArray,
    order: Sequence[FoundBlock],
    *,
    constants: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Cost of doing without 1, 2, ... all SE blocks, taken in some order.

    Runs the network 1 + 3 n_blocks times over the images.

    Parameters
    ----------
    network : Network
    images : LabelledImages
        To judge on; none of them may be in `gates`.
    gates : xr.DataArray, dims (image, channel)
        A record of this network, to calibrate on.
    order : sequence of FoundBlock
        The block that is spared first comes first.
    constants : mapping of str to Tensor, optional
        By default :func:`mean_constants` of `gates`; others must come from the same
        images.
    seed : int, default 0
        Of the random order.
    threads : int, optional
        CPU threads. Default: as torch is set.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.

    Returns
    -------
    xr.Dataset, dims (line, n_blocks)
        Lines "frozen" and "identity", in the order given, and "random", frozen in a
        random order; `n_blocks` from 1. The variables of :func:`measure_changes`, and
        `added`, the block that came last, and what all blocks up to it save:
        `parameters` and `macs`.

    Raises
    ------
    UsageError
        If an image to judge on was calibrated on.
    GateRecordError
        If `gates` is of another network, or empty.
    ImagesError
        If there are no images.
    """
    held = _constants(network, images, gates, order, constants)
    random = np.random.default_rng(seed).permutation(len(order))
    lines: dict[str, tuple[list[FoundBlock], Mapping[str, Tensor] | None]] = {
        "frozen": (list(order), held),
        "identity": (list(order), None),
        "random": ([order[i] for i in random], held),
    }
    counts = range(1, len(order) + 1)
    changes = [(b[:n], values) for b, values in lines.values() for n in counts]
    run: Any = {"threads": threads, "progress": progress}
    measured = measure_changes(network, images, changes, **run)
    curve = _unstacked(measured, {"line": list(lines), "n_blocks": list(counts)})
    dims = ("line", "n_blocks")
    added = [[block.name for block in blocks] for blocks, _ in lines.values()]
    curve["added"] = (dims, np.array(added, dtype=object))
    for name in ("parameters", "macs"):
        each = [[getattr(b, name) for b in blocks] for blocks, _ in lines.values()]
        curve[name] = (dims, np.cumsum(each, axis=1))
    return curve.assign_attrs(n_calibration=int(recorded(gates).sum()), seed=seed)


def _changed(model: Any, change: Change) -> Forward:
    def forward(pixels: Tensor) -> Any:
        with frozen_gates(model, *change):
            return model(pixels)

    return forward


def _constants(
    network: Network,
    images: LabelledImages,
    gates: xr.DataArray,
    blocks: Sequence[FoundBlock],
    constants: Mapping[str, Tensor] | None,
) -> Mapping[str, Tensor]:
    if not blocks:
        raise BlockNameError("which blocks? Give at least one of the network's")
    check_record_of(network, gates, blocks)
    check_apart(gates, images)
    return mean_constants(gates) if constants is None else constants


def _unstacked(measured: xr.Dataset, coords: Mapping[str, list[Any]]) -> xr.Dataset:
    """The changes laid out along two dims, of which the second runs faster."""
    shape = [len(values) for values in coords.values()]
    variables = {
        name: (tuple(coords), measured[name].values.reshape(shape))
        for name in measured.data_vars
    }
    return xr.Dataset(variables, coords=dict(coords), attrs=measured.attrs)


def _times(
    network: Network,
    images: LabelledImages,
    blocks: Sequence[FoundBlock],
    n_timed: int,
    threads: int | None,
) -> dict[str, float]:
    model = unwrap(network.model)
    parameter = next(model.parameters())
    batch = images.batch(0).to(parameter.device, parameter.dtype)
    with pinned_numerics(threads), evaluating(model):
        return block_milliseconds(model, blocks, batch, n_timed)
