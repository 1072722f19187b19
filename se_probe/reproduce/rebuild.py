"""The network and the images of a gate record, from what the record says of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from se_probe.checkpoints import (
    PUBLISHED_PREFIX,
    Network,
    canonical_name,
    is_factory,
    load_network,
)
from se_probe.errors import (
    ArchitectureError,
    CheckpointError,
    GateRecordError,
    ImagesError,
)
from se_probe.images import LabelledImages, Preprocessing, Workers, reopen_images

__all__ = ["reopen_network", "reopen_record_images", "rows_as_recorded"]


def reopen_network(
    attrs: Mapping[str, Any],
    ckpt: str | Path | None = None,
    arch: str | None = None,
    *,
    device: str = "auto",
    trust_pickle: bool = False,
    weights: str | None = None,
) -> Network:
    """Network that a record says it was made with, as it is now.

    Parameters
    ----------
    attrs : mapping
        The record's.
    ckpt : str or Path, optional
        Where the checkpoint is now. Default: where the record says it was.
    arch : str, optional
        Architecture, where the file does not say. Default: what the record says, unless
        that is a function of the reader's own: a name in a record must not be enough to
        run code.
    device : str, default "auto"
        "auto" is the kind of device that the record was made on, if there is one.
    trust_pickle : bool, default False
        As in :func:`~se_probe.checkpoints.load_network`.
    weights : str, optional
        Which weights, where the file holds those of several networks. Default: as
        recorded.

    Returns
    -------
    Network
        In the record's memory format.

    Raises
    ------
    CheckpointError
        If the record names no checkpoint, or it is not there, or cannot be read.
    """
    path = str(ckpt or _recorded_checkpoint(attrs))
    if not path.startswith(PUBLISHED_PREFIX):
        if not Path(path).is_file():
            raise CheckpointError(
                f"the checkpoint of the record is not at {path}; say where it is now "
                "with --ckpt FILE"
            )
        arch = arch or _recorded_architecture(attrs)
        weights = weights or attrs.get("weights")
    if device == "auto" and attrs.get("device", "cpu") == "cpu":
        device = "cpu"
    network = load_network(
        path, arch, device=device, trust_pickle=trust_pickle, weights=weights
    )
    if attrs.get("memory_format") == "contiguous":
        network.model.to(memory_format=torch.contiguous_format)
    return network


def _recorded_checkpoint(attrs: Mapping[str, Any]) -> str:
    path = attrs.get("checkpoint_path") or attrs.get("checkpoint")
    if not path:
        raise CheckpointError(
            "the record names no checkpoint (its network was made in Python); give "
            "the file with --ckpt FILE"
        )
    return str(path)


def _recorded_architecture(attrs: Mapping[str, Any]) -> str | None:
    name = str(attrs.get("architecture", ""))
    if is_factory(name):
        return None
    try:
        return canonical_name(name)
    except ArchitectureError:  # a class of the reader's own, pickled with its weights
        return None


def reopen_record_images(
    attrs: Mapping[str, Any],
    data: str | Path | None = None,
    *,
    workers: Workers = 0,
) -> LabelledImages:
    """Images that a record says it was made from, as they are now.

    Parameters
    ----------
    attrs : mapping
        The record's.
    data : str or Path, optional
        Folder in which they are now. Default: where the record says they were.
    workers : int or "auto", default 0
        Processes that read images.

    Returns
    -------
    LabelledImages
        With the record's preprocessing and batch size; the list may have changed.

    Raises
    ------
    ImagesError
        If they are not there, or came from a torch Dataset.
    GateRecordError
        If the record does not say which images it was made from.
    """
    missing = [k for k in ("images", "preprocessing", "batch_size") if not attrs.get(k)]
    if missing:
        raise GateRecordError(
            f"the record does not say its {', '.join(missing)}; only one that "
            "`se-probe record` or record_gates wrote can be verified"
        )
    source = dict(attrs["images"])
    if data is not None and source["kind"] != "dataset":
        source["path"] = str(data)
    if source["kind"] == "folder" and not Path(source["path"]).expanduser().is_dir():
        raise ImagesError(
            f"the images of the record are not at {source['path']}; say where they are "
            "now with --data DIR"
        )
    return reopen_images(
        source,
        Preprocessing.from_dict(attrs["preprocessing"]),
        batch_size=int(attrs["batch_size"]),
        workers=workers,
        same_list=False,
        factory=str(data) if source["kind"] == "dataset" and data else None,
    )


def rows_as_recorded(images: LabelledImages, image_ids: list[str]) -> LabelledImages:
    """The images with these ids, in this order.

    Parameters
    ----------
    images : LabelledImages
    image_ids : list of str
        All of them among the images.

    Returns
    -------
    LabelledImages
    """
    position = {image_id: i for i, image_id in enumerate(images.image_ids)}
    chosen = images.pictures.chosen([position[image_id] for image_id in image_ids])
    return replace(images, pictures=chosen)
