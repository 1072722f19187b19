"""Record the gates of a network, batch by batch."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from torch import nn

from se_probe.blocks import FoundBlock, examine_network
from se_probe.checkpoints import Network
from se_probe.errors import ImagesError
from se_probe.gates import (
    Dtype,
    State,
    check_dtype,
    is_pending,
    open_gates,
    pending_batches,
    remove_record,
    rounding,
    row_states,
    write_batch,
)
from se_probe.images import (
    ImageBatch,
    LabelledImages,
    Preprocessing,
    label_images,
)
from se_probe.progress import Progress
from se_probe.record.forward import Results, running_network
from se_probe.record.given import Images, as_given
from se_probe.record.joining import begin_or_join, begun_threads, check_request
from se_probe.record.maps import check_context
from se_probe.record.provenance import provenance
from se_probe.record.work import rounds
from se_probe.running import Precision, pinned_numerics, rank_and_world

__all__ = ["record_gates"]


def record_gates(
    network: Network | nn.Module,
    images: Images,
    blocks: Sequence[FoundBlock] | None = None,
    out: str | Path | None = None,
    *,
    preprocessing: Preprocessing | None = None,
    precision: Precision = "fp32",
    compile: bool = False,
    context: Sequence[str] = (),
    dtype: Dtype = "float32",
    threads: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    part: tuple[int, int] | None = None,
    attrs: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Gates of every SE block for every image.

    If `out` is a record that was begun with the same network, images and settings, it
    is continued where batches are not done. Several processes may do so at the
    same time. Under ``torchrun`` or ``srun``, rank r of n begins with the batches whose
    number leaves the remainder r when divided by n; who is done with its own takes what
    is still pending of the others.

    A network without class scores (feature maps or embeddings only) gives gates with
    `predicted` -1, and a warning that says so.

    Parameters
    ----------
    network : Network or nn.Module
        Runs in evaluation mode, on the device it is on, and is left as it was.
    images : LabelledImages, or what :func:`~se_probe.images.open_images` takes
        A torch Dataset of (image, label), an image folder, the name of a data set.
    blocks : sequence of FoundBlock, optional
        Found with the first batch if not given.
    out : path, optional
        Folder of the record, or a URL that fsspec opens; None keeps it in memory.
    preprocessing : Preprocessing, optional
        How pictures are prepared for a bare module that does not say it; not needed
        for tensors.
    precision : {"fp32", "bf16"}
        "bf16" runs the network under autocast.
    compile : bool
        Run the network through ``torch.compile``.
    context : sequence of {"squeeze", "energy"}
        What is recorded beside the gates: of each channel of the feature map that a
        gate scales, its mean over the positions, and its mean square. See
        :func:`~se_probe.gates.open_context`.
    dtype : {"float32", "float16"}
        How gates are stored. "float16" halves the record; gates up to 2 are then within
        0.0005 of the network's, larger ones within 0.05 %. They are read as float32.
    threads : int, optional
        CPU threads. Their number changes the last float bits, so a record that is
        continued keeps its own. Default: as torch is set.
    strict : bool
        Stop at the first image that cannot be read (otherwise it is skipped and has
        state `SKIPPED` in the record), and at anything that looks like an SE block and
        is none (otherwise the record's attribute `notes` names it).
    overwrite : bool
        Start over if `out` exists.
    part : tuple of int, optional
        Do the K-th of N shares first, (K, N), for schedulers that tell no rank; K from
        1.
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
        If there are no images, nothing says how pictures are prepared, or with
        `strict` one cannot be read.
    UsageError
        If several processes are to share a record in memory, or to start one over; if
        there is no such `context`, or the network is compiled.
    BlockError
        If the blocks cannot be found or captured.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2 (journal version).
    https://arxiv.org/abs/1709.01507
    """
    context = check_context(context, compile=compile)
    network, images = as_given(network, images, preprocessing)
    rank, world = rank_and_world(part)
    check_request(images, out, is_shared=world > 1, overwrite=overwrite)
    if overwrite and out is not None:
        remove_record(out)
    labels = label_images(images, network.class_names)
    network = replace(network, class_names=labels.class_names)
    notes: Sequence[str] = ()
    with pinned_numerics(threads or begun_threads(out)) as n_threads:
        first = images.batch(0)
        if blocks is None:
            findings = examine_network(network.model, first, strict=strict)
            blocks, notes = findings.blocks, findings.notes
            for note in notes:
                warnings.warn(note, stacklevel=2)
        settings: dict[str, Any] = {
            "precision": precision,
            "compile": compile,
            "threads": n_threads,
            "dtype": check_dtype(dtype),
        }
        if rounding(dtype):
            settings["rounding"] = rounding(dtype)
        if context:
            settings["context"] = ", ".join(context)
        facts = provenance(network, images, first, blocks, settings)
        facts["notes"] = list(notes)
        group, has_begun = begin_or_join(out, facts, labels, images, attrs or {}, rank)
        with running_network(
            network.model,
            blocks,
            len(network.class_names),
            precision=precision,
            compile=compile,
            context=context,
        ) as run:
            done = _Done(images, pending_batches(group), progress)
            for numbers in rounds(
                group, done.pending, rank, world, has_begun=has_begun
            ):
                for batch in images.batches(numbers):
                    n_rows = _n_rows(images, batch.number)
                    if is_pending(group, batch.number):
                        _write(group, batch, n_rows, run(batch.pixels), strict)
                    done.add(n_rows)
    gates = open_gates(group)
    doubt = labels.doubt(gates["predicted"].values)
    if doubt:
        warnings.warn(doubt, stacklevel=2)
    return gates


class _Done:
    """Tells how many images are done, by this process or another."""

    def __init__(
        self, images: LabelledImages, pending: Sequence[int], progress: Progress | None
    ) -> None:
        self.images, self.pending, self.progress = images, pending, progress
        self.n_done = len(images) - sum(_n_rows(images, number) for number in pending)
        self.add(0)

    def add(self, n_images: int) -> None:
        self.n_done += n_images
        if self.progress is not None:
            self.progress(self.n_done, len(self.images))


def _n_rows(images: LabelledImages, number: int) -> int:
    """Images of a batch; the last one may have fewer than the others."""
    return min(images.batch_size, len(images) - number * images.batch_size)


def _write(
    group: zarr.Group, batch: ImageBatch, n_rows: int, results: Results, strict: bool
) -> None:
    """Write the first rows of one batch."""
    problems = batch.problems[:n_rows]
    unreadable = [problem for problem in problems if problem is not None]
    if strict and unreadable:
        raise ImagesError(f"{unreadable[0]}. Without --strict it would be skipped")
    # The places after the last image were computed, so that every batch has the same
    # shape, and are not written.
    gates, predicted = results.gates[:n_rows], results.predicted[:n_rows]
    state = row_states(gates)
    skipped = np.array([problem is not None for problem in problems])
    state[~skipped & results.is_nan[:n_rows]] = State.NAN
    state[skipped] = State.SKIPPED
    gates[skipped] = np.nan
    predicted[state != State.RECORDED] = -1
    context = {name: values[:n_rows] for name, values in results.context.items()}
    for values in context.values():
        values[skipped] = np.nan
    write_batch(group, batch.number, gates, predicted, state, context)
