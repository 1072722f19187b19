"""Record the gates of a network, batch by batch."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
import zarr
from torch import Tensor, nn

from se_probe.blocks import FoundBlock, capture_gates, find_se_blocks, unwrap
from se_probe.checkpoints import Network
from se_probe.errors import GateRecordError, ImagesError, UsageError
from se_probe.gates import (
    State,
    count_channels,
    create_record,
    is_record,
    open_gates,
    open_group,
    pending_batches,
    read_image_ids,
    remove_record,
    row_states,
    write_batch,
)
from se_probe.images import ImageBatch, ImageLabels, LabelledImages, label_images
from se_probe.progress import Progress
from se_probe.record.provenance import check_same, provenance
from se_probe.running import (
    Precision,
    autocast,
    evaluating,
    pinned_numerics,
)

__all__ = ["record_gates"]

_WAIT_SECONDS = 600.0

# Gates, shape (batch, n_channels), and predicted class indices, shape (batch,).
_Results = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def record_gates(
    network: Network,
    images: LabelledImages,
    blocks: Sequence[FoundBlock] | None = None,
    out: str | Path | None = None,
    *,
    precision: Precision = "fp32",
    compile: bool = False,
    threads: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    attrs: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Gates of every SE block for every image.

    If `out` is a record that was begun with the same network, images and settings, it
    is continued at the first batch that is not done. Under ``torchrun``, rank r of n
    takes the batches whose number leaves the remainder r when divided by n.

    Parameters
    ----------
    network : Network
        Runs in evaluation mode, on the device it is on, and is left as it was.
    images : LabelledImages
    blocks : sequence of FoundBlock, optional
        Found with the first batch if not given.
    out : path, optional
        Folder of the record; None keeps it in memory.
    precision : {"fp32", "bf16"}
        "bf16" runs the network under autocast. Gates are stored as float32.
    compile : bool
        Run the network through ``torch.compile``.
    threads : int, optional
        CPU threads. Their number changes the last float bits, so a record that is
        continued keeps its own. Default: as torch is set.
    strict : bool
        Stop at the first image that cannot be read; otherwise it is skipped and has
        state `SKIPPED` in the record.
    overwrite : bool
        Begin anew if `out` exists.
    attrs : mapping, optional
        More provenance, in plain JSON types.
    progress : callable, optional
        Called with the number of images done and of all images: with what is there
        already, then after every batch.

    Returns
    -------
    xr.DataArray, dims (image, channel)
        The gate record; see :mod:`se_probe.gates`.

    Raises
    ------
    GateRecordError
        If `out` is a record of something else, naming what differs.
    ImagesError
        If there are no images, or with `strict` one cannot be read.
    UsageError
        If several processes are to share a record in memory, or to begin one anew.
    BlockError
        If the blocks cannot be found or captured.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2 (journal version).
    https://arxiv.org/abs/1709.01507
    """
    rank, world = _rank_and_world()
    _check_request(images, out, world, overwrite)
    if overwrite and out is not None:
        remove_record(out)
    labels = label_images(images, network.class_names)
    network = replace(network, class_names=labels.class_names)
    begun = _attributes(out) if out is not None and is_record(out) else {}
    with pinned_numerics(threads or begun.get("threads")) as n_threads:
        first = images.batch(0)
        if blocks is None:
            blocks = find_se_blocks(network.model, first)
        settings = {"precision": precision, "compile": compile, "threads": n_threads}
        facts = provenance(network, images, first, blocks, settings)
        if out is not None and (begun or rank > 0):
            group = _join(Path(out), facts, images)
        else:
            facts |= {"labels": labels.rule} | dict(attrs or {})
            group = _begin(out, facts, labels, images)
        pending = pending_batches(group)
        numbers = [k for k in pending if k % world == rank]
        with _runner(network.model, blocks, precision, compile) as run:
            n_done = len(images) - sum(_n_rows(images, k) for k in pending)
            if progress is not None:
                progress(n_done, len(images))
            for batch in images.batches(numbers):
                n_rows = _n_rows(images, batch.number)
                _write(group, batch, n_rows, run(batch.pixels), strict)
                n_done += n_rows
                if progress is not None:
                    progress(n_done, len(images))
    gates = open_gates(group)
    doubt = labels.doubt(gates["predicted"].values)
    if doubt:
        warnings.warn(doubt, stacklevel=2)
    return gates


def _rank_and_world() -> tuple[int, int]:
    """Number of this process and of all, as ``torchrun`` sets them."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _check_request(
    images: LabelledImages, out: str | Path | None, world: int, overwrite: bool
) -> None:
    if not len(images):
        raise ImagesError("there are no images to record; add some to the folder")
    if world > 1 and (out is None or overwrite):
        raise UsageError(
            "several processes share one record on disk: give it a name, and delete an "
            "old one before they start"
        )
    if out is not None and is_record(out) and Path(out).is_file():
        raise GateRecordError(
            f"{out} is a zip file, which can be read and not written; choose another "
            "name"
        )
    if out is not None and Path(out).exists() and not is_record(out):
        raise GateRecordError(
            f"{out} exists and is not a gate record; choose another name"
        )


def _begin(
    out: str | Path | None,
    facts: Mapping[str, Any],
    labels: ImageLabels,
    images: LabelledImages,
) -> zarr.Group:
    return create_record(
        out,
        blocks=facts["blocks"],
        rows={
            "image_id": images.image_ids,
            "class_name": labels.names,
            "wnid": labels.wnids,
            "class_index": labels.class_index.tolist(),
        },
        batch_size=images.batch_size,
        attrs=facts,
    )


def _join(out: Path, facts: Mapping[str, Any], images: LabelledImages) -> zarr.Group:
    """Record that was begun before, or that the first process is about to begin."""
    give_up = time.monotonic() + _WAIT_SECONDS
    while not is_record(out):
        if time.monotonic() > give_up:
            raise GateRecordError(
                f"no record appeared at {out} within {_WAIT_SECONDS:.0f} s; did the "
                "process with rank 0 stop?"
            )
        time.sleep(0.2)
    check_same(_attributes(out), facts)
    group = open_group(out)
    n_channels = sum(int(block["channels"]) for block in facts["blocks"])
    if count_channels(group) != n_channels:
        raise GateRecordError(
            f"{out} holds {count_channels(group)} of {n_channels} channels; it was "
            "saved from a selection. Choose another name"
        )
    image_ids = read_image_ids(group)
    if image_ids != list(images.image_ids):
        raise GateRecordError(
            f"{out} was begun with {len(image_ids)} other images than the "
            f"{len(images)} of now. Choose another name, or --force to begin anew"
        )
    return group


def _attributes(out: str | Path) -> dict[str, Any]:
    # Not by open_gates, which refuses a record with a damaged batch: it is mended here.
    return dict(open_group(out)["gate"].attrs)


@contextmanager
def _runner(
    model: nn.Module, blocks: Sequence[FoundBlock], precision: Precision, compile: bool
) -> Iterator[Callable[[Tensor], _Results]]:
    """Function from pixels to gates and predictions."""
    model = unwrap(model)
    parameter = next(model.parameters())
    with evaluating(model), capture_gates(model, blocks) as capture:
        forward = _compiled(model) if compile else model

        def run(pixels: Tensor) -> _Results:
            with torch.inference_mode(), autocast(parameter.device, precision):
                pixels = pixels.to(parameter.device, parameter.dtype)
                logits = forward(pixels)
            gates = capture.take(len(pixels)).float().cpu().numpy()
            return gates, _predicted(logits)

        yield run


def _compiled(model: nn.Module) -> Callable[[Tensor], Any]:
    # Compiled code of another model of the same class would be used again without its
    # hooks (https://github.com/pytorch/pytorch/pull/98371), so Dynamo starts afresh.
    torch.compiler.reset()
    compiled: Callable[[Tensor], Any] = torch.compile(model)
    return compiled


def _predicted(logits: Any) -> npt.NDArray[np.int64]:
    """Index of the largest logit; -1 where it is NaN."""
    first = logits[0] if isinstance(logits, tuple) else logits
    best = first.argmax(dim=1).masked_fill(first.isnan().any(dim=1), -1)
    return np.asarray(best.cpu().numpy(), dtype=np.int64)


def _n_rows(images: LabelledImages, number: int) -> int:
    """Images of a batch; the last one may have fewer than the others."""
    return min(images.batch_size, len(images) - number * images.batch_size)


def _write(
    group: zarr.Group,
    batch: ImageBatch,
    n_rows: int,
    results: _Results,
    strict: bool,
) -> None:
    """Write the first rows of one batch."""
    problems = batch.problems[:n_rows]
    unreadable = [problem for problem in problems if problem is not None]
    if strict and unreadable:
        raise ImagesError(f"{unreadable[0]}. Without --strict it would be skipped")
    # The places after the last image were computed, so that every batch has the same
    # shape, and are not written.
    gates, predicted = results[0][:n_rows], results[1][:n_rows]
    state = row_states(gates)
    skipped = np.array([problem is not None for problem in problems])
    state[~skipped & (predicted < 0)] = State.NAN
    state[skipped] = State.SKIPPED
    gates[skipped] = np.nan
    predicted[state != State.RECORDED] = -1
    write_batch(group, batch.number, gates, predicted, state)
