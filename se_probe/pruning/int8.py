"""Networks in int8: made, and compared with what they were."""

import copy
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network
from se_probe.evaluation import Evaluation, evaluate, held_out, open_onnx, seal_onnx
from se_probe.images import LabelledImages
from se_probe.interventions import evenly
from se_probe.progress import Progress
from se_probe.pruning.export import export_network
from se_probe.running import only_tensor

__all__ = ["N_RANGE_IMAGES", "evaluate_int8", "int8_network", "quantize_onnx"]

# Images that ranges are measured on: onnxruntime keeps all activations of them.
N_RANGE_IMAGES = 32


def quantize_onnx(path: Path, out: Path, images: Tensor) -> None:
    """Write an ONNX file of a network in int8, by onnxruntime's own tool.

    Weights are signed and have a scale per channel; activations are unsigned, by their
    smallest and largest value on some images (static quantisation, QDQ). ONNX Runtime
    has integer kernels for the CPU for this combination only: with signed activations
    it leaves most convolutions in single precision, which is slower than no
    quantisation.

    Parameters
    ----------
    path : Path
        ONNX file in single precision.
    out : Path
    images : Tensor, shape (batch, channels, height, width)
        To measure ranges on.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rows = iter(range(0, len(images), 8))

        def get_next(self) -> dict[str, Any] | None:
            start = next(self.rows, None)
            if start is None:
                return None
            return {"images": images[start : start + 8].cpu().numpy()}

    prepared = out.with_suffix(".prepared.onnx")
    facts = {each.key: each.value for each in onnx.load(path).metadata_props}
    # Batch norms go into the convolutions before them.
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        out,
        Reader(),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()
    model = onnx.load(out)
    facts["precision"] = json.dumps("int8")
    seal_onnx(model, facts)
    onnx.save(model, out)


def int8_network(network: Network, images: Tensor) -> Network:
    """A network in int8, as ONNX Runtime serves it; see :func:`quantize_onnx`.

    Parameters
    ----------
    network : Network
    images : Tensor, shape (batch, ...)
        Preprocessed, to measure ranges on; the first 32 of them.

    Returns
    -------
    Network
        Its model runs on the CPU.

    Raises
    ------
    MissingPackageError
        If a package that ONNX needs is not installed.
    CheckpointError
        If the network cannot be exported.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, int8 = (Path(folder) / name for name in ("network.onnx", "int8.onnx"))
        # Served at one size; sizes that are computed at every pass cost time.
        export_network(network, path, any_size=False)
        quantize_onnx(path, int8, images[:N_RANGE_IMAGES])
        return open_onnx(int8, network)


def evaluate_int8(
    network: Network, images: LabelledImages, *, progress: Progress | None = None
) -> Evaluation:
    """A network in int8 against itself in single precision, on the same images.

    Ranges come from 32 images that the network was calibrated, chosen or trained on
    where there are any, else from 32 that are then left out of the comparison.

    Parameters
    ----------
    network : Network
    images : LabelledImages
    progress : callable, optional
        Called with how many images have gone through a network, and how many will.

    Returns
    -------
    Evaluation
        Of the int8 network, `against` the given one.

    Raises
    ------
    MissingPackageError
        If a package that ONNX needs is not installed.
    CheckpointError
        If the network cannot be exported.
    ImagesError
        If no image is left to compare on.
    """
    unseen = held_out(images, [network]).images
    ranges = evenly(_others(images, unseen) or images, N_RANGE_IMAGES)
    judging = _others(unseen, ranges) or unseen
    whole = replace(ranges, batch_size=len(ranges))
    batch = only_tensor(whole.batch(0), "int8")
    model = copy.deepcopy(unwrap(network.model)).cpu()
    original = replace(network, model=model)
    return evaluate(
        int8_network(original, batch),
        judging,
        against=original,
        n_timed=0,
        progress=progress,
    )


def _others(images: LabelledImages, known: LabelledImages) -> LabelledImages | None:
    """Images that are not among those known; None where all are."""
    ids = set(known.image_ids)
    left = [i for i, image_id in enumerate(images.image_ids) if image_id not in ids]
    if not left:
        return None
    return replace(images, pictures=images.pictures.chosen(left))
