"""What ``se-probe plot --ckpt`` records, or finds recorded, before it draws."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import se_probe
from se_probe.class_names import PAPER_CLASSES
from se_probe.cli.console import progress_bar, say
from se_probe.errors import (
    ClassNameError,
    ImagesError,
    SEProbeError,
)

if TYPE_CHECKING:
    import xarray as xr

    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages

__all__ = ["recorded_gates"]

_N_DEFAULT_CLASSES = 10


def recorded_gates(
    ckpt: str,
    queries: Sequence[str],
    batches: Sequence[int],
    settings: dict[str, Any],
    workers: int,
    trust_pickle: bool,
    quiet: bool,
) -> "xr.DataArray":
    """Gate record for `plot --ckpt`: found in the cache, or recorded into it.

    Parameters
    ----------
    ckpt : str
    queries : sequence of str
        Classes as typed.
    batches : sequence of int
        Those to be drawn. The whole test set is recorded where there are any.
    settings : dict
        Options that change the numbers, in plain JSON types.
    workers : int
    trust_pickle, quiet : bool

    Returns
    -------
    xr.DataArray, dims (image, channel)
    """
    from se_probe.cache import cache_entry, find_cached

    request = settings | {
        "ckpt": ckpt,
        "data_default": os.environ.get("SE_PROBE_DATA"),
        "version": se_probe.__version__,
    }
    entry = cache_entry(request)
    found = find_cached(entry, queries)
    if found is not None:
        if not quiet:
            say(
                f"drawing from what was recorded before ({found.sizes['image']} images)"
            )
        return found
    return _record_into(
        *(entry, ckpt, queries, batches), settings, workers, trust_pickle, quiet
    )


def _record_into(
    entry: Path,
    ckpt: str,
    queries: Sequence[str],
    batches: Sequence[int],
    settings: dict[str, Any],
    workers: int,
    trust_pickle: bool,
    quiet: bool,
) -> "xr.DataArray":
    from se_probe.cache import files_stamp, record_path
    from se_probe.cli.record import say_summary
    from se_probe.cli.sources import images_for, network_from
    from se_probe.images import label_images
    from se_probe.record import record_gates
    from se_probe.stats import record_summary
    from se_probe.views import check_batches

    network = network_from(
        ckpt,
        settings["arch"],
        class_names=settings["class_names"],
        device=settings["device"],
        trust_pickle=trust_pickle,
        quiet=quiet,
    )
    every = images_for(
        network,
        settings["data"],
        data_root=settings["data_root"],
        batch_size=settings["batch_size"],
        workers=workers,
        per_class=settings["per_class"],
        seed=settings["seed"],
        image_size=settings["image_size"],
        split=settings["split"],
        label_order=settings["label_order"],
        quiet=quiet,
    )
    labels = label_images(every, network.class_names)
    network = replace(network, class_names=labels.class_names)
    names = dict(zip(labels.names, every.class_names, strict=True))
    asked = _asked(network, names, queries)
    if batches:
        check_batches(batches, len(every), every.batch_size)
        images = every
    else:
        images = every.take(
            dict.fromkeys((names[name] for name in asked), settings["per_class"]),
            settings["others"],
        )
    if not quiet:
        seconds = _seconds_per_batch(network, images) * images.n_batches
        say(f"recording {len(images):,} images, about {_duration(seconds)}")
    stamp = files_stamp(images.source.get("path"))
    path = record_path(entry, asked, stamp)
    try:
        with progress_bar("recording", quiet=quiet) as progress:
            gates = record_gates(
                network,
                images,
                out=path,
                precision=settings["precision"],
                compile=settings["compile"],
                threads=settings["threads"],
                attrs={
                    "complete_classes": _complete(names, every, images),
                    "default_classes": _asked(network, names, ()),
                    "files_stamp": stamp,
                    "checkpoint_path": ckpt,
                },
                progress=progress,
            )
    except KeyboardInterrupt:
        raise SEProbeError(
            "stopped; what was recorded is kept, and the same command goes on there"
        ) from None
    say_summary(record_summary(gates), str(path))
    return gates


def _asked(
    network: "Network", names: dict[str, str], queries: Sequence[str]
) -> list[str]:
    asked = []
    for query in queries or _paper_or_all(network, names):
        name = query if query in names else network.class_names.find(query).name
        if name not in names:
            some = ", ".join(list(names)[:8])
            raise ImagesError(
                f"there are no images of {name}; the folder has {len(names)} classes: "
                f"{some}{' ...' if len(names) > 8 else ''}"
            )
        asked.append(name)
    if not asked:
        raise ClassNameError("which classes? Give --classes a,b")
    return list(dict.fromkeys(asked))


def _paper_or_all(network: "Network", names: dict[str, str]) -> list[str]:
    try:
        paper = [network.class_names.find(name).name for name in PAPER_CLASSES]
    except ClassNameError:
        paper = []
    if paper and set(paper) <= set(names):
        return paper
    return list(names)[:_N_DEFAULT_CLASSES]


def _complete(
    names: dict[str, str], every: "LabelledImages", taken: "LabelledImages"
) -> list[str]:
    """Classes of which all images were taken that asking for them would take."""
    available, has = Counter(every.class_names), Counter(taken.class_names)
    return [name for name, own in names.items() if has[own] >= available[own]]


def _seconds_per_batch(network: "Network", images: "LabelledImages") -> float:
    import torch

    def run(forward: Callable[[], object]) -> float:
        start = time.perf_counter()
        forward()
        return time.perf_counter() - start

    parameter = next(network.model.parameters())
    pixels = images.batch(0)
    reading = run(lambda: images.batch(0))
    with torch.inference_mode():
        network.model(pixels[:1].to(parameter))  # the first call is slower
        return reading + run(lambda: network.model(pixels.to(parameter)))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min"
