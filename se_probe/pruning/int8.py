"""ONNX files in int8."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

__all__ = ["N_RANGE_IMAGES", "quantize_onnx"]

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
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, out)
