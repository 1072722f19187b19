"""The network and the images that a command was asked to use."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from se_probe.cli.console import say
from se_probe.errors import ImagesError, UsageError

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages, LabelOrder

__all__ = ["images_for", "network_from"]


def network_from(
    ckpt: str | None,
    arch: str | None,
    *,
    class_names: str | Path | None = None,
    device: str = "auto",
    trust_pickle: bool = False,
    like: str | None = None,
    quiet: bool = False,
) -> "Network":
    """Network of `--ckpt`, on `--device`; what was assumed goes to stderr."""
    from se_probe.checkpoints import load_network
    from se_probe.images import read_class_names

    if ckpt is None:
        raise UsageError("which network? Give --ckpt FILE, or --ckpt timm:NAME")
    network = load_network(
        ckpt,
        arch,
        class_names=read_class_names(class_names) if class_names else None,
        device=device,
        trust_pickle=trust_pickle,
        like=like,
    )
    if not quiet:
        for note in network.notes:
            say(f"note: {note}")
    return network


def images_for(
    network: "Network",
    data: str | None,
    *,
    data_root: Path | None = None,
    batch_size: int = 32,
    workers: int = 0,
    split: str = "test",
    per_class: int | None = None,
    seed: int = 0,
    image_size: int | None = None,
    label_order: "LabelOrder | None" = None,
    quiet: bool = False,
) -> "LabelledImages":
    """Images of `--data`, of what the checkpoint names, or of `$SE_PROBE_DATA`."""
    from se_probe.images import label_images, open_images

    source, root = _source(network.provenance.data, data, data_root)
    preprocessing = network.preprocessing
    if image_size is not None:
        shape = (preprocessing.input_size[0], image_size, image_size)
        preprocessing = replace(preprocessing, input_size=shape)
    images = open_images(
        source,
        preprocessing,
        batch_size=batch_size,
        workers=workers,
        root=root,
        split=split,
        per_class=per_class,
        seed=seed,
        label_order=label_order,
    )
    rule = label_images(images, network.class_names).rule
    for note in () if quiet else (*images.notes, rule):
        say(f"note: {note}")
    return images


def _source(
    trained_on: Any, data: str | None, data_root: Path | None
) -> tuple[str | Path, str | Path | None]:
    if data is not None:
        return data, data_root
    if trained_on:
        path = trained_on.get("path")
        if trained_on.get("kind") != "folder":
            return str(trained_on["name"]), data_root or path
        if path and Path(path).is_dir():
            return Path(path), None
    from_environment = os.environ.get("SE_PROBE_DATA")
    if from_environment:
        return from_environment, data_root
    raise ImagesError(
        "which images? The checkpoint does not say what it was trained on (or it is no "
        "longer there); give --data with an image folder or a data set, or set "
        "SE_PROBE_DATA"
    )
