"""``se-probe inspect``: the SE blocks of a network and what they cost."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from se_probe.cli.console import print_json, print_table, say
from se_probe.cli.options import (
    ANY_WEIGHTS,
    Flag,
    Shape,
    WeightsOptions,
    at_least,
)
from se_probe.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from se_probe.blocks import FoundBlock
    from se_probe.checkpoints import Network

__all__ = ["inspect"]

# The least important last: a narrow window leaves columns out from there.
_COLUMNS = {
    "name": "block",
    "path": "module",
    "channels": "channels",
    "hidden": "hidden",
    "parameters": "parameters",
    "macs": "multiply-adds",
    "gate": "gate",
    "reduction": "reduction",
    "kind": "kind",
}


def inspect(
    *,
    weights: WeightsOptions = ANY_WEIGHTS,
    image_size: Annotated[int | None, at_least(8)] = None,
    input_shape: Shape = None,
    strict: Flag = False,
    diagram: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    json: Flag = False,
) -> None:
    """Show the SE blocks of a network and what they cost.

    Needs no images: blocks are found by running the network on noise. With --arch alone
    the weights are random.

    Parameters
    ----------
    image_size
        Side of the input; default: the network's own. Gates depend on it.
    input_shape
        Shape of one input, such as 1,80,300, where it is no square picture.
    strict
        Stop at anything that looks like an SE block and cannot be recorded.
    diagram
        Draw the network too: .svg, .png or .pdf (needs Graphviz).
    json
        Print results as JSON.
    """
    if weights.ckpt is None and weights.arch is None:
        raise UsageError("which network? Give --ckpt FILE or --arch NAME")
    if diagram is not None:
        from se_probe.diagram import check_drawable

        check_drawable(diagram)
    from se_probe.blocks import examine_network, network_facts

    network, noise = _network(weights, image_size, input_shape)
    found = examine_network(network.model, noise, strict=strict)
    blocks = found.blocks
    facts = network_facts(network.model, blocks, noise, network.architecture)
    facts["notes"] = list(found.notes)
    if json:
        print_json(facts)
    else:
        _print(facts)
    if diagram is not None:
        path = _draw(network, blocks, noise, diagram)
        (say if json else print)(str(path))


def _network(
    weights: WeightsOptions,
    image_size: int | None,
    input_shape: tuple[int, ...] | None,
) -> "tuple[Network, Tensor]":
    """The network, and two images of noise of its size."""
    import torch

    from se_probe.checkpoints import build_network

    if weights.ckpt is None:
        network = build_network(str(weights.arch))
    else:
        network = weights.open()
    shape = network.preprocessing.resized(image_size, input_shape).input_size
    noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    return network, noise


def _draw(
    network: "Network", blocks: "list[FoundBlock]", noise: "Tensor", path: Path
) -> Path:
    from se_probe.diagram import draw_network, save_diagram

    picture = draw_network(network.model, blocks, noise, network.architecture)
    return save_diagram(picture, path)


def _print(facts: dict[str, Any]) -> None:
    blocks, stages = facts["blocks"], facts["stages"]
    print_table(
        f"SE blocks of {facts['architecture']}",
        list(_COLUMNS.values()),
        [[block[key] for key in _COLUMNS] for block in blocks],
    )
    total = {
        key: sum(stage[key] for stage in stages)
        for key in ("blocks", "channels", "parameters", "macs")
    }
    rows = [[f"stage {stage['stage']}", *_costs(stage, facts)] for stage in stages]
    print_table(
        f"In all, at {' x '.join(map(str, facts['image_size']))}",
        ["", "blocks", "channels", "parameters", "%", "multiply-adds", "%"],
        [
            *rows,
            ["all SE blocks", *_costs(total, facts)],
            ["network", None, None, facts["parameters"], 100.0, facts["macs"], 100.0],
        ],
    )
    for note in facts["notes"]:
        print(f"note: {note}")


def _costs(part: dict[str, Any], facts: dict[str, Any]) -> list[Any]:
    shares = [100 * part[key] / facts[key] for key in ("parameters", "macs")]
    counts = [part["blocks"], part["channels"]]
    return [*counts, part["parameters"], shares[0], part["macs"], shares[1]]
