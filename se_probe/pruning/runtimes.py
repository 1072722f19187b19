"""How long networks take where they are served, beside each other."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network
from se_probe.errors import UsageError
from se_probe.evaluation import Forward, OnnxModel, run_times
from se_probe.images import LabelledImages
from se_probe.pruning.export import check_export, export_network
from se_probe.pruning.int8 import int8_network
from se_probe.running import (
    evaluating,
    only_tensor,
    served_numerics,
    to_device_of,
)

__all__ = [
    "RUNTIMES",
    "Runtime",
    "RuntimeTimes",
    "check_runtimes",
    "serve",
    "time_runtimes",
]

Runtime = Literal["eager", "compile", "onnxruntime", "onnxruntime-int8"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)


@dataclass(frozen=True)
class RuntimeTimes:
    """Time of a forward pass of each network in one runtime.

    Attributes
    ----------
    runtime : str
    batch_size : int
    milliseconds : tuple of float
        Median of each network, in ms.
    low, high : tuple of float
        Quartiles of each network, in ms.
    n_runs, threads : int
    device, memory_format, precision : str
    """

    runtime: str
    batch_size: int
    milliseconds: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n_runs: int
    threads: int
    device: str
    memory_format: str
    precision: str


def time_runtimes(
    networks: Sequence[Network],
    images: LabelledImages,
    runtimes: Sequence[Runtime] = ("eager",),
    *,
    n_runs: int = 20,
) -> list[RuntimeTimes]:
    """Time of networks in the runtimes that serve them, at batch 1 and the batch size.

    In each runtime the networks alternate, run by run. On a GPU torch is free to take
    the fastest algorithms, as it is when a network is served.

    Parameters
    ----------
    networks : sequence of Network
        Of the same preprocessing, on the same device.
    images : LabelledImages
        Their first batch is timed; int8 ranges come from its first 32 images.
    runtimes : sequence of str
        "eager" and "compile" (torch), "onnxruntime" and "onnxruntime-int8" (CPU).
    n_runs : int, default 20
        Timed passes of each; two come before them.

    Returns
    -------
    list of RuntimeTimes

    Raises
    ------
    UsageError
        If there is no such runtime.
    MissingPackageError
        If a package of the ONNX runtimes is not installed.
    CheckpointError
        If a network cannot be exported to ONNX.
    """
    check_runtimes(runtimes)
    pixels = only_tensor(images.batch(0), "timing in other runtimes")
    models = [unwrap(network.model) for network in networks]
    results = []
    with evaluating(*models), served_numerics():
        for runtime in runtimes:
            forwards = [serve(network, runtime, pixels) for network in networks]
            on = pixels if runtime.startswith("onnx") else _moved(pixels, models[0])
            for batch in _batches(on):
                results.append(_timed(runtime, forwards, batch, n_runs))
    return results


def check_runtimes(runtimes: Sequence[str]) -> None:
    """Check that networks can be served in some runtimes, before any work.

    Raises
    ------
    UsageError
        If there is no such runtime.
    MissingPackageError
        If a package of the ONNX runtimes is not installed.
    """
    unknown = [name for name in runtimes if name not in RUNTIMES]
    if unknown or not runtimes:
        raise UsageError(
            f"a runtime is one of {', '.join(RUNTIMES)}, got "
            f"{', '.join(unknown) or 'none'}"
        )
    if any(name.startswith("onnx") for name in runtimes):
        check_export("network.onnx")


def _batches(pixels: Tensor) -> Iterator[Tensor]:
    yield pixels[:1]
    if len(pixels) > 1:
        yield pixels


def _moved(pixels: Tensor, model: nn.Module) -> Tensor:
    # As networks are loaded: channels innermost.
    return to_device_of(model, pixels).to(memory_format=torch.channels_last)


def serve(network: Network, runtime: Runtime, pixels: Tensor) -> Forward:
    """A network as a runtime serves it, from pixels to class scores.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    runtime : str
    pixels : Tensor, shape (batch, ...)
        Preprocessed images; int8 ranges come from the first 32.

    Returns
    -------
    callable

    Raises
    ------
    UsageError
        If an ONNX file is to run in another runtime.
    CheckpointError
        If the network cannot be exported to ONNX.
    """
    model = unwrap(network.model)
    if isinstance(model, OnnxModel):
        if runtime != "onnxruntime":
            raise UsageError(
                f"{network.provenance.checkpoint} is an ONNX file, which only "
                f"onnxruntime runs; got {runtime}"
            )
        return model
    if runtime == "eager":
        return model
    if runtime == "compile":
        # For one size of batch, as it is served, and compiled again for another.
        compiled: Forward = torch.compile(model, dynamic=False)
        return compiled
    if runtime == "onnxruntime-int8":
        return unwrap(int8_network(network, pixels).model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        # Served at one size; sizes that are computed at every pass cost time.
        export_network(network, path, any_size=False)
        return OnnxModel(path)


def _timed(
    runtime: Runtime,
    forwards: Sequence[Forward],
    pixels: Tensor,
    n_runs: int,
) -> RuntimeTimes:
    quartiles = [quantiles(each, n=4) for each in run_times(forwards, pixels, n_runs)]
    is_onnx = runtime.startswith("onnx")
    return RuntimeTimes(
        runtime,
        len(pixels),
        milliseconds=tuple(middle for _, middle, _ in quartiles),
        low=tuple(low for low, _, _ in quartiles),
        high=tuple(high for _, _, high in quartiles),
        n_runs=n_runs,
        threads=torch.get_num_threads(),
        device=pixels.device.type,
        memory_format="contiguous" if is_onnx else "channels_last",
        precision="int8" if runtime.endswith("int8") else "fp32",
    )
