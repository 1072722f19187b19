"""What is known of an SE block once it is found, in words and numbers."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from se_probe.blocks.evidence import is_along_channels
from se_probe.blocks.hits import Hit
from se_probe.blocks.layout import Layout, Place
from se_probe.blocks.probe import as_it_was, gradients
from se_probe.blocks.watch import as_written, unwrap
from se_probe.running import (
    Inputs,
    call_network,
    main_tensor,
    map_inputs,
    to_device_of,
)

__all__ = [
    "FoundBlock",
    "describe_hit",
    "excitation_names",
    "kind_of_class",
    "macs_by_module",
    "network_facts",
]

# Classes that are channel gates whenever they run, and the kind they are called. They
# are found like all others; the list names them, and one that does nothing is an error.
_KINDS = {
    "se_probe.models.se_block.SEBlock": "se",
    "torchvision.ops.misc.SqueezeExcitation": "se",
    "timm.layers.squeeze_excite.SEModule": "se",
    "timm.layers.squeeze_excite.SqueezeExciteCl": "se",
    "timm.models._efficientnet_blocks.SqueezeExcite": "se",
    "timm.models.senet.SEModule": "se",
    "timm.layers.squeeze_excite.EffectiveSEModule": "ese",
    "timm.models.hgnet.EseModule": "ese",
    "timm.layers.eca.EcaModule": "eca",
    "timm.layers.eca.CecaModule": "eca",
    "timm.layers.cbam.ChannelAttn": "cbam",
    "timm.layers.cbam.LightChannelAttn": "cbam",
}


@dataclass(frozen=True)
class FoundBlock:
    """An SE block that a network was seen to use.

    Attributes
    ----------
    name : str
        `SE_{stage}_{number}`, as in the paper.
    path : str
        The innermost module that multiplies the feature map by the gate.
    gate_path : str or None
        The module whose output is the gate; None where no module holds it.
    kind : str
        `se`, `ese` (one layer), `eca` (convolution over channels), `cbam`.
    stage, number : int
        Counted from 1.
    channels : int
    hidden : int or None
        Width between the two layers; None where there is only one.
    reduction : float or None
        channels / hidden.
    gate : str
        Function that ends the excitation: `sigmoid`, `hardsigmoid`, `1 + sigmoid`,
        `tanh`, ...; `other` where no simple formula says it.
    bounds : tuple of two, or None
        Least and largest gate that this function can give, -inf or inf where there is
        no end; None where it is not known.
    parameters : int
        Learned numbers between feature map and gate.
    macs : int
        Multiply-adds of the excitation for one image.
    occurrence, factor : int
        Which multiplication of `path`, and which of its two factors is the gate.
    layout : Layout
        Which axes of the two hold samples and channels.
    also_at : tuple of Place
        Other multiplications by the same gate, as where branches share it.
    """

    name: str
    path: str
    gate_path: str | None
    kind: str
    stage: int
    number: int
    channels: int
    hidden: int | None
    reduction: float | None
    gate: str
    parameters: int
    macs: int
    bounds: tuple[float, float] | None = None
    occurrence: int = field(default=0, repr=False)
    factor: int = field(default=1, repr=False)
    layout: Layout = field(default=Layout(), repr=False)
    also_at: tuple[Place, ...] = field(default=(), repr=False)

    def facts(self) -> dict[str, Any]:
        """What `se-probe inspect --json` prints, in plain JSON types.

        Returns
        -------
        dict
            `bounds` as a list of two, with None where there is no end.
        """
        plain = asdict(self)
        for name in ("occurrence", "factor", "layout", "also_at"):
            del plain[name]
        if self.bounds is not None:
            ends = [end if math.isfinite(end) else None for end in self.bounds]
            plain["bounds"] = ends
        return plain


def describe_hit(
    model: nn.Module, hit: Hit, stage: int, number: int, macs: dict[str, int]
) -> FoundBlock:
    """The block that a hit of the probe belongs to.

    Parameters
    ----------
    model : nn.Module
    hit : Hit
    stage, number : int
        Counted from 1.
    macs : dict of str to int
        From :func:`macs_by_module`.

    Returns
    -------
    FoundBlock
    """
    path, channels = hit.product.path, hit.rows.shape[1]
    names = {id(p): name for name, p in model.named_parameters()}
    own = [p for p in hit.parameters if names[id(p)].startswith(_inside(path))]
    parameters = own or hit.parameters
    weights = [p for p in parameters if p.ndim >= 2]
    hidden = int(weights[-2].shape[0]) if len(weights) > 1 else None
    owners = {names[id(p)].rpartition(".")[0] for p in weights}
    return FoundBlock(
        name=f"SE_{stage}_{number}",
        path=path,
        gate_path=hit.gate_path,
        kind=kind_of_class(model.get_submodule(path)) or _kind_of_weights(weights),
        stage=stage,
        number=number,
        channels=channels,
        hidden=hidden,
        reduction=None if hidden is None else channels / hidden,
        gate=hit.function.name,
        parameters=sum(p.numel() for p in parameters),
        macs=sum(macs.get(owner, 0) for owner in owners),
        bounds=hit.function.bounds,
        occurrence=hit.product.occurrence,
        factor=hit.factor,
        layout=hit.layout,
        also_at=tuple(hit.also_at),
    )


def excitation_names(model: nn.Module, hit: Hit) -> set[str]:
    """Names of a gate's weights within the module that multiplies by it."""
    names = {id(p): name for name, p in model.named_parameters()}
    inside = _inside(hit.product.path)
    found = {names[id(p)] for p in hit.parameters}
    return {name.removeprefix(inside) for name in found if name.startswith(inside)}


def _inside(path: str) -> str:
    return f"{path}." if path else ""


def kind_of_class(module: nn.Module) -> str | None:
    """What a module of a known class is; None for other classes."""
    for cls in type(module).__mro__:
        kind = _KINDS.get(f"{cls.__module__}.{cls.__qualname__}")
        if kind is not None:
            return kind
    return None


def _kind_of_weights(weights: Sequence[Tensor]) -> str:
    if weights and all(is_along_channels(weight) for weight in weights):
        return "eca"
    return "se" if len(weights) > 1 else "ese"


def macs_by_module(model: nn.Module, sample: Inputs) -> dict[str, int]:
    """Multiply-adds of convolutions and matrix products for one sample, by path."""
    # The counter looks for the graph of each view of a parameter that needs gradients.
    with (
        torch.no_grad(),
        as_written(),
        warnings.catch_warnings(),
        gradients(model, needed=False),
        FlopCounterMode(display=False) as counter,
    ):
        # The counter hooks all modules, compiled ones too, and looks at none of these.
        warnings.filterwarnings("ignore", "Using `torch.compile", UserWarning)
        call_network(model, sample)
    root = type(model).__name__
    return {
        name.removeprefix(root).removeprefix("."): sum(counts.values()) // 2
        for name, counts in counter.get_flop_counts().items()
        if name.startswith(root)
    }


def network_facts(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    batch: Inputs,
    architecture: str = "",
) -> dict[str, Any]:
    """What `se-probe inspect --json` prints about a network.

    Parameters
    ----------
    model : nn.Module
    blocks : sequence of FoundBlock
        As :func:`find_se_blocks` found them.
    batch : Tensor or tuple of Tensor, each with the samples along its first axis
        Multiply-adds are those of its first sample.
    architecture : str

    Returns
    -------
    dict
        `architecture`, `parameters`, `macs`, `image_size` (the sides of a sample, of
        the input with the most axes where there are several), `blocks`, and `stages`
        with the sums of each stage.
    """
    model = unwrap(model)
    first = map_inputs(lambda tensor: tensor[:1], batch)
    with as_it_was(model):
        macs = macs_by_module(model, to_device_of(model, first))
    stages = [
        {
            "stage": stage,
            "blocks": sum(block.stage == stage for block in blocks),
            **{
                key: sum(getattr(b, key) for b in blocks if b.stage == stage)
                for key in ("channels", "parameters", "macs")
            },
        }
        for stage in sorted({block.stage for block in blocks})
    ]
    return {
        "architecture": architecture or type(model).__name__,
        "parameters": sum(p.numel() for p in model.parameters()),
        "macs": macs.get("", 0),
        "image_size": _sides(batch),
        "blocks": [block.facts() for block in blocks],
        "stages": stages,
    }


def _sides(batch: Inputs) -> list[int]:
    return list(main_tensor(batch).shape[2:])
