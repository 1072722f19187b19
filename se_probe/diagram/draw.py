"""Choose how a network is drawn: small ones layer by layer, larger ones by stage."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from se_probe.blocks import FoundBlock, unwrap
from se_probe.diagram.dataflow import output_shapes, trace_dataflow
from se_probe.diagram.layers import draw_layers
from se_probe.diagram.look import new_graph
from se_probe.diagram.stages import boxes_of, draw_stages

if TYPE_CHECKING:
    import graphviz

__all__ = ["draw_network"]

_MAX_LAYERS = 40


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
    graph = new_graph()
    model = unwrap(model)
    parameter = next(model.parameters())
    image = images[:1].to(parameter.device, parameter.dtype)
    shapes = output_shapes(model, image)
    leaves = [path for path, m in model.named_modules() if not any(m.children())]
    flow = trace_dataflow(model, image, leaves)
    title = f"{name or type(model).__name__}: {_counted(blocks)}"
    if len(flow.nodes) <= _MAX_LAYERS:
        draw_layers(graph, flow, model, blocks)
    else:
        boxes = boxes_of(model, "", shapes, blocks)
        draw_stages(graph, trace_dataflow(model, image, boxes), model, blocks)
    graph.attr(label=f"{title}\nchannels x height x width at the arrows\n ")
    return graph


def _counted(blocks: Sequence[FoundBlock]) -> str:
    return f"{len(blocks)} SE block{'s' * (len(blocks) > 1)}"
