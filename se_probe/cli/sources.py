"""The network and the images that a command was asked to use."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from se_probe.cli.console import say
from se_probe.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages

__all__ = ["images_for", "images_of_record", "network_from", "record_from"]


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


def record_from(path: Path, *, quiet: bool = False) -> "xr.DataArray":
    """Gate record at a path; that it is not finished goes to stderr."""
    from se_probe.gates import State, open_gates

    record = open_gates(path)
    state = record["state"].values
    n_left = int((state == State.NOT_RECORDED).sum())
    if n_left and n_left < len(state) and not quiet:
        say(
            f"note: {path.name} is not finished: {len(state) - n_left:,} of "
            f"{len(state):,} images are done, and only those are used"
        )
    return record


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


def images_of_record(
    record: "xr.DataArray", data: str | None = None
) -> "str | _NamedSet | None":
    """Images of `--data`, or of the named data set of which the record was made.

    None where the record says where its images are, or nobody does.
    """
    if data is not None and data != (record.attrs.get("images") or {}).get("name"):
        return data
    facts = record.attrs.get("images") or {}
    path = facts.get("path")
    has_files = facts.get("kind") == "torchvision" and path and Path(path).is_dir()
    if facts.get("kind") == "built-in" or has_files:
        return _NamedSet(record.attrs)
    return None


class _NamedSet:
    """Images of a data set, opened when the first one is looked at."""

    def __init__(self, attrs: dict[str, Any]) -> None:
        self._attrs = attrs

    @cached_property
    def _opened(self) -> "LabelledImages":
        from se_probe.images import Preprocessing, reopen_images

        preprocessing = Preprocessing.from_dict(self._attrs["preprocessing"])
        return reopen_images(self._attrs["images"], preprocessing)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Id of each image."""
        return self._opened.image_ids

    @property
    def pictures(self) -> Any:
        """What reads them."""
        return self._opened.pictures
