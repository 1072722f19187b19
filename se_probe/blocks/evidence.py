"""What autograd knows of a gate: what it was computed from, and how."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

__all__ = ["excitation_parameters", "gate_function"]

# Operations that only look at the same numbers in another shape.
_VIEWS = tuple(
    f"{name}Back"
    for name in (
        *("View", "Reshape", "UnsafeView", "Expand", "Squeeze", "Unsqueeze"),
        *("Permute", "Transpose", "Select", "Slice", "Alias", "Clone", "ToCopy"),
    )
)
_FUNCTIONS = {
    "Sigmoid": "sigmoid",
    "Hardsigmoid": "hardsigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "Softmax": "softmax",
    "Hardtanh": "hardsigmoid",
    "Clamp": "hardsigmoid",
}


def excitation_parameters(gate: Tensor, feature_map: Tensor) -> list[Tensor] | None:
    """Learned tensors between a feature map and a gate, first layer first.

    Walks autograd's graph backwards from the gate and stops at the map. An empty list
    means that nothing learned lies between (an instance norm written by hand, say).

    Parameters
    ----------
    gate, feature_map : Tensor
        Computed with gradients enabled.

    Returns
    -------
    list of Tensor or None
        None if the gate was not computed from the map.
    """
    if gate.grad_fn is None:
        return None
    parameters: dict[int, Tensor] = {}
    found_map = False
    visited, queue = {(gate.grad_fn, 0)}, deque([gate.grad_fn])
    while queue:
        for node, output_number in queue.popleft().next_functions:
            if node is None or (node, output_number) in visited:
                continue
            visited.add((node, output_number))
            leaf = getattr(node, "variable", None)
            if leaf is feature_map or (
                node is feature_map.grad_fn and output_number == feature_map.output_nr
            ):
                found_map = True
            elif leaf is None:
                queue.append(node)
            elif isinstance(leaf, nn.Parameter):
                parameters[id(leaf)] = leaf
    return list(parameters.values())[::-1] if found_map else None


def gate_function(gate: Tensor) -> str:
    """Name of the function whose output the gate is: `sigmoid`, `hardsigmoid`, ..."""
    for node in _operations(gate.grad_fn):
        name = type(node).__name__.partition("Backward")[0]
        if name in ("Div", "Mul"):  # relu6(x + 3) / 6
            continue
        return _FUNCTIONS.get(name, name.lower())
    return "other"


def _operations(node: Any) -> Iterator[Any]:
    while node is not None:
        if not type(node).__name__.startswith(_VIEWS):
            yield node
        node = node.next_functions[0][0] if node.next_functions else None
