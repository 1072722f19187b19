"""The network and the images that a command was asked to use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from se_probe.cli.console import say
from se_probe.errors import UsageError

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages

__all__ = ["images_for", "network_from"]


def network_from(
    ckpt: str | None,
    arch: str | None,
    *,
    class_names: str | Path | None = None,
    weights: str | None = None,
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
        weights=weights,
    )
    if not quiet:
        for note in network.notes:
            say(f"note: {note}")
    return network


def images_for(
    network: "Network",
    data: str | None,
    *,
    data_root: Path | None,
    quiet: bool = False,
    **options: Any,
) -> "LabelledImages":
    """Images of `--data`, of what the checkpoint names, or of `$SE_PROBE_DATA`."""
    from se_probe.images import label_images
    from se_probe.record import open_images_of

    images = open_images_of(network, data, root=data_root, **options)
    rule = label_images(images, network.class_names).rule
    for note in () if quiet else (*images.notes, rule):
        say(f"note: {note}")
    return images
