"""Networks for programs that know neither se_probe nor the network's code."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import se_probe
from se_probe.blocks import unwrap
from se_probe.checkpoints import Network
from se_probe.errors import CheckpointError, MissingPackageError, UsageError
from se_probe.evaluation import seal_onnx
from se_probe.files import refuse_existing, write_whole
from se_probe.pruning.sameness import (
    TOLERANCE,
    largest_difference,
    logits_of,
    noise_images,
)
from se_probe.running import evaluating

__all__ = ["Exported", "check_export", "export_network"]

_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
SUFFIXES = (".onnx", ".pt2")

# Each weight in half precision differs by up to 2**-11 of itself. What that does to the
# logits depends on the network and is reported; more than this is no rounding.
_HALF_TOLERANCE = 0.2

# From images to logits, by what was exported.
Runner = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Exported:
    """What was exported, and how well it computes the same.

    Attributes
    ----------
    path : Path
    difference : float
        Largest difference between its logits and those of torch, as a share of the
        largest logit.
    sizes : str
        Which inputs it takes: "any batch, height and width", or "any batch".
    """

    path: Path
    difference: float
    sizes: str


def check_export(
    path: str | Path, *, half: bool = False, opset: int | None = None
) -> None:
    """Check that a network can be exported to such a file, before any work.

    Parameters
    ----------
    path : path
    half : bool, default False
        Whether weights shall be stored in half precision.
    opset : int, optional
        Version of the ONNX operators.

    Raises
    ------
    UsageError
        If the suffix means no format, or the format has no such option.
    MissingPackageError
        If a package that ONNX needs is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"the suffix says what is exported: expected {' or '.join(SUFFIXES)}, got "
            f"{Path(path).name!r}"
        )
    if suffix == ".onnx":
        missing = [name for name in _ONNX_PACKAGES if find_spec(name) is None]
        if missing:
            raise MissingPackageError(
                f'ONNX needs {", ".join(missing)}: pip install "se-probe[export]"'
            )
    elif half or opset is not None:
        raise UsageError(
            "half-precision weights and operator versions are options of ONNX files; "
            f"{Path(path).name} is one of torch.export"
        )


def export_network(
    network: Network,
    path: str | Path,
    images: Tensor | None = None,
    *,
    opset: int | None = None,
    half: bool = False,
    any_size: bool = True,
    overwrite: bool = False,
) -> Exported:
    """Write a network as an ONNX or torch.export file and compare it with torch.

    The file takes `images` and gives `logits`, for any batch; for any height and width
    too, where torch can trace the network so. Its metadata hold `preprocessing`,
    `class_names`, `removed_blocks`, `architecture` and `checkpoint` as JSON. It is
    written whole or not at all, and only if the comparison holds.

    Parameters
    ----------
    network : Network
    path : path
        Ends in ``.onnx`` or ``.pt2``.
    images : Tensor, shape (batch, channels, height, width), optional
        Preprocessed images to compare on; noise by default.
    opset : int, optional
        Version of the ONNX operators. Default: torch's.
    half : bool, default False
        Store weights of an ONNX file in half precision; computed is in single.
    any_size : bool, default True
        For any height and width, where torch can trace the network so. Padding that
        depends on the size (timm's ``tf_*`` networks) is then computed at every pass.
    overwrite : bool, default False

    Returns
    -------
    Exported

    Raises
    ------
    UsageError
        If the suffix means no format, or the format has no such option.
    MissingPackageError
        If onnx, onnxscript or onnxruntime is needed and not installed.
    CheckpointError
        If `path` exists and may not be overwritten, cannot be written, the network
        cannot be exported, or the file computes something else than torch.
    """
    path = Path(path)
    check_export(path, half=half, opset=opset)
    refuse_existing(path, overwrite=overwrite)
    model, noise = unwrap(network.model), noise_images(network)
    batch = noise if images is None else images.to(noise)
    expected = logits_of(model, batch).cpu()
    program, sizes = _traced(model, noise, any_size=any_size)
    found: list[Exported] = []

    def write(part: Path) -> None:
        if path.suffix.lower() == ".onnx":
            _write_onnx(network, program, part, opset=opset, half=half)
            run = onnx_runner(part)
        else:
            _write_exported(network, program, part)
            run = torch.export.load(part).module()
        with torch.no_grad():
            difference = largest_difference(run(batch).cpu(), expected)
        if difference > (_HALF_TOLERANCE if half else TOLERANCE):
            raise CheckpointError(
                f"{path} was not written: from it other logits are computed than by "
                f"torch, by {difference:.2g} of the largest"
            )
        found.append(Exported(path, difference, sizes))

    write_whole(path, write)
    return found[0]


def onnx_runner(path: Path) -> Runner:
    """Function that computes logits with ONNX Runtime on the CPU."""
    import onnxruntime

    session: Any = onnxruntime.InferenceSession(
        path.read_bytes(), providers=["CPUExecutionProvider"]
    )

    def run(images: Tensor) -> Tensor:
        logits, *_ = session.run(None, {"images": images.cpu().numpy()})
        return torch.from_numpy(logits)

    return run


def _metadata(network: Network) -> dict[str, str]:
    names = [label.name for label in network.class_names]
    facts: Mapping[str, Any] = {
        "architecture": network.architecture,
        "checkpoint": network.provenance.checkpoint,
        "preprocessing": network.preprocessing.as_dict(),
        "class_names": names,
        "label_set": json.dumps(network.class_names.spec),
        "removed_blocks": list(map(dict, network.provenance.removed_blocks)),
        "se_probe": se_probe.__version__,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in facts.items()
    }


def _shapes(n_axes: int, *, sizes: bool) -> tuple[dict[int, Any]]:
    shape: dict[int, Any] = {0: torch.export.Dim("batch")}
    if sizes:
        shape |= dict.fromkeys(range(2, n_axes), torch.export.Dim.AUTO)
    return (shape,)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's reports on inequalities that it could not solve."""
    logger = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _traced(
    model: nn.Module, images: Tensor, *, any_size: bool
) -> tuple[torch.export.ExportedProgram, str]:
    """The program of a network, and for which inputs it is."""
    reasons = []
    any_words = (
        "any batch, height and width" if images.ndim == 4 else "any batch and size"
    )
    ways = ((True, any_words), (False, "any batch"))
    for sizes, words in ways if any_size else ways[1:]:
        try:
            with evaluating(model), torch.no_grad(), _quiet():
                program = torch.export.export(
                    model,
                    (images,),
                    strict=False,
                    dynamic_shapes=_shapes(images.ndim, sizes=sizes),
                )
                if sizes:
                    _check_other_size(program, model, images)
            return program, words
        except Exception as error:
            # Whatever code a network holds may fail here, in its own way.
            reasons.append(str(error).partition("\n")[0])
    raise CheckpointError(
        f"torch.export cannot trace {type(model).__name__}: {reasons[-1]}"
    )


def _check_other_size(
    program: torch.export.ExportedProgram, model: nn.Module, images: Tensor
) -> None:
    """Fail if what was traced for any size is right for this one only."""
    size = [side + 32 * axis for axis, side in enumerate(images.shape[2:], 1)]
    larger = nn.functional.interpolate(images[:1], size)
    difference = largest_difference(program.module()(larger), model(larger))
    if difference > TOLERANCE:
        raise CheckpointError("the program is right for one size of images only")


def _write_exported(
    network: Network, program: torch.export.ExportedProgram, path: Path
) -> None:
    with path.open("wb") as file, warnings.catch_warnings():
        # About weights of which only a slice is stored, on a GPU.
        warnings.simplefilter("ignore", UserWarning)
        torch.export.save(program, file, extra_files=_metadata(network))


def _write_onnx(
    network: Network,
    program: torch.export.ExportedProgram,
    path: Path,
    *,
    opset: int | None,
    half: bool,
) -> None:
    from se_probe.pruning.half import with_half_weights

    try:
        exported = torch.onnx.export(
            program,
            (),
            input_names=["images"],
            output_names=["logits"],
            opset_version=opset,
            verbose=False,
            dynamo=True,
        )
    except torch.onnx.OnnxExporterError as error:
        raise CheckpointError(
            f"torch cannot export {type(network.model).__name__} to ONNX: "
            f"{error.__cause__ or error}"
        ) from error
    assert exported is not None
    file = exported.model_proto
    if half:
        with_half_weights(file)
    seal_onnx(file, _metadata(network))
    path.write_bytes(file.SerializeToString())
