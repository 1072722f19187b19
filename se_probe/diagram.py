"""A network as a picture: its layers or stages, shapes at the edges, SE blocks marked.

Small networks are drawn layer by layer. In larger ones everything that follows another
at one resolution is one box: in networks built by stages, these are the stages.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from se_probe.blocks import FoundBlock, unwrap
from se_probe.blocks.dataflow import (
    PRODUCT,
    Dataflow,
    Edge,
    Shape,
    output_shapes,
    trace_dataflow,
)
from se_probe.errors import MissingPackageError, SEProbeError, UsageError

if TYPE_CHECKING:
    import graphviz

__all__ = ["FORMATS", "check_drawable", "draw_network", "save_diagram"]

FORMATS = ("svg", "png", "pdf")

_MAX_LAYERS = 40
_NAMES_PER_LINE, _MAX_NAMES = 3, 9
# Orange for what belongs to an SE block, and a heavy frame that needs no colour.
_SE = {"fillcolor": "#fde3c0", "color": "#c75b00", "penwidth": "2"}
_CLUSTER = {
    "color": _SE["color"],
    "style": "dashed",
    "labelloc": "b",
    "labeljust": "l",
    "margin": "16",
    "fontsize": "11",
}
_NODE = {
    "shape": "box",
    "style": "filled",
    "fillcolor": "#eef3f8",
    "color": "#44546a",
    "fontname": "Helvetica",
    "fontsize": "11",
    "margin": "0.15,0.06",
    "height": "0.3",
}
_EDGE = {"fontname": "Helvetica", "fontsize": "10", "arrowsize": "0.7"}


def draw_network(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    images: Tensor,
    name: str = "",
) -> "graphviz.Digraph":
    """Picture of a network; a notebook shows it, :func:`save_diagram` writes it.

    Parameters
    ----------
    model : nn.Module
        Runs in evaluation mode and is left as it was.
    blocks : sequence of FoundBlock
        As :func:`~se_probe.blocks.find_se_blocks` found them.
    images : Tensor, shape (batch, channels, height, width)
        Only the first is used; shapes at the edges are without the batch.
    name : str
        Of the network, for the title; its class otherwise.

    Returns
    -------
    graphviz.Digraph

    Raises
    ------
    MissingPackageError
        If the Python package graphviz is not installed.
    """
    graph = _new_graph()
    model = unwrap(model)
    parameter = next(model.parameters())
    image = images[:1].to(parameter.device, parameter.dtype)
    shapes = output_shapes(model, image)
    leaves = [path for path, m in model.named_modules() if not any(m.children())]
    flow = trace_dataflow(model, image, leaves)
    title = f"{name or type(model).__name__}: {_counted(blocks)}"
    if len(flow.nodes) <= _MAX_LAYERS:
        _draw_layers(graph, flow, model, blocks)
    else:
        boxes = _boxes(model, "", shapes, blocks)
        _draw_stages(graph, trace_dataflow(model, image, boxes), model, blocks)
    graph.attr(label=f"{title}\nchannels x height x width at the arrows\n ")
    return graph


def check_drawable(path: str | Path) -> None:
    """Check that a picture of this name can be written here.

    Raises
    ------
    UsageError
        If the name ends in something else than .svg, .png or .pdf.
    MissingPackageError
        If the Python package graphviz or the program dot is not installed.
    """
    if Path(path).suffix.lower().removeprefix(".") not in FORMATS:
        raise UsageError(
            f"expected the picture's name to end in .{', .'.join(FORMATS)}, got {path}"
        )
    _new_graph()
    if shutil.which("dot") is None:
        raise MissingPackageError(
            "drawing a network needs the program dot, which is not installed: it comes "
            "with the package graphviz (Debian: apt install graphviz; macOS: brew "
            "install graphviz)"
        )


def save_diagram(graph: "graphviz.Digraph", path: str | Path) -> Path:
    """Write a picture; the same network gives the same bytes.

    Parameters
    ----------
    graph : graphviz.Digraph
        From :func:`draw_network`.
    path : path
        Ends in .svg, .png or .pdf. Folders are made, and a file of that name is written
        over.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the name ends otherwise.
    MissingPackageError
        If the program dot is not installed.
    SEProbeError
        If it cannot be written.
    """
    check_drawable(path)
    path = Path(path)
    picture: bytes = graph.pipe(format=path.suffix.lower().removeprefix("."))
    # A date of another length would move what the file's own index points at.
    picture = re.sub(rb"(/CreationDate \(D:)\d{14}", rb"\g<1>19700101000000", picture)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except OSError as error:
        raise SEProbeError(f"{path} could not be written: {error.strerror}") from error
    return path


def _new_graph() -> "graphviz.Digraph":
    try:
        import graphviz
    except ImportError as error:
        raise MissingPackageError(
            "drawing a network needs the Python package graphviz: pip install "
            '"se-probe[diagram]"'
        ) from error
    return graphviz.Digraph(
        graph_attr={"labelloc": "t", "fontname": "Helvetica", "fontsize": "13"}
        | {"ranksep": "0.3", "nodesep": "0.5"},
        node_attr=_NODE,
        edge_attr=_EDGE,
    )


# --- layer by layer ------------------------------------------------------------------


def _draw_layers(
    graph: "graphviz.Digraph",
    flow: Dataflow,
    model: nn.Module,
    blocks: Sequence[FoundBlock],
) -> None:
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
        look = _shape_of(node.name) | (_SE if is_marked else {})
        graph.node(str(position), "\n".join(lines), **look)
    names = {block.path: block.name for block in blocks}
    for path, members in clusters.items():
        with graph.subgraph(name=f"cluster_{path}") as cluster:
            cluster.attr(label=f"{names[path]} ({path})", **_CLUSTER)
            for position in members:
                cluster.node(str(position))
    _draw_edges(graph, flow.edges)


def _clusters(flow: Dataflow, paths: Sequence[str]) -> dict[str, list[int]]:
    """Nodes of each SE module: its layers, and the product of its gate and the map."""
    clusters: dict[str, list[int]] = {path: [] for path in paths}
    for position, node in enumerate(flow.nodes):
        fed_by = {edge.source for edge in flow.edges if edge.target == position}
        for path, members in clusters.items():
            is_product = node.name == PRODUCT and not fed_by.isdisjoint(members)
            if is_product or _is_within(node.path, path):
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


# --- stage by stage ------------------------------------------------------------------


def _boxes(
    model: nn.Module,
    path: str,
    shapes: dict[str, Shape],
    blocks: Sequence[FoundBlock],
) -> list[str]:
    """Modules to draw as one: opened until each keeps to one resolution."""
    module = model.get_submodule(path)
    children = [f"{path}.{name}".lstrip(".") for name, _ in module.named_children()]
    sides = {shapes[child][1:] for child in children if child in shapes}
    stages = {block.stage for block in blocks if _is_within(block.path, path)}
    is_open = (
        path == ""
        or path not in shapes  # a list of modules, which does not run itself
        or len(stages) > 1
        or (isinstance(module, nn.Sequential) and len(sides) > 1)
    )
    if not (children and is_open):
        return [path] if path in shapes else []
    return [box for child in children for box in _boxes(model, child, shapes, blocks)]


def _draw_stages(
    graph: "graphviz.Digraph",
    flow: Dataflow,
    model: nn.Module,
    blocks: Sequence[FoundBlock],
) -> None:
    first_of = _merged(flow)
    for first in sorted(set(first_of)):
        members = [
            node
            for node, its_first in zip(flow.nodes, first_of, strict=True)
            if its_first == first
        ]
        paths = [node.path for node in members if node.path is not None]
        held = [b for b in blocks if any(_is_within(b.path, path) for path in paths)]
        lines = [*_listed(paths), *_listed([block.name for block in held])]
        heading = _heading(model, paths, held)
        look = _SE if held else {}
        name = members[0].name
        graph.node(
            str(first),
            "\n".join([*heading, *lines] or [name]),
            **({} if paths else _shape_of(name)),
            **look,
        )
    edges = [
        replace(edge, source=first_of[edge.source], target=first_of[edge.target])
        for edge in flow.edges
        if first_of[edge.source] != first_of[edge.target]
    ]
    _draw_edges(graph, edges)


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


# --- both ----------------------------------------------------------------------------


def _draw_edges(graph: "graphviz.Digraph", edges: Sequence[Edge]) -> None:
    for edge in edges:
        shape = " x ".join(map(str, edge.shape or ()))
        graph.edge(str(edge.source), str(edge.target), label=f" {shape}")


def _shape_of(name: str) -> dict[str, Any]:
    """Look of a node that is no module."""
    if name in {"input", "output"}:
        return {"shape": "plaintext", "style": ""}
    return {"shape": "circle", "margin": "0"} if len(name) == 1 else {}


def _is_within(path: str | None, outer: str) -> bool:
    return path is not None and (not outer or f"{path}.".startswith(f"{outer}."))


def _counted(blocks: Sequence[FoundBlock]) -> str:
    return f"{len(blocks)} SE block{'s' * (len(blocks) > 1)}"
