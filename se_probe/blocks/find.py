"""Find the SE blocks of a network: probe it, and prove each gate."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from se_probe.blocks.evidence import excitation_parameters, gate_function
from se_probe.blocks.names import stages_and_numbers
from se_probe.blocks.watch import (
    Product,
    gate_rows,
    unwrap,
    watch_modules,
    watch_products,
)
from se_probe.errors import BlockError

__all__ = ["FoundBlock", "find_se_blocks", "network_facts"]

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
# What hand-written SE blocks are called: SELayer, SEBlock, SqueezeExcite, ECALayer ...
_SE_LIKE = re.compile(
    r"^(e?se|ecs?a)(_?(layer|block|module|net|unit))?$|^squeeze_?excit", re.I
)
_DOUBLINGS = 3


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
        Function that ends the excitation: `sigmoid`, `hardsigmoid`, ...
    parameters : int
        Learned numbers between feature map and gate.
    macs : int
        Multiply-adds of the excitation for one image.
    occurrence, factor : int
        Which multiplication of `path`, and which of its two factors is the gate.
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
    occurrence: int = field(default=0, repr=False)
    factor: int = field(default=1, repr=False)

    def facts(self) -> dict[str, Any]:
        """What `se-probe inspect --json` prints, in plain JSON types."""
        plain = asdict(self)
        del plain["occurrence"], plain["factor"]
        return plain


@dataclass
class _Hit:
    """A product of the probe that scales a map by a gate computed from it."""

    product: Product
    factor: int
    rows: Tensor
    side: float
    gate_path: str | None
    function: str
    parameters: list[Tensor]


def find_se_blocks(model: nn.Module, batch: Tensor) -> list[FoundBlock]:
    """SE blocks of a network, in the order in which it runs them.

    A probe of two different images runs in evaluation mode with gradients. Kept is
    every multiplication of a feature map by one number per channel and image that was
    computed from this map by learned layers. The model is left as it was: mode,
    gradients, hooks, weights.

    Parameters
    ----------
    model : nn.Module
    batch : Tensor, shape (batch, channels, height, width)
        Preprocessed images; the first two that differ are used.

    Returns
    -------
    list of FoundBlock
        Never empty.

    Raises
    ------
    BlockError
        If there is no SE block; if an SE block is registered but takes no part in the
        forward pass; if one runs more than once.

    Warns
    -----
    UserWarning
        Naming the blocks whose gates are the same for both images.

    Examples
    --------
    >>> import torch
    >>> from se_probe.models import create_model
    >>> _ = torch.manual_seed(0)
    >>> blocks = find_se_blocks(create_model("se_lenet", 10), torch.rand(2, 1, 28, 28))
    >>> [(block.path, block.channels, block.reduction) for block in blocks]
    [('se', 16, 4.0)]
    """
    model = unwrap(model)
    images = _two_images(batch, model)
    with _as_it_was(model):
        probe = _run_probe(model, images)
        for _ in range(_DOUBLINGS):
            if not probe.too_small:
                break
            larger = functional.interpolate(images, scale_factor=2, mode="bilinear")
            try:
                probe = _run_probe(model, larger)
            except RuntimeError:  # a network of one input size only
                break
            images = larger
        macs = _macs_by_module(model, batch[:1].to(images))
    _refuse_idle_blocks(model, probe)
    if not probe.hits:
        raise BlockError(
            f"{type(model).__name__} has no SE blocks: it never multiplies a feature "
            "map by one gate per channel computed from it"
        )
    _warn_of_constant_gates(probe.hits)
    names = stages_and_numbers(
        [hit.product.path for hit in probe.hits],
        [images.shape[-1] / hit.side for hit in probe.hits],
    )
    return [
        _describe(model, hit, stage, number, macs)
        for hit, (stage, number) in zip(probe.hits, names, strict=True)
    ]


class _Probe:
    """What one forward pass of the probe images showed."""

    def __init__(self) -> None:
        self.hits: list[_Hit] = []
        self.calls: Counter[str] = Counter()
        self.too_small = False
        # Outputs that could be gates: (path, output, its values when the module ended).
        # The outputs are kept, so that no later tensor takes over their memory.
        self._small: list[tuple[str, Tensor, Tensor]] = []

    def ended(self, path: str, module: nn.Module, output: Any) -> None:
        self.calls[path] += 1
        if not isinstance(output, Tensor) or not 2 <= output.ndim <= 4:
            return
        if output.numel() == len(output) * max(output.shape[1:]):
            self._small.append((path, output, output.detach().clone()))

    def seen(self, product: Product) -> None:
        for gate_at in (1, 0):
            feature_map, gate = product.factors[1 - gate_at], product.factors[gate_at]
            rows = gate_rows(feature_map, gate)
            is_vector = rows is None and _both_one_by_one(feature_map, gate)
            if rows is None and not is_vector:
                continue
            parameters = excitation_parameters(gate, feature_map)
            if not parameters:
                continue
            if rows is None:
                self.too_small = True
            elif not self._is_known(rows):
                self._keep(product, gate_at, rows, parameters)
            return

    def _keep(
        self, product: Product, gate_at: int, rows: Tensor, parameters: list[Tensor]
    ) -> None:
        feature_map = product.factors[1 - gate_at]
        side = (feature_map[0].numel() / rows.shape[1]) ** 0.5
        self.hits.append(
            _Hit(
                product=product,
                factor=gate_at,
                rows=rows.detach(),
                side=side,
                gate_path=self._module_of(rows),
                function=gate_function(product.factors[gate_at]),
                parameters=parameters,
            )
        )

    def _is_known(self, rows: Tensor) -> bool:
        """Whether this gate scaled an earlier map already (a gate used twice)."""
        return any(hit.rows.data_ptr() == rows.data_ptr() for hit in self.hits)

    def _module_of(self, rows: Tensor) -> str | None:
        """Path of the first module whose output was this very vector."""
        for path, output, values in self._small:
            is_same_memory = output.data_ptr() == rows.data_ptr()
            if is_same_memory and torch.equal(values.flatten(1), rows):
                return path
        return None


def _run_probe(model: nn.Module, images: Tensor) -> _Probe:
    probe = _Probe()
    modules = dict(model.named_modules())
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        watch_modules(modules, probe.ended) as stack,
        watch_products(stack, probe.seen),
    ):
        model(images.clone().requires_grad_())
    for hit in probe.hits:
        path = hit.product.path
        if probe.calls[path] > 1:
            raise BlockError(
                f"the SE block {path!r} ran {probe.calls[path]} times in one forward "
                "pass; se_probe needs each block to run once, as a module of its own"
            )
        if hit.gate_path is not None and probe.calls[hit.gate_path] > 1:
            hit.gate_path = None  # one activation module that many blocks share
    return probe


def _both_one_by_one(first: Tensor, second: Tensor) -> bool:
    return (
        first.ndim == 4
        and first.shape == second.shape
        and first[0].numel() == max(first.shape[1], first.shape[3]) > 1
    )


@contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """Evaluation mode with all parameters in the graph; both undone at the end."""
    was_training = {module: module.training for module in model.modules()}
    needed_grad = {p: p.requires_grad for p in model.parameters()}
    model.eval()
    try:
        for parameter in needed_grad:
            if parameter.is_floating_point():
                parameter.requires_grad_(True)
        yield
    finally:
        for module, training in was_training.items():
            module.training = training
        for parameter, requires_grad in needed_grad.items():
            parameter.requires_grad_(requires_grad)


def _two_images(batch: Tensor, model: nn.Module) -> Tensor:
    """Two different images; noise takes the second place where the batch has one."""
    first = batch[:1]
    other = next(
        (image for image in batch[1:] if not torch.equal(image, first[0])), None
    )
    if other is None:
        generator = torch.Generator().manual_seed(0)
        other = torch.randn(first.shape[1:], generator=generator).to(first)
    images = torch.stack([first[0], other])
    parameter = next((p for p in model.parameters() if p.is_floating_point()), images)
    return images.to(parameter.device, parameter.dtype)


def _refuse_idle_blocks(model: nn.Module, probe: _Probe) -> None:
    """An SE block that takes no part would look like one that was never recorded."""
    used = {hit.product.path for hit in probe.hits}
    gating_classes = {type(model.get_submodule(path)) for path in used}
    for path, module in model.named_modules():
        if path in used or any(above in used for above in _ancestors(path)):
            continue
        class_name = type(module).__name__
        known = _kind_of_class(module) is not None
        if known and probe.calls[path] and _scales_channels(module):
            raise BlockError(
                f"the SE block {path!r} ({class_name}) runs, but its gate never "
                "multiplies a feature map that it was computed from"
            )
        looks_like_one = type(module) in gating_classes or _SE_LIKE.match(class_name)
        is_block = known or (looks_like_one and any(True for _ in module.parameters()))
        if is_block and not probe.calls[path]:
            raise BlockError(
                f"the SE block {path!r} ({class_name}) is registered but never called: "
                "the network computes without it. Call it in forward, or remove it"
            )


def _scales_channels(module: nn.Module) -> bool:
    # The paper's NoSqueeze variant gates every position by itself.
    return not isinstance(getattr(module, "squeeze", None), nn.Identity)


def _ancestors(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _warn_of_constant_gates(hits: Sequence[_Hit]) -> None:
    constant = [
        h.product.path for h in hits if torch.allclose(h.rows[0], h.rows[1], atol=1e-6)
    ]
    if constant:
        warnings.warn(
            f"the gates of {len(constant)} of {len(hits)} SE blocks are the same for "
            f"two different images ({', '.join(constant[:3])}"
            f"{', ...' if len(constant) > 3 else ''}): the blocks are collapsed, or "
            "the network is freshly initialised with zeros before them",
            stacklevel=3,
        )


def _describe(
    model: nn.Module, hit: _Hit, stage: int, number: int, macs: dict[str, int]
) -> FoundBlock:
    path, channels = hit.product.path, hit.rows.shape[1]
    names = {id(p): name for name, p in model.named_parameters()}
    own = [p for p in hit.parameters if names[id(p)].startswith(f"{path}.")]
    parameters = own or hit.parameters
    weights = [p for p in parameters if p.ndim >= 2]
    hidden = int(weights[-2].shape[0]) if len(weights) > 1 else None
    owners = {names[id(p)].rpartition(".")[0] for p in weights}
    return FoundBlock(
        name=f"SE_{stage}_{number}",
        path=path,
        gate_path=hit.gate_path,
        kind=_kind_of_class(model.get_submodule(path)) or _kind_of_weights(weights),
        stage=stage,
        number=number,
        channels=channels,
        hidden=hidden,
        reduction=None if hidden is None else channels / hidden,
        gate=hit.function,
        parameters=sum(p.numel() for p in parameters),
        macs=sum(macs.get(owner, 0) for owner in owners),
        occurrence=hit.product.occurrence,
        factor=hit.factor,
    )


def _kind_of_class(module: nn.Module) -> str | None:
    for cls in type(module).__mro__:
        kind = _KINDS.get(f"{cls.__module__}.{cls.__qualname__}")
        if kind is not None:
            return kind
    return None


def _kind_of_weights(weights: Sequence[Tensor]) -> str:
    if weights and all(weight.ndim == 3 for weight in weights):
        return "eca"
    return "se" if len(weights) > 1 else "ese"


def _macs_by_module(model: nn.Module, image: Tensor) -> dict[str, int]:
    """Multiply-adds of convolutions and matrix products for one image, by path."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    root = type(model).__name__
    return {
        name.removeprefix(root).removeprefix("."): sum(counts.values()) // 2
        for name, counts in counter.get_flop_counts().items()
        if name.startswith(root)
    }


def network_facts(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    batch: Tensor,
    architecture: str = "",
) -> dict[str, Any]:
    """What `se-probe inspect --json` prints about a network.

    Parameters
    ----------
    model : nn.Module
    blocks : sequence of FoundBlock
        As :func:`find_se_blocks` found them.
    batch : Tensor, shape (batch, channels, height, width)
        Multiply-adds are those of its first image.
    architecture : str

    Returns
    -------
    dict
        `architecture`, `parameters`, `macs`, `image_size`, `blocks`, and `stages` with
        the sums of each stage.
    """
    model = unwrap(model)
    parameter = next(model.parameters())
    with _as_it_was(model):
        macs = _macs_by_module(model, batch[:1].to(parameter.device, parameter.dtype))
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
        "image_size": list(batch.shape[-2:]),
        "blocks": [block.facts() for block in blocks],
        "stages": stages,
    }
