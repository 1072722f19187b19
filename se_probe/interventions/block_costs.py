"""What removing SE blocks costs the network: one by one, and in growing sets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from torch import Tensor

from se_probe.blocks import FoundBlock, unwrap
from se_probe.checkpoints import Network
from se_probe.errors import BlockNameError
from se_probe.evaluation import ResultStore, block_milliseconds
from se_probe.interventions.calibration import Calibration
from se_probe.interventions.intervention import Intervention
from se_probe.interventions.measure import measure_interventions
from se_probe.progress import Progress
from se_probe.running import evaluating, pinned_numerics, to_device_of

__all__ = ["freezing_curve", "measure_blocks"]


def measure_blocks(
    network: Network,
    calibration: Calibration,
    *,
    n_timed: int = 10,
    progress: Progress | None = None,
    store: ResultStore | None = None,
) -> xr.Dataset:
    """Cost of each SE block by itself: frozen, and replaced by the identity.

    Runs the network 1 + 2 n_blocks times over the evaluation images.

    Parameters
    ----------
    network : Network
    calibration : Calibration
        Blocks, the constants they are frozen at, and the images that evaluate; from
        :func:`calibrate`.
    n_timed : int, default 10
        Timed passes for `milliseconds`; 0 leaves it out.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.
    store : ResultStore, optional
        What is known of the evaluation images already, from
        :func:`~se_probe.interventions.result_store`.

    Returns
    -------
    xr.Dataset, dims (treatment, block)
        Treatments "frozen" and "identity". The variables of
        :func:`measure_interventions`, and what can be saved, dims (block,):
        `parameters`, `macs` (of one image) and `milliseconds` (time of a batch spent in
        the block; NaN where it has no module of its own). Attributes say how the
        constants were chosen (`constants`) and on how many images (`n_calibration`).

    Raises
    ------
    ImagesError
        If there are no images.
    BlockError
        If a block's constants are missing or of another shape.
    """
    blocks = calibration.blocks
    treatments = {"frozen": calibration.constants, "identity": None}
    interventions = [
        Intervention([block], values)
        for values in treatments.values()
        for block in blocks
    ]
    measured = measure_interventions(
        network, calibration.judging, interventions, progress=progress, store=store
    )
    names = [block.name for block in blocks]
    table = _unstacked(measured, {"treatment": list(treatments), "block": names})
    table["parameters"] = ("block", np.array([block.parameters for block in blocks]))
    table["macs"] = ("block", np.array([block.macs for block in blocks]))
    if n_timed:
        times = _times(network, calibration, n_timed)
        table["milliseconds"] = ("block", np.array([times[name] for name in names]))
    return table.assign_attrs(_origin(calibration))


def freezing_curve(
    network: Network,
    calibration: Calibration,
    order: Sequence[str],
    *,
    seed: int = 0,
    progress: Progress | None = None,
    store: ResultStore | None = None,
) -> xr.Dataset:
    """Cost of removing 1, 2, ... all SE blocks, in some order.

    Runs the network 1 + 3 n_blocks times over the evaluation images.

    Parameters
    ----------
    network : Network
    calibration : Calibration
        As for :func:`measure_blocks`.
    order : sequence of str
        Names of blocks; the one that is removed first comes first.
    seed : int, default 0
        Seed of the random order.
    progress : callable, optional
        Called with how many images have gone through the network, and how many will.
    store : ResultStore, optional
        What is known of the evaluation images already, from
        :func:`~se_probe.interventions.result_store`.

    Returns
    -------
    xr.Dataset, dims (line, n_blocks)
        Lines "frozen" and "identity", in the order given, and "random", frozen in a
        random order; `n_blocks` from 1. The variables of
        :func:`measure_interventions`, and `added`, the block that came last, and what
        all blocks up to it save: `parameters` and `macs`.

    Raises
    ------
    BlockNameError
        If `order` is empty or names a block that was not calibrated.
    ImagesError
        If there are no images.
    """
    blocks = _named(calibration.blocks, order)
    random = np.random.default_rng(seed).permutation(len(blocks))
    lines: dict[str, tuple[list[FoundBlock], Mapping[str, Tensor] | None]] = {
        "frozen": (blocks, calibration.constants),
        "identity": (blocks, None),
        "random": ([blocks[i] for i in random], calibration.constants),
    }
    counts = range(1, len(blocks) + 1)
    interventions = [
        Intervention(members[:n], values)
        for members, values in lines.values()
        for n in counts
    ]
    measured = measure_interventions(
        network, calibration.judging, interventions, progress=progress, store=store
    )
    curve = _unstacked(measured, {"line": list(lines), "n_blocks": list(counts)})
    dims = ("line", "n_blocks")
    added = [[block.name for block in members] for members, _ in lines.values()]
    curve["added"] = (dims, np.array(added, dtype=object))
    for name in ("parameters", "macs"):
        each = [[getattr(b, name) for b in members] for members, _ in lines.values()]
        curve[name] = (dims, np.cumsum(each, axis=1))
    return curve.assign_attrs(_origin(calibration), seed=seed)


def _named(blocks: Sequence[FoundBlock], names: Sequence[str]) -> list[FoundBlock]:
    by_name = {block.name: block for block in blocks}
    unknown = [name for name in names if name not in by_name]
    if unknown or not len(names):
        raise BlockNameError(
            f"expected names of {', '.join(by_name)} in some order, got "
            f"{', '.join(unknown) or 'none'}"
        )
    return [by_name[name] for name in names]


def _origin(calibration: Calibration) -> dict[str, Any]:
    return {"n_calibration": calibration.n_images, "constants": calibration.method}


def _unstacked(measured: xr.Dataset, coords: Mapping[str, list[Any]]) -> xr.Dataset:
    """The changes laid out along two dims, of which the second runs faster."""
    shape = [len(values) for values in coords.values()]
    variables = {
        name: (tuple(coords), measured[name].values.reshape(shape))
        for name in measured.data_vars
    }
    return xr.Dataset(variables, coords=dict(coords), attrs=measured.attrs)


def _times(
    network: Network, calibration: Calibration, n_timed: int
) -> dict[str, float]:
    model = unwrap(network.model)
    pixels = to_device_of(model, calibration.judging.batch(0))
    with pinned_numerics(), evaluating(model):
        return block_milliseconds(model, calibration.blocks, pixels, n_timed)
