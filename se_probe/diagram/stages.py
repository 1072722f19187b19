"""A large network, one box for what follows another at one resolution."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import nn

from se_probe.blocks import FoundBlock
from se_probe.diagram.dataflow import Dataflow, Shape
from se_probe.diagram.look import SE, draw_edges, is_within, shape_of

if TYPE_CHECKING:
    import graphviz

__all__ = ["boxes_of", "draw_stages"]

_NAMES_PER_LINE, _MAX_NAMES = 3, 9


def boxes_of(
    model: nn.Module,
    path: str,
    shapes: dict[str, Shape],
    blocks: Sequence[FoundBlock],
) -> list[str]:
    """Modules to draw as one: opened until each keeps to one resolution."""
    module = model.get_submodule(path)
    children = [f"{path}.{name}".lstrip(".") for name, _ in module.named_children()]
    sides = {shapes[child][1:] for child in children if child in shapes}
    stages = {block.stage for block in blocks if is_within(block.path, path)}
    is_open = (
        path == ""
        or path not in shapes  # a list of modules, which does not run itself
        or len(stages) > 1
        or (isinstance(module, nn.Sequential) and len(sides) > 1)
    )
    if not (children and is_open):
        return [path] if path in shapes else []
    return [box for child in children for box in boxes_of(model, child, shapes, blocks)]


def draw_stages(
    graph: "graphviz.Digraph",
    flow: Dataflow,
    model: nn.Module,
    blocks: Sequence[FoundBlock],
) -> None:
    """Draw boxes that are joined where one follows another at one resolution.

    Parameters
    ----------
    graph : graphviz.Digraph
        Drawn into.
    flow : Dataflow
        Of the modules of :func:`boxes_of`.
    model : nn.Module
    blocks : sequence of FoundBlock
    """
    first_of = _merged(flow)
    for first in sorted(set(first_of)):
        members = [
            node
            for node, its_first in zip(flow.nodes, first_of, strict=True)
            if its_first == first
        ]
        paths = [node.path for node in members if node.path is not None]
        held = [b for b in blocks if any(is_within(b.path, path) for path in paths)]
        lines = [*_listed(paths), *_listed([block.name for block in held])]
        heading = _heading(model, paths, held)
        look = SE if held else {}
        name = members[0].name
        graph.node(
            str(first),
            "\n".join([*heading, *lines] or [name]),
            **({} if paths else shape_of(name)),
            **look,
        )
    edges = [
        replace(edge, source=first_of[edge.source], target=first_of[edge.target])
        for edge in flow.edges
        if first_of[edge.source] != first_of[edge.target]
    ]
    draw_edges(graph, edges)


def _merged(flow: Dataflow) -> list[int]:
    """For each node the first of its box: links of a chain at one resolution."""
    first_of = list(range(len(flow.nodes)))
    for position, node in enumerate(flow.nodes):
        incoming = [edge for edge in flow.edges if edge.target == position]
        if len(incoming) != 1 or node.path is None or node.shape is None:
            continue
        source = flow.nodes[incoming[0].source]
        n_outgoing = sum(e.source == incoming[0].source for e in flow.edges)
        if source.path is None or source.shape is None or n_outgoing > 1:
            continue
        if source.shape[1:] == node.shape[1:]:
            first_of[position] = first_of[incoming[0].source]
    return first_of


def _heading(
    model: nn.Module, paths: Sequence[str], held: Sequence[FoundBlock]
) -> list[str]:
    """Which stage it is, where SE blocks tell, and of how many blocks."""
    stages = sorted({block.stage for block in held})
    n_parts = sum(_n_parts(model.get_submodule(path)) for path in paths)
    words = [f"stage {' and '.join(map(str, stages))}"] if stages else []
    if n_parts:
        words.append(f"{n_parts} block{'s' * (n_parts > 1)}")
    return [": ".join(words)] if words else []


def _n_parts(module: nn.Module) -> int:
    """Children of a stage, which are all of one class; 0 for anything else."""
    children = list(module.children())
    classes = {type(child) for child in children}
    has_parts = all(any(child.children()) for child in children)
    return len(children) if len(classes) == 1 and has_parts else 0


def _listed(names: Sequence[str]) -> list[str]:
    """Names in lines of a few, or the first and the last of many."""
    if len(names) > _MAX_NAMES:
        return [f"{names[0]} … {names[-1]} ({len(names)})"]
    step = _NAMES_PER_LINE
    groups = [names[start : start + step] for start in range(0, len(names), step)]
    return [", ".join(group) for group in groups]
