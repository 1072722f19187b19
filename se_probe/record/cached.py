"""Gates of some images of a checkpoint, recorded only where they are missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import xarray as xr

from se_probe.cache import (
    ImageList,
    RecordingRequest,
    files_stamp,
    find_cached,
    missing_images,
    record_attributes,
    write_list,
)
from se_probe.checkpoints import Network, load_network
from se_probe.errors import GateRecordError
from se_probe.gates import is_record, open_group, remove_record
from se_probe.images import (
    ImageLabels,
    LabelledImages,
    Workers,
    label_images,
    read_class_names,
)
from se_probe.progress import Progress
from se_probe.record.run import record_gates
from se_probe.record.samples import open_images_of

__all__ = ["cached_record"]


def cached_record(
    request: RecordingRequest,
    *,
    trust_pickle: bool = False,
    workers: Workers = 0,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> xr.DataArray:
    """Gates of the images that a request wants.

    The cached record is used; only what is missing is recorded. What comes
    back holds the same images either way. Where nothing is missing,
    :func:`~se_probe.cache.find_cached` gives the same without loading torch.

    Parameters
    ----------
    request : RecordingRequest
    trust_pickle : bool, default False
        As in :func:`~se_probe.checkpoints.load_network`.
    workers : int or "auto", default 0
        Processes that read images.
    progress : callable, optional
        Called with the number of images done and of all that are recorded now.
    tell : callable, optional
        Called with a sentence for the reader, now and then.

    Returns
    -------
    xr.DataArray, dims (image, channel)

    Raises
    ------
    ClassNameError
        If a class that was asked for means no class of the network, or several.
    ImagesError
        If there are no images, or none of a class.
    CheckpointError
        If the checkpoint cannot be read.
    GateRecordError
        If files changed while they were recorded.
    """
    found = find_cached(request)
    if found is not None:
        return found
    tell = tell or (lambda _: None)
    network = _network(request, trust_pickle)
    every = _every_image(network, request, workers)
    labels = label_images(every, network.class_names)
    network = replace(network, class_names=labels.class_names)
    for note in (*network.notes, *every.notes, labels.rule):
        tell(f"note: {note}")
    listed = _listed(request, every, labels)
    positions, path = missing_images(request, listed)
    if positions:
        _remove_damaged(path)
        wanted = replace(every, pictures=every.pictures.chosen(positions))
        tell(f"recording {len(wanted):,} images")
        record_gates(
            network,
            wanted,
            out=path,
            precision=request.precision,
            compile=request.compile,
            threads=request.threads,
            attrs=record_attributes(request, listed),
            progress=progress,
        )
    found = find_cached(request)
    if found is None:
        raise GateRecordError(
            "the images changed while they were recorded; run the command again"
        )
    return found


def _network(request: RecordingRequest, trust_pickle: bool) -> Network:
    names = request.class_names
    return load_network(
        request.ckpt,
        request.arch,
        class_names=None if names is None else read_class_names(names),
        weights=request.weights,
        device=request.device,
        trust_pickle=trust_pickle,
    )


def _listed(
    request: RecordingRequest, every: LabelledImages, labels: ImageLabels
) -> ImageList:
    """The list of all images, written into the cache."""
    source = dict(every.source)
    for name in ("n_images", "sha256"):
        del source[name]
    listed = ImageList(
        image_ids=every.image_ids,
        class_names=tuple(labels.names),
        own_names=every.class_names,
        label_set=labels.class_names.spec,
        source=source,
        stamp=files_stamp(source.get("path")),
        n_drawn=request.per_class if source["name"] == "scenes" else None,
    )
    write_list(request, listed)
    return listed


def _every_image(
    network: Network, request: RecordingRequest, workers: Workers
) -> LabelledImages:
    def opened(per_class: int | None) -> LabelledImages:
        return open_images_of(
            network,
            request.data,
            root=request.data_root,
            image_size=request.image_size,
            batch_size=request.batch_size,
            workers=workers,
            per_class=per_class,
            seed=request.seed,
            split=request.split,
            label_order=request.label_order,
        )

    every = opened(None)
    # Drawn pictures are as many as one asks for.
    return opened(request.per_class) if every.source["name"] == "scenes" else every


def _remove_damaged(path: Path) -> None:
    """Remove a record of the cache that cannot be resumed."""
    if is_record(path):
        try:
            open_group(path)
        except GateRecordError:
            remove_record(path)
