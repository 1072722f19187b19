"""Networks for programs that read ONNX."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network
from se_probe.errors import CheckpointError, MissingPackageError
from se_probe.files import refuse_existing, write_whole
from se_probe.pruning.sameness import (
    TOLERANCE,
    largest_difference,
    logits_of,
    noise_images,
)
from se_probe.running import evaluating

__all__ = ["check_onnx_packages", "export_onnx"]

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def export_onnx(
    network: Network,
    path: str | Path,
    images: Tensor | None = None,
    *,
    overwrite: bool = False,
) -> float:
    """Write a network as an ONNX file and compare what it computes with torch.

    The file takes a batch of any size called `images` and gives `logits`. It is written
    whole or not at all, and only if the comparison holds.

    Parameters
    ----------
    network : Network
    path : path
    images : Tensor, shape (batch, channels, height, width), optional
        Preprocessed images to compare on; noise by default.
    overwrite : bool, default False

    Returns
    -------
    float
        Largest difference between the logits of ONNX Runtime and of torch, as a share
        of the largest logit.

    Raises
    ------
    MissingPackageError
        If onnx, onnxscript or onnxruntime is not installed.
    CheckpointError
        If `path` exists and may not be overwritten, cannot be written, the network
        cannot be exported, or the file computes something else than torch.
    """
    check_onnx_packages()
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    model, noise = unwrap(network.model), noise_images(network)
    batch = noise if images is None else images.to(noise)
    differences = []

    def write(part: Path) -> None:
        _export(model, noise, part)
        expected = logits_of(model, batch).cpu()
        differences.append(largest_difference(_onnx_logits(part, batch), expected))
        if differences[0] > TOLERANCE:
            raise CheckpointError(
                f"{path} was not written: from it ONNX Runtime computes other logits "
                f"than torch, by {differences[0]:.2g} of the largest"
            )

    write_whole(path, write)
    return differences[0]


def check_onnx_packages() -> None:
    """Check that all that :func:`export_onnx` needs is installed.

    Raises
    ------
    MissingPackageError
        Naming what is missing and the extra that brings it.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f'ONNX needs {", ".join(missing)}: pip install "se-probe[export]"'
        )


def _export(model: nn.Module, images: Tensor, path: Path) -> None:
    try:
        with evaluating(model), torch.no_grad():
            torch.onnx.export(
                model,
                (images,),
                path,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False,
                verbose=False,
                dynamo=True,
            )
    except torch.onnx.OnnxExporterError as error:
        raise CheckpointError(
            f"torch cannot export {type(model).__name__} to ONNX: "
            f"{error.__cause__ or error}"
        ) from error


def _onnx_logits(path: Path, images: Tensor) -> Tensor:
    import onnxruntime

    session: Any = onnxruntime.InferenceSession(
        path.read_bytes(), providers=["CPUExecutionProvider"]
    )
    logits, *_ = session.run(None, {"images": images.cpu().numpy()})
    return torch.from_numpy(logits)
