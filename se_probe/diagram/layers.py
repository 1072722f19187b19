"""A small network, layer by layer, with a frame around each SE block."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from se_probe.blocks import FoundBlock
from se_probe.diagram.dataflow import PRODUCT, Dataflow
from se_probe.diagram.look import CLUSTER, SE, draw_edges, is_within, shape_of

if TYPE_CHECKING:
    import graphviz

__all__ = ["draw_layers"]


def draw_layers(
    graph: "graphviz.Digraph",
    flow: Dataflow,
    model: nn.Module,
    blocks: Sequence[FoundBlock],
) -> None:
    """Draw every layer and every operation between layers.

    Parameters
    ----------
    graph : graphviz.Digraph
        Drawn into.
    flow : Dataflow
        Of the modules without children.
    model : nn.Module
    blocks : sequence of FoundBlock
    """
    clusters = _clusters(flow, [b.path for b in blocks if _is_se_module(model, b)])
    in_blocks = {position for members in clusters.values() for position in members}
    gates = {block.gate_path: block.name for block in blocks if block.gate_path}
    for position, node in enumerate(flow.nodes):
        lines = [node.name]
        if node.path is not None:
            kernel = _kernel(model.get_submodule(node.path))
            lines = [node.path, f"{node.name}{kernel}"]
        if node.path in gates:
            lines.append(f"gate of {gates[node.path]}")
        is_marked = position in in_blocks or node.path in gates
        look = shape_of(node.name) | (SE if is_marked else {})
        graph.node(str(position), "\n".join(lines), **look)
    names = {block.path: block.name for block in blocks}
    for path, members in clusters.items():
        with graph.subgraph(name=f"cluster_{path}") as cluster:
            cluster.attr(label=f"{names[path]} ({path})", **CLUSTER)
            for position in members:
                cluster.node(str(position))
    draw_edges(graph, flow.edges)


def _clusters(flow: Dataflow, paths: Sequence[str]) -> dict[str, list[int]]:
    """Nodes of each SE module: its layers, and the product of its gate and the map."""
    clusters: dict[str, list[int]] = {path: [] for path in paths}
    for position, node in enumerate(flow.nodes):
        fed_by = {edge.source for edge in flow.edges if edge.target == position}
        for path, members in clusters.items():
            is_product = node.name == PRODUCT and not fed_by.isdisjoint(members)
            if is_product or is_within(node.path, path):
                members.append(position)
                break
    return clusters


def _is_se_module(model: nn.Module, block: FoundBlock) -> bool:
    """Whether the block is a module of its own, and nothing else is in there."""
    module = model.get_submodule(block.path)
    n_learned = sum(parameter.numel() for parameter in module.parameters())
    return bool(block.path) and n_learned == block.parameters


def _kernel(module: nn.Module) -> str:
    size = getattr(module, "kernel_size", None)
    if size is None:
        return ""
    sides = size if isinstance(size, tuple) else (size, size)
    return " " + " x ".join(map(str, sides))
