"""Which module feeds which, and with tensors of which shape."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.running import evaluating

__all__ = [
    "PRODUCT",
    "Dataflow",
    "Edge",
    "Node",
    "Shape",
    "output_shapes",
    "trace_dataflow",
]

Shape = tuple[int, ...]

PRODUCT = "\N{MULTIPLICATION SIGN}"
# What a product or sum of several results is called on a picture; others by their name.
_SIGNS = {"mul": PRODUCT, "add": "+", "sub": "-", "div": "/", "cat": "concatenate"}


@dataclass(frozen=True)
class Node:
    """A call of a module, an operation that joins several results, input or output.

    Attributes
    ----------
    path : str or None
        Of the module; None for everything else.
    name : str
        Class of the module; sign or name of the operation; "input", "output".
    shape : tuple of int or None
        Of what comes out, without the batch; None where that is not known.
    """

    path: str | None
    name: str
    shape: Shape | None


@dataclass(frozen=True)
class Edge:
    """From one node to another, by their positions, with the shape of what flows."""

    source: int
    target: int
    shape: Shape | None


@dataclass(frozen=True)
class Dataflow:
    """Graph of one forward pass; nodes come after all that feeds them."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def output_shapes(model: nn.Module, images: Tensor) -> dict[str, Shape]:
    """Shape that each module gives, without the batch, by path; of its last call.

    Parameters
    ----------
    model : nn.Module
        Runs in evaluation mode and is left as it was.
    images : Tensor, shape (batch, channels, height, width)

    Returns
    -------
    dict
        Only modules that run, and give a tensor.
    """
    shapes: dict[str, Shape] = {}

    def ended(path: str, output: Any) -> None:
        for tensor in _tensors(output):
            shapes[path] = tuple(tensor.shape[1:])

    with ExitStack() as stack, evaluating(model), torch.no_grad():
        for path, module in model.named_modules():
            hook = lambda _, __, output, path=path: ended(path, output)  # noqa: E731
            stack.enter_context(module.register_forward_hook(hook))
        model(images)
    return shapes


def trace_dataflow(
    model: nn.Module, images: Tensor, paths: Collection[str]
) -> Dataflow:
    """How results flow between some modules of a network.

    What lies between them is followed in the graph that torch keeps for the gradient:
    an operation with one such source is passed over, one that joins several becomes a
    node. Modules that hand on what they are given, as dropout does in evaluation mode,
    are left out.

    Parameters
    ----------
    model : nn.Module
        Runs in evaluation mode and is left as it was.
    images : Tensor, shape (batch, channels, height, width)
    paths : collection of str
        None of these modules lies within another.

    Returns
    -------
    Dataflow

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(32, 2))
    >>> flow = trace_dataflow(model, torch.zeros(1, 3, 4, 4), ["0", "2"])
    >>> [(node.name, node.shape) for node in flow.nodes]
    [('input', (3, 4, 4)), ('Conv2d', (8, 2, 2)), ('Linear', (2,)), ('output', (2,))]
    >>> [(edge.source, edge.target, edge.shape) for edge in flow.edges]
    [(0, 1, (3, 4, 4)), (1, 2, (32,)), (2, 3, (2,))]
    """
    pixels = images.detach().clone().requires_grad_()
    tracer = _Tracer(pixels)
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        evaluating(model),
        tracer.watching(model, paths),
    ):
        output = model(pixels)
    tracer.add(Node(None, "output", _shape(output)), _origins(output))
    return tracer.flow


@dataclass(frozen=True)
class _Origin:
    """A tensor as it was handed over: an operation may change it in place later."""

    function: Any
    shape: Shape
    is_leaf: bool


class _Tracer:
    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels
        self.flow = Dataflow([Node(None, "input", tuple(pixels.shape[1:]))])
        # Node that each function of torch's gradient graph belongs to.
        self.node_of: dict[Any, int | None] = {}

    @contextmanager
    def watching(self, model: nn.Module, paths: Collection[str]) -> Iterator[None]:
        given: list[list[_Origin]] = []

        def begins(module: nn.Module, args: Any, kwargs: Any) -> None:
            given.append(_origins((args, kwargs)))

        def ends(path: str) -> Any:
            def hook(module: nn.Module, args: Any, output: Any) -> None:
                self._called(path, module, given.pop(), output)

            return hook

        with ExitStack() as stack:
            for path in paths:
                module = model.get_submodule(path)
                stack.enter_context(
                    module.register_forward_pre_hook(begins, with_kwargs=True)
                )
                stack.enter_context(module.register_forward_hook(ends(path)))
            yield

    def _called(
        self, path: str, module: nn.Module, given: list[_Origin], output: Any
    ) -> None:
        before = {origin.function for origin in given}
        made = {origin.function for origin in _origins(output)} - before
        if made:
            node = Node(path, type(module).__name__, _shape(output))
            self.node_of |= dict.fromkeys(made, self.add(node, given))

    def add(self, node: Node, given: list[_Origin]) -> int:
        """Append a node and what feeds it; its position."""
        sources: dict[int, Shape] = {}
        for origin in given:
            source = self._source(origin)
            if source is not None:
                sources.setdefault(source, origin.shape)
        if not sources:  # torch kept no graph: it is fed by what ran before
            sources = {len(self.flow.nodes) - 1: given[0].shape} if given else {}
        return self._append(node, sources)

    def _append(self, node: Node, sources: dict[int, Any]) -> int:
        position = len(self.flow.nodes)
        self.flow.nodes.append(node)
        self.flow.edges.extend(
            Edge(source, position, shape) for source, shape in sources.items()
        )
        return position

    def _source(self, origin: _Origin) -> int | None:
        if origin.function is None:
            return 0 if origin.is_leaf else None
        waiting = [origin.function]
        while waiting:  # not by recursion: functional code makes long chains
            function = waiting[-1]
            fed_by = [next_ for next_, _ in function.next_functions if next_]
            unknown = [next_ for next_ in fed_by if next_ not in self.node_of]
            if function in self.node_of or not unknown:
                waiting.pop()
                if function not in self.node_of:
                    self.node_of[function] = self._joined(function, fed_by)
            else:
                waiting += unknown
        return self.node_of[origin.function]

    def _joined(self, function: Any, fed_by: list[Any]) -> int | None:
        """Node of a function between modules: of its source, or one of its own."""
        if hasattr(function, "variable"):  # a leaf: the pixels, or a parameter
            return 0 if function.variable is self.pixels else None
        found = dict.fromkeys(self.node_of[next_] for next_ in fed_by)
        sources = [source for source in found if source is not None]
        if len(sources) < 2:
            return sources[0] if sources else None
        operation = function.name().partition("Backward")[0].lower()
        name = _SIGNS.get(operation, operation)
        nodes = self.flow.nodes
        return self._append(
            Node(None, name, None), {source: nodes[source].shape for source in sources}
        )


def _origins(values: Any) -> list[_Origin]:
    return [
        _Origin(tensor.grad_fn, tuple(tensor.shape[1:]), tensor.requires_grad)
        for tensor in _tensors(values)
    ]


def _shape(output: Any) -> Shape | None:
    return next((tuple(tensor.shape[1:]) for tensor in _tensors(output)), None)


def _tensors(values: Any) -> Iterator[Tensor]:
    """Tensors in nested tuples, lists and dicts."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(tuple(values.values()))
    elif isinstance(values, tuple | list):
        for value in values:
            yield from _tensors(value)
