"""Where a constant factor can go: the flow of data through a network.

The network is exported (:func:`torch.export.export`), which leaves a graph of the
operations that it carries out, whatever its modules are called and in which order they
are registered. A frozen gate is one multiplication in it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from se_probe.running import evaluating

__all__ = ["Fold", "Kept", "find_folds"]


@dataclass(frozen=True)
class Fold:
    """A layer that can take up a constant factor per channel, exactly.

    Attributes
    ----------
    into : str
        Path of the layer.
    parameters : tuple of str
        Names of its parameters to be multiplied.
    repeats : int or None
        None where they have one number per channel (batch norm before the gates).
        Otherwise they are the weights of a layer behind the gates, and so many of its
        inputs, one after the other, come from each channel.
    """

    into: str
    parameters: tuple[str, ...]
    repeats: int | None = None


@dataclass(frozen=True)
class Kept:
    """Why no layer can take up a constant factor."""

    reason: str


def find_folds(
    model: nn.Module, scales: Mapping[str, Tensor], images: Tensor
) -> dict[str, Fold | Kept]:
    """Where each constant scale of a network can go.

    A scale goes into the batch norm before it, if the norm is affine and its output
    goes to the scale and nowhere else. Otherwise into the weights of the convolution or
    linear layer behind it, if that alone takes the product and all that lies between
    lets a factor per channel through: copies, averages, zero padding and dropout; for
    factors that are not negative also ReLU and max pooling. Otherwise, and again for
    such factors, into a batch norm before it with only ReLU and max pooling between.

    Parameters
    ----------
    model : nn.Module
        With a :class:`~se_probe.checkpoints.ChannelScale` at each path.
    scales : mapping of str to Tensor
        Path and factors of each, of shape (channels, 1, 1), with a 1 for each axis of
        positions, or (channels,) where channels lie last.
    images : Tensor, shape (batch, channels, positions ...)
        Only their shape matters.

    Returns
    -------
    dict of str to Fold or Kept
    """
    try:
        with evaluating(model), torch.no_grad():
            program = torch.export.export(model, (images,), strict=False)
    except Exception as error:
        # Whatever code a network holds may fail here, in its own way. A scale is right
        # all the same.
        first_line = str(error).partition("\n")[0]
        kept = Kept(f"torch.export cannot trace the network ({first_line})")
        return dict.fromkeys(scales, kept)
    flow = _Flow(program, model)
    return {path: flow.destination(path, scale) for path, scale in scales.items()}


class _Flow:
    """The exported graph, with the names of weights."""

    def __init__(self, program: torch.export.ExportedProgram, model: nn.Module):
        signature = program.graph_signature
        placeholders = {n.name: n for n in program.graph.nodes if n.op == "placeholder"}
        self._buffers = {
            fqn: placeholders[name] for name, fqn in signature.inputs_to_buffers.items()
        }
        self._parameters = dict(signature.inputs_to_parameters)
        named = list(model.named_parameters(remove_duplicate=False))
        times = Counter(id(parameter) for _, parameter in named)
        self._tied = {name for name, parameter in named if times[id(parameter)] > 1}

    def destination(self, path: str, scale: Tensor) -> Fold | Kept:
        users = list(self._buffers[f"{path}.scale"].users)
        if len(users) != 1 or scale.ndim < 2:
            return Kept("its channels are not the second axis of its feature map")
        product, is_negative = users[0], bool((scale < 0).any())
        behind = self._layer_behind(product, is_negative=is_negative)
        places = (
            self._norm_before(product),
            behind if isinstance(behind, Fold) else None,
            None if is_negative else self._norm_before(product, through=_FOR_POSITIVE),
        )
        return next((place for place in places if place), behind)

    def _norm_before(self, product: Node, through: Collection[str] = ()) -> Fold | None:
        node, norm = product, product.all_input_nodes[0]
        while _operation(norm) in through and list(norm.users) == [node]:
            node, norm = norm, norm.all_input_nodes[0]
        if _operation(norm) != "batch_norm" or list(norm.users) != [node]:
            return None
        weight, bias = (self._own_parameter(argument) for argument in norm.args[1:3])
        if weight is None or bias is None:
            return None
        return Fold(weight.rpartition(".")[0], (weight, bias))

    def _layer_behind(self, product: Node, *, is_negative: bool) -> Fold | Kept:
        node, repeats = product, 1
        while True:
            users = list(node.users)
            if len(users) != 1:
                names = ", ".join(_operation(user) for user in users) or "none"
                return Kept(f"its product goes to {len(users)} operations ({names})")
            user, operation = users[0], _operation(users[0])
            if _is_layer_on(user, node):
                return self._into(user, repeats)
            if is_negative and operation in _FOR_POSITIVE:
                return Kept(f"its product goes into {operation} with negative factors")
            if user.args[0] is not node or not _lets_through(user, node):
                return Kept(f"its product goes into {operation}")
            if _flattens(user, node):
                repeats *= _shape(node)[2:].numel()
            node = user

    def _into(self, layer: Node, repeats: int) -> Fold | Kept:
        weight = self._own_parameter(layer.args[1])
        if weight is None:
            return Kept(
                f"its product goes into a {_operation(layer)} whose weights are "
                "computed or shared"
            )
        return Fold(weight.rpartition(".")[0], (weight,), repeats)

    def _own_parameter(self, argument: object) -> str | None:
        """Name of a parameter that is used here and nowhere else."""
        if not isinstance(argument, Node) or len(argument.users) != 1:
            return None
        name = self._parameters.get(argument.name)
        return None if name in self._tied else name


def _operation(node: Node) -> str:
    """Name of a node's operation without its variants: `relu` for `aten.relu_`."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return node.op if node.op == "output" else node.name
    name: str = node.target._schema.name
    return name.removeprefix("aten::").rstrip("_")


def _shape(node: Node) -> torch.Size:
    shape: torch.Size = node.meta["val"].shape
    return shape


def _is_layer_on(user: Node, node: Node) -> bool:
    """Whether a node is a layer and the other one its input, channels second."""
    n_axes = _LAYERS.get(_operation(user))
    if user.args[:1] != (node,) or n_axes is None:
        return False
    return len(_shape(node)) == n_axes


def _lets_through(user: Node, node: Node) -> bool:
    rule = _RULES.get(_operation(user))
    # An operation that returns several tensors (indices of the largest) has no shape.
    return rule is not None and hasattr(user.meta["val"], "shape") and rule(user, node)


def _always(user: Node, node: Node) -> bool:
    return True


def _keeps_channels(user: Node, node: Node) -> bool:
    """Whether a view at most flattens what lies behind the channels."""
    return _shape(user) == _shape(node) or _flattens(user, node)


def _flattens(user: Node, node: Node) -> bool:
    before, after = _shape(node), _shape(user)
    is_view = _operation(user) in _VIEWS
    return is_view and after == (before[0], before[1:].numel()) != before


def _is_over_places(user: Node, node: Node) -> bool:
    axes: Any = user.args[1] if len(user.args) > 1 else None
    n_axes = len(_shape(node))
    is_list = isinstance(axes, list | tuple)
    return is_list and {int(axis) % n_axes for axis in axes} <= set(range(2, n_axes))


def _pads_with_zeros(user: Node, node: Node) -> bool:
    widths = user.args[1]
    values = [*user.args[2:], *user.kwargs.values()]
    is_zero = all(value in (0, None, "constant") for value in values)
    n_positions = len(_shape(node)) - 2
    if not isinstance(widths, list | tuple):
        return False
    return is_zero and len(widths) <= 2 * n_positions


_VIEWS = frozenset(["flatten", "view", "reshape"])
# Axes of what a layer is given, channels second.
_LAYERS = {"conv1d": 3, "conv2d": 4, "conv3d": 5, "linear": 2}
_FOR_POSITIVE = frozenset(["relu", *(f"max_pool{n}d" for n in (1, 2, 3))])
_RULES: dict[str, Callable[[Node, Node], bool]] = {
    **dict.fromkeys(("alias", "clone", "contiguous", "detach", "dropout"), _always),
    **dict.fromkeys(
        (f"{kind}avg_pool{n}d" for kind in ("", "adaptive_") for n in (1, 2, 3)),
        _always,
    ),
    **dict.fromkeys(_FOR_POSITIVE, _always),
    **dict.fromkeys(_VIEWS, _keeps_channels),
    "mean": _is_over_places,
    "pad": _pads_with_zeros,
    "constant_pad_nd": _pads_with_zeros,
}
