"""Ways to get the gates of a network out of it: se_probe, and what others offer.

One way runs in one process, `python -m benchmarks.ways JSON`, and prints what it
measured as JSON. Every way gives the gates of a batch as one array, (images, channels),
in the order of the blocks. What others do not have (decoding, labels, a file) is not
asked of them: they get their pixels from memory. se_probe reads JPEG files and writes
the record.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.machine import peak_memory
from se_probe.blocks import FoundBlock, find_se_blocks
from se_probe.checkpoints import build_network
from se_probe.images import open_images
from se_probe.record import record_gates
from se_probe.running import pick_device, pinned_numerics

# Gates of one batch, or None where a way only runs the network.
Forward = Callable[[Tensor], "np.ndarray[Any, Any] | None"]
_TOLERANCE = 1e-3  # of float32; channels_last sums in another order


@dataclass(frozen=True)
class Job:
    """One measurement of one way."""

    way: str
    arch: str
    n_images: int
    batch_size: int
    threads: int
    device: str
    photos: str
    workers: int | str | None = None


def measure(job: Job) -> dict[str, object]:
    """Images per second and peak memory of one way."""
    with pinned_numerics(job.threads):
        found = _by_se_probe(job) if job.way in MODES else _by_forward(job)
    facts = found | {"way": job.way, "peak_mb": peak_memory()}
    if job.device != "cpu":
        facts["peak_device_mb"] = torch.cuda.max_memory_allocated() / 1e6
    return facts


def _by_forward(job: Job) -> dict[str, object]:
    network = build_network(job.arch)
    shape = network.preprocessing.input_size
    model = network.model.to(pick_device(job.device))
    is_last = job.way.endswith("channels_last")
    layout = torch.channels_last if is_last else torch.contiguous_format
    model.to(memory_format=layout)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(job.batch_size, *shape, generator=generator)
    blocks = find_se_blocks(model, pixels[:2])
    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        forward = WAYS[job.way](model, blocks, stack)
        first = run(forward, model, pixels)
        setup = time.perf_counter() - began
        n_batches = max(1, job.n_images // job.batch_size)
        began = time.perf_counter()
        for _ in range(n_batches):
            run(forward, model, pixels)
        seconds = time.perf_counter() - began
    found: dict[str, object] = {
        "images_per_second": n_batches * job.batch_size / seconds,
        "setup_seconds": setup,
    }
    if first is not None:
        found["difference"] = _difference(first, model, blocks, pixels)
    return found


def run(forward: Forward, model: nn.Module, pixels: Tensor) -> Any:
    """One batch through the network; its class scores arrive on the CPU."""
    parameter = next(model.parameters())
    gates = forward(pixels.to(parameter.device))
    if parameter.device.type == "cuda":
        torch.cuda.synchronize()
    return gates


def _difference(
    gates: Any, model: nn.Module, blocks: list[FoundBlock], pixels: Tensor
) -> float:
    """Largest difference to the gates that plain hooks see; fails where it is large."""
    with contextlib.ExitStack() as stack:
        expected = run(WAYS["hooks"](model, blocks, stack), model, pixels)
    largest = float(np.abs(gates - expected).max())
    if gates.shape != expected.shape or largest > _TOLERANCE:
        raise RuntimeError(f"gates differ by {largest:g} from what hooks see")
    return largest


def _by_se_probe(job: Job) -> dict[str, object]:
    network = build_network(job.arch)
    network.model.to(pick_device(job.device))
    images = open_images(
        Path(job.photos),
        network.preprocessing,
        batch_size=job.batch_size,
        **({} if job.workers is None else {"workers": job.workers}),
    )
    moments: list[tuple[float, int]] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        record_gates(
            network,
            images,
            out=Path(folder) / "run.zarr",
            threads=job.threads,
            progress=lambda done, _: moments.append((time.perf_counter(), done)),
            **MODES[job.way],
        )
        ended = time.perf_counter()
    # The first batch finds the blocks and compiles; it is setting up.
    first, done = next(each for each in moments if each[1])
    return {
        "images_per_second": (len(images) - done) / (ended - first),
        "setup_seconds": first - began,
    }


def _side_by_side(gates: list[Tensor]) -> Any:
    return torch.cat([g.detach().flatten(1) for g in gates], 1).float().cpu().numpy()


def _paths(blocks: list[FoundBlock]) -> list[str]:
    paths = [block.gate_path for block in blocks if block.gate_path]
    if len(paths) < len(blocks):
        raise RuntimeError("the gates of this network are outputs of no module")
    return paths


def bare(model: nn.Module, blocks: list[FoundBlock], stack: Any) -> Forward:
    """The network as everyone runs it; its scores are fetched."""
    stack.enter_context(torch.inference_mode())

    def forward(pixels: Tensor) -> None:
        model(pixels).float().cpu()

    return forward


def hooks(model: nn.Module, blocks: list[FoundBlock], stack: Any) -> Forward:
    """A forward hook on each gate, and nothing else."""
    stack.enter_context(torch.inference_mode())
    seen: dict[str, Tensor] = {}

    def keep(path: str) -> Callable[..., None]:
        return lambda module, args, output: seen.update({path: output.clone()})

    for path in _paths(blocks):
        module = model.get_submodule(path)
        stack.callback(module.register_forward_hook(keep(path)).remove)

    def forward(pixels: Tensor) -> Any:
        model(pixels).float().cpu()
        return _side_by_side([seen[path] for path in _paths(blocks)])

    return forward


def timm_extract(model: nn.Module, blocks: list[FoundBlock], stack: Any) -> Forward:
    from timm.utils import AttentionExtract

    stack.enter_context(torch.inference_mode())
    extract = AttentionExtract(model, names=_paths(blocks), method="hook")
    return lambda pixels: _side_by_side(list(extract(pixels).values()))


def torchvision_extract(
    model: nn.Module, blocks: list[FoundBlock], stack: Any
) -> Forward:
    from torchvision.models.feature_extraction import create_feature_extractor

    stack.enter_context(torch.inference_mode())
    extract = create_feature_extractor(model, _paths(blocks)).eval()
    return lambda pixels: _side_by_side(list(extract(pixels).values()))


def captum_activation(
    model: nn.Module, blocks: list[FoundBlock], stack: Any
) -> Forward:
    from captum.attr import LayerActivation

    layers = [model.get_submodule(path) for path in _paths(blocks)]
    extract = LayerActivation(model, layers)
    return lambda pixels: _side_by_side(list(extract.attribute(pixels)))


def torchlens_extract(
    model: nn.Module, blocks: list[FoundBlock], stack: Any
) -> Forward:
    import torchlens

    stack.enter_context(torch.no_grad())
    paths = _paths(blocks)

    def forward(pixels: Tensor) -> Any:
        gates = torchlens.extract(model, pixels, {path: path for path in paths})
        return _side_by_side([gates[path] for path in paths])

    return forward


def nnsight_trace(model: nn.Module, blocks: list[FoundBlock], stack: Any) -> Forward:
    from nnsight import NNsight

    stack.enter_context(torch.inference_mode())
    watched = NNsight(model)
    gates = [watched.get(path) for path in _paths(blocks)]

    def forward(pixels: Tensor) -> Any:
        with watched.trace(pixels):
            kept = [gate.output.save() for gate in gates].save()
        return _side_by_side(list(kept))

    return forward


WAYS: dict[str, Callable[[nn.Module, list[FoundBlock], Any], Forward]] = {
    "bare": bare,
    "bare channels_last": bare,
    "hooks": hooks,
    "hooks channels_last": hooks,
    "timm AttentionExtract": timm_extract,
    "torchvision feature extraction": torchvision_extract,
    "captum LayerActivation": captum_activation,
    "TorchLens extract": torchlens_extract,
    "nnsight trace": nnsight_trace,
}
# The distribution that a way needs and the project does not.
PEERS = {
    "captum LayerActivation": "captum",
    "TorchLens extract": "torchlens",
    "nnsight trace": "nnsight",
}
MODES: dict[str, dict[str, Any]] = {
    "se_probe": {},
    "se_probe bf16": {"precision": "bf16"},
    "se_probe compile": {"compile": True},
    "se_probe compile bf16": {"compile": True, "precision": "bf16"},
}


def version(way: str) -> str | None:
    """Version of the package behind a way; None where it is not installed."""
    package = PEERS.get(way, way.partition(" ")[0])
    if package in {"bare", "hooks"}:
        package = "torch"
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    # Others print to stdout; the last line is the answer.
    print("\n" + json.dumps(measure(Job(**json.loads(sys.argv[1])))), flush=True)
