"""What a picture of a network looks like: its nodes, its arrows, its SE blocks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from se_probe.diagram.dataflow import Edge
from se_probe.errors import MissingPackageError

if TYPE_CHECKING:
    import graphviz

__all__ = ["CLUSTER", "SE", "draw_edges", "is_within", "new_graph", "shape_of"]

# Orange for what belongs to an SE block, and a heavy frame that needs no colour.
SE = {"fillcolor": "#fde3c0", "color": "#c75b00", "penwidth": "2"}
CLUSTER = {
    "color": SE["color"],
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


def new_graph() -> "graphviz.Digraph":
    """Empty picture in the look of the house.

    Returns
    -------
    graphviz.Digraph

    Raises
    ------
    MissingPackageError
        If the Python package graphviz is not installed.
    """
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


def draw_edges(graph: "graphviz.Digraph", edges: Sequence[Edge]) -> None:
    """Draw arrows with the shape of what goes along them."""
    for edge in edges:
        shape = " x ".join(map(str, edge.shape or ()))
        graph.edge(str(edge.source), str(edge.target), label=f" {shape}")


def shape_of(name: str) -> dict[str, Any]:
    """Look of a node that is no module."""
    if name in {"input", "output"}:
        return {"shape": "plaintext", "style": ""}
    return {"shape": "circle", "margin": "0"} if len(name) == 1 else {}


def is_within(path: str | None, outer: str) -> bool:
    """Whether a module is another one, or lies within it."""
    return path is not None and (not outer or f"{path}.".startswith(f"{outer}."))
