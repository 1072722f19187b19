"""Weights of an ONNX file in half precision."""

from typing import Any

import numpy as np

__all__ = ["with_half_weights"]

# Biases and statistics stay as they are: they weigh next to nothing.
_LEAST_NUMBERS = 1024


def with_half_weights(model: Any) -> None:
    """Store the large weights of an ONNX model in half precision, in place.

    Each is cast to single precision before it is used, so that computed is as before;
    ONNX Runtime does that once, when it loads the file.

    Parameters
    ----------
    model : onnx.ModelProto
    """
    from onnx import TensorProto, helper, numpy_helper

    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LEAST_NUMBERS:
            continue
        name = tensor.name
        half = numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
        tensor.CopyFrom(half)
        casts.append(
            helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)
        )
    # Before all that use them: the nodes of a graph stand in the order of their use.
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
