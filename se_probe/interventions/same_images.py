"""Whether a gate record holds the gates of these very images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from se_probe.blocks import FoundBlock, capture_gates, unwrap
from se_probe.checkpoints import Network
from se_probe.errors import GateRecordError
from se_probe.evaluation import readable_rows
from se_probe.gates import block_channels
from se_probe.images import LabelledImages, Preprocessing
from se_probe.running import (
    call_network,
    evaluating,
    n_samples,
    pinned_numerics,
    to_device_of,
)

__all__ = ["check_same_images"]

# Largest difference from the recorded gates that other kernels or bf16 explain, as a
# share of the largest gate.
_SAME = 0.05


def check_same_images(
    network: Network,
    gates: xr.DataArray,
    images: LabelledImages,
    rows: npt.NDArray[np.intp],
    blocks: Sequence[FoundBlock],
) -> None:
    """Check on the first batch that a record holds the gates of these very images.

    Parameters
    ----------
    network : Network
    gates : xr.DataArray, dims (image, channel)
    images : LabelledImages
    rows : array of int, length n_images
        Row of each image in the record.
    blocks : sequence of FoundBlock

    Raises
    ------
    GateRecordError
        If the preprocessing differs, or the network gives other gates for an image than
        those that were recorded under its name.
    """
    _check_preprocessing(images.preprocessing, gates.attrs.get("preprocessing"))
    read, now = _gates_of_first_batch(network, images, blocks)
    part = gates.isel(image=rows[read])
    columns = [block_channels(gates, block.name) for block in blocks]
    then = np.concatenate([part.isel(channel=c).values for c in columns], axis=1)
    differences = np.abs(now - then).max(axis=1, initial=0)
    if len(read) and not differences.max() <= _SAME * max(1.0, np.abs(then).max()):
        worst = read[int(np.argmax(differences))]
        raise GateRecordError(
            f"the record holds other gates of {images.image_ids[worst]} than the "
            f"network gives for it now (they differ by up to {differences.max():.2g}). "
            "Are these the images that were recorded? If they are, record them again"
        )


def _check_preprocessing(own: Preprocessing, theirs: Any) -> None:
    now, then = own.as_dict(), dict(theirs or own.as_dict())
    differing = [key for key in now if _plain(then.get(key)) != _plain(now[key])]
    if differing:
        key = differing[0]
        raise GateRecordError(
            f"the gates were recorded with {key} {_plain(then.get(key))}, and the "
            f"images are prepared with {key} {_plain(now[key])}. Prepare them in the "
            "same way, or record them again"
        )


def _gates_of_first_batch(
    network: Network, images: LabelledImages, blocks: Sequence[FoundBlock]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Rows that could be read, and their gates of all blocks side by side."""
    batch = next(iter(images.batches([0])))
    model = unwrap(network.model)
    pixels = to_device_of(model, batch.pixels)
    with pinned_numerics(), evaluating(model), capture_gates(model, blocks) as capture:
        with torch.inference_mode():
            call_network(model, pixels)
        now = capture.take(n_samples(pixels)).float().cpu().numpy()
    read = readable_rows(batch, images)
    return read, now[read]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
