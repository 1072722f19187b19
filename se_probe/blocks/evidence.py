"""What autograd knows of a gate: what it was computed from, by which layers."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "channel_axis",
    "excitation_parameters",
    "forward_shape",
    "is_along_channels",
    "is_rearranged",
    "is_spread",
    "last_layers",
    "mixes_channels",
    "operation",
    "unspread",
]

# Operations that only look at the same numbers in another shape.
_RESHAPES = frozenset(
    [
        *("View", "ReshapeAlias", "UnsafeView", "Squeeze", "Unsqueeze", "Permute"),
        *("Transpose", "T", "Alias", "Clone", "ToCopy"),
    ]
)
# Operations that copy numbers to several places, or take some of them.
_SPREADS = frozenset(
    [
        *("Expand", "Repeat", "Index", "IndexSelect", "Select", "Slice", "Split"),
        *("SplitWithSizes", "Unbind", "Cat", "Stack"),
        *(f"Upsample{how}1D" for how in ("Nearest", "NearestExact", "Linear")),
        *(f"Upsample{how}2D" for how in ("Nearest", "NearestExact", "Bilinear")),
        *(f"Upsample{how}3D" for how in ("Nearest", "NearestExact", "Trilinear")),
        "UpsampleBicubic2D",
    ]
)
# Those that take some of the numbers next to each other.
_PARTS = frozenset(["Slice", "Split", "SplitWithSizes"])
_ELEMENTWISE = frozenset(
    [
        *("Mul", "Div", "Add", "Sub", "Rsub", "Neg", "Sigmoid", "Hardsigmoid", "Tanh"),
        *("Relu", "Hardtanh", "Clamp", "Softplus", "Exp"),
    ]
)
_REDUCTIONS = frozenset(["Select", "Mean", "Sum", "Amax"])
# How the names begin of operations whose result has its channels second, or last.
_SECOND = (
    *("Convolution", "NativeBatchNorm", "CudnnBatchNorm", "NativeGroupNorm"),
    *("AvgPool", "AdaptiveAvgPool", "MaxPool", "AdaptiveMaxPool", "Upsample"),
)
_LAST = ("Addmm", "Mm", "NativeLayerNorm", "Linear")


def operation(node: Any) -> str:
    """Name of what a node of autograd's graph undoes: `Mul`, `Sigmoid`, `View`."""
    return type(node).__name__.partition("Backward")[0]


def is_rearranged(node: Any) -> bool:
    """Whether a node only moves numbers, copies them or takes some of them."""
    return operation(node) in _RESHAPES | _SPREADS


def forward_shape(node: Any) -> tuple[int, ...]:
    """Shape of what a node of autograd's graph computed; of its first result."""
    metadata = getattr(node, "_input_metadata", ())
    return tuple(metadata[0].shape) if metadata else ()


def excitation_parameters(gate: Tensor, feature_map: Tensor) -> list[Tensor] | None:
    """Learned tensors between a feature map and a gate, first layer first.

    Walks autograd's graph backwards from the gate and stops at the map, or at what the
    map is another view of, or some of the channels of. An empty list means that nothing
    learned lies between (an instance norm written by hand, say).

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
    sources = _same_numbers(feature_map)
    wholes = _wholes(feature_map)
    ends = sources | wholes
    parameters: dict[int, Tensor] = {}
    found_map = False
    visited: set[Any] = {(gate.grad_fn, 0)}
    queue = deque([gate.grad_fn])
    while queue:
        later = queue.popleft()
        # Gates of some channels that were computed from others are none of theirs.
        others = wholes - sources if operation(later) in _PARTS else set()
        for edge in later.next_functions:
            node = edge[0]
            if node is None or edge in visited or edge in others:
                continue
            visited.add(edge)
            leaf = getattr(node, "variable", None)
            if edge in ends:
                found_map = True
            elif leaf is None:
                queue.append(node)
            elif isinstance(leaf, nn.Parameter):
                parameters[id(leaf)] = leaf
    return list(parameters.values())[::-1] if found_map else None


def _same_numbers(tensor: Tensor) -> set[tuple[Any, int]]:
    """Results in the graph that hold the numbers of a tensor, in whichever shape."""
    if not tensor.requires_grad:  # a constant of the network's own
        return set()
    if tensor.grad_fn is not None:
        return set(_through_reshapes((tensor.grad_fn, tensor.output_nr)))
    edge = torch.autograd.graph.get_gradient_edge(tensor)  # the network's own input
    return {(edge.node, edge.output_nr)}


def _wholes(tensor: Tensor) -> set[tuple[Any, int]]:
    """Results in the graph that a tensor was cut out of, such as one of two halves."""
    node, _ = _through_reshapes((tensor.grad_fn, tensor.output_nr))[-1]
    if node is None or operation(node) not in _PARTS:
        return set()
    return set(_through_reshapes(node.next_functions[0]))


def _through_reshapes(edge: tuple[Any, int]) -> list[tuple[Any, int]]:
    """A result in the graph, and those that hold the same numbers before it."""
    edges = [edge]
    while edges[-1][0] is not None and operation(edges[-1][0]) in _RESHAPES:
        edges.append(edges[-1][0].next_functions[0])
    return edges


def last_layers(gate: Tensor) -> list[Tensor]:
    """Learned tensors of the layers from which a gate is made without further ones.

    Parameters
    ----------
    gate : Tensor
        Computed with gradients enabled.

    Returns
    -------
    list of Tensor
        Of two layers where two gates were multiplied, for example.
    """
    found: dict[int, Tensor] = {}
    visited: set[Any] = {gate.grad_fn}
    queue: deque[Any] = deque(visited)
    while queue:
        node = queue.popleft()
        before = [each for each, _ in node.next_functions if each is not None]
        behind = [_through_reshapes((each, 0))[-1][0] for each in before]
        leaves = [getattr(each, "variable", None) for each in behind]
        own = [leaf for leaf in leaves if isinstance(leaf, nn.Parameter)]
        found |= {id(leaf): leaf for leaf in own}
        if not own or operation(node) in _ELEMENTWISE:  # no layer: one may come before
            queue.extend(each for each in before if each not in visited)
            visited.update(before)
    return list(found.values())


def mixes_channels(parameters: Sequence[Tensor]) -> bool:
    """Whether some of the parameters are weights of a layer, not one per channel."""
    return any(p.squeeze().ndim >= 2 or is_along_channels(p) for p in parameters)


def is_along_channels(weight: Tensor) -> bool:
    """Whether it is the kernel of a convolution over the channels, as that of ECA."""
    return weight.ndim == 3 and weight.shape[:2] == (1, 1) and weight.shape[2] > 1


def unspread(factor: Tensor) -> Iterator[Any]:
    """Nodes back from a factor that only look at it otherwise, or spread it.

    Yields
    ------
    node of autograd's graph
        The last one is the function that made the numbers.
    """
    node = factor.grad_fn
    while node is not None:
        yield node
        if not is_rearranged(node):
            return
        node = node.next_functions[0][0] if node.next_functions else None


def is_spread(factor: Tensor, n_numbers: int) -> bool:
    """Whether a factor was made from so many numbers, by spreading them over the map.

    Parameters
    ----------
    factor : Tensor
        Holds more than `n_numbers`.
    n_numbers : int

    Returns
    -------
    bool
    """
    node = factor.grad_fn
    while node is not None:
        if torch.Size(forward_shape(node)).numel() == n_numbers:
            return True
        if not is_rearranged(node) and operation(node) not in _ELEMENTWISE:
            return False
        node = next((n for n, _ in node.next_functions if n is not None), None)
    return False


def channel_axis(tensor: Tensor) -> int | None:
    """Which axis of a tensor holds the channels, by the layer that made it.

    A sequence of shape (batch, a, b) has its channels second where a convolution or a
    batch norm made it, and last where a linear layer or a layer norm did.

    Parameters
    ----------
    tensor : Tensor
        Computed with gradients enabled.

    Returns
    -------
    int or None
        None where that cannot be told.
    """
    node, passed = tensor.grad_fn, []
    axis: int | None = None
    while node is not None and axis is None:
        name = operation(node)
        if name.startswith(_SECOND):
            axis = 1
        elif name.startswith(_LAST):
            axis = len(forward_shape(node)) - 1
        else:
            passed.append(node)
            node = next((n for n, _ in node.next_functions if n is not None), None)
    for node in reversed(passed):
        if axis is not None:
            axis = _moved(node, axis)
    return axis


def _moved(node: Any, axis: int) -> int | None:
    """Where an axis is after one more operation."""
    name = operation(node)
    if name == "Permute":
        n_axes = len(node._saved_dims)
        return [d % n_axes for d in _signed(node._saved_dims)].index(axis)
    if name == "Transpose":
        n_axes = len(forward_shape(node))
        first, second = (
            d % n_axes for d in _signed((node._saved_dim0, node._saved_dim1))
        )
        return {first: second, second: first}.get(axis, axis)
    if name in _REDUCTIONS and node.next_functions:
        n_before = len(forward_shape(node.next_functions[0][0]))
        return _after_reduction(node, n_before - len(forward_shape(node)), axis)
    before = getattr(node, "_saved_self_sym_sizes", None)
    if before is None or name not in _RESHAPES:
        return axis
    return _same_axis(tuple(before), forward_shape(node), axis)


def _after_reduction(node: Any, n_lost: int, axis: int) -> int | None:
    if n_lost < 1:
        return axis
    saved = node._saved_dim
    axes = _signed(saved if isinstance(saved, tuple) else (saved,))
    n_axes = len(forward_shape(node)) + n_lost
    lost = {each % n_axes for each in axes}
    return None if axis in lost else axis - sum(each < axis for each in lost)


def _signed(axes: Sequence[int]) -> list[int]:
    return [a - 2**64 if a >= 2**63 else a for a in axes]  # torch keeps them unsigned


def _same_axis(
    before: tuple[int, ...], after: tuple[int, ...], axis: int
) -> int | None:
    """The axis of a reshaped tensor that runs over the same numbers."""
    n_outer = torch.Size(before[:axis]).numel()
    for new, side in enumerate(after):
        if side == before[axis] and torch.Size(after[:new]).numel() == n_outer:
            return new
    return None
