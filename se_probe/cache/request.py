"""What is asked for: a network, images, and how it runs over them."""

import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import se_probe
from se_probe.cache.folder import cache_folder, digest
from se_probe.files import file_sha256

__all__ = ["RecordingRequest"]

# What decides which images are wanted, and so not what their gates are.
_CHOICE = ("classes", "per_class", "others", "batches")


@dataclass(frozen=True)
class RecordingRequest:
    """Gates of some images of a checkpoint.

    Parameters
    ----------
    ckpt : str
        Weights file, or timm:NAME.
    classes : tuple of str
        Names, wnids or indices. Default: the paper's four where there are images of
        them, else up to ten.
    per_class : int or None, default 50
        Images of each of these classes; None means all.
    others : int or None, default 5
        Images of every other class.
    batches : tuple of int
        Numbers of batches to look at: then all images are wanted, in their own order
        and whatever the classes.
    arch : str, optional
    data, data_root : str, optional
        As on the command line; by default what the checkpoint says.
    class_names : str, optional
        File with the names of the network's classes.
    weights : str, optional
        Which weights, where the file holds those of several networks.
    label_order : {"index", "sorted", "name"}, optional
    split : str, default "test"
        As on the command line.
    image_size : int, optional
    batch_size : int, default 32
    seed : int, default 0
        Which pictures "scenes" draws.
    device : str, default "auto"
    threads : int, optional
    precision : {"fp32", "bf16"}
    compile : bool
    """

    ckpt: str
    classes: tuple[str, ...] = ()
    per_class: int | None = 50
    others: int | None = 5
    batches: tuple[int, ...] = ()
    arch: str | None = None
    data: str | None = None
    data_root: str | None = None
    class_names: str | None = None
    weights: str | None = None
    label_order: Literal["index", "sorted", "name"] | None = None
    split: str = "test"
    image_size: int | None = None
    batch_size: int = 32
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False

    def entry(self) -> Path:
        """Folder in the cache for all requests that want the same gates of an image.

        A checkpoint is known by the sum of its file, a folder by its full path.

        Returns
        -------
        Path
            It need not exist.
        """
        content = asdict(self)
        for name in _CHOICE:
            del content[name]
        content["version"] = se_probe.__version__
        content["data_default"] = os.environ.get("SE_PROBE_DATA")
        if Path(self.ckpt).is_file():
            content["ckpt"] = _sum_of(self.ckpt)
        if self.class_names is not None and Path(self.class_names).is_file():
            content["class_names"] = _sum_of(self.class_names)
        for name in ("data", "data_root", "data_default"):
            folder = content[name]
            if folder and Path(folder).is_dir():
                content[name] = str(Path(folder).resolve())
        return cache_folder() / digest(content)


def _sum_of(path: str) -> str:
    """Sum of a file, which is read again only when it has changed."""
    facts = Path(path).stat()
    return _known_sum(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=16)
def _known_sum(path: str, size: int, changed: int) -> str:
    return file_sha256(path)
