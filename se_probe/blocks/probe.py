"""Run a network on two samples, and prove which products are those of a gate."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.blocks.evidence import (
    channel_axis,
    excitation_parameters,
    is_along_channels,
    is_spread,
    last_layers,
    mixes_channels,
    unspread,
)
from se_probe.blocks.functions import gate_function
from se_probe.blocks.hits import Hit, Use, n_numbers, source_of
from se_probe.blocks.layout import Layout, Place, is_one_position, possible_layouts
from se_probe.blocks.uncut import Following, buffers_kept, unseen
from se_probe.blocks.watch import (
    Product,
    as_written,
    watch_modules,
    watch_products,
)
from se_probe.running import Inputs, call_network, evaluating, map_inputs

__all__ = ["Probe", "as_it_was", "gradients", "run_probe"]

_N_SAMPLES = 2
_LARGEST_GATE = 1 << 16


class Probe:
    """What one forward pass of the probe's samples showed."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.calls: Counter[str] = Counter()
        self.too_small = False
        # Modules that weigh branches by a softmax, and those with several gates each.
        self.branches: dict[str, None] = {}
        self.parts: dict[str, int] = {}
        # Outputs that could be gates: (path, output, its values when the module ended).
        # The outputs are kept, so that no later tensor takes over their memory.
        self._small: list[tuple[str, Tensor, Tensor]] = []
        self._uses: list[Use] = []
        self.was_cut = False

    def ended(self, path: str, module: nn.Module, output: Any) -> None:
        """A module has run: its output may turn out to be a gate."""
        self.calls[path] += 1
        if not isinstance(output, Tensor) or not 2 <= output.ndim <= 5:
            return
        if output.numel() == len(output) * max(output.shape[1:]) <= _LARGEST_GATE:
            self._small.append((path, output, output.detach().clone()))

    def seen(self, product: Product) -> None:
        """Keep a multiplication if one factor is a gate computed from the other."""
        for gate_at in (1, 0):
            self._keep_use(product, gate_at)
        for gate_at in (1, 0):
            if self._is_gate(product, gate_at):
                return

    def link(self) -> None:
        """Tell each hit where else the network multiplies by its gate."""
        for hit in self.hits:
            hit.also_at.extend(use.place for use in self._uses if use.is_of(hit))

    def _keep_use(self, product: Product, gate_at: int) -> None:
        feature_map, factor = product.factors[1 - gate_at], product.factors[gate_at]
        is_small = n_numbers(factor) < feature_map.numel()
        if factor.grad_fn is None or not is_small:
            return
        for layout, by_shape in possible_layouts(feature_map, factor, _N_SAMPLES):
            if by_shape:
                n_channels = layout.n_channels(feature_map, _N_SAMPLES)
                rows = layout.rows(factor, n_channels).detach()
                place = Place(product.path, product.occurrence, gate_at, layout)
                self._uses.append(Use(place, rows, source_of(factor)))
                return

    def _is_gate(self, product: Product, gate_at: int) -> bool:
        feature_map, factor = product.factors[1 - gate_at], product.factors[gate_at]
        if factor.grad_fn is None:
            return False
        layouts = list(possible_layouts(feature_map, factor, _N_SAMPLES))
        is_vector = not layouts and is_one_position(feature_map, factor)
        is_branched = not layouts and _weighs_branches(factor)
        if not (layouts or is_vector or is_branched):
            return False
        parameters = excitation_parameters(factor, feature_map)
        if not parameters:
            return False
        if is_branched:
            self._keep_branches(product, factor)
            return False
        if is_vector:
            self.too_small = True
            return True
        parts = dict(self.parts)
        is_kept = any(
            self._keep(product, gate_at, layout, parameters, by_shape=by_shape)
            for layout, by_shape in layouts
        )
        if is_kept:
            self.parts = parts  # of other ways to read it
        return is_kept

    def _keep(
        self,
        product: Product,
        gate_at: int,
        layout: Layout,
        parameters: list[Tensor],
        *,
        by_shape: bool,
    ) -> bool:
        feature_map, factor = product.factors[1 - gate_at], product.factors[gate_at]
        n_channels = layout.n_channels(feature_map, _N_SAMPLES)
        rows = layout.rows(factor, n_channels)
        if not by_shape and not _is_from_few(factor, rows):
            return False
        if not _holds_channels(feature_map, layout, n_channels, parameters):
            return False
        function = gate_function(factor, rows)
        if not (mixes_channels(parameters) or function.is_gating):
            return False  # a normalisation written by hand
        if function.name.endswith("softmax") and _sums_over_branches(rows):
            self.branches[product.path] = None
            return False
        if len(rows) != _N_SAMPLES:
            self.parts[product.path] = len(rows) // _N_SAMPLES
            return False
        if not self._is_known(rows):
            sides = layout.channels_second(feature_map, n_channels).shape[2:]
            self.hits.append(
                Hit(
                    product=product,
                    factor=gate_at,
                    layout=layout,
                    rows=rows.detach(),
                    positions=_unflattened(feature_map, tuple(sides)),
                    gate_path=self._module_of(factor, rows),
                    function=function,
                    parameters=parameters,
                    last=last_layers(factor) or parameters[-1:],
                )
            )
        return True

    def _keep_branches(self, product: Product, factor: Tensor) -> None:
        rows = factor.detach().flatten(2)[..., 0]
        if gate_function(factor, rows).name.endswith("softmax"):
            self.branches[product.path] = None

    def _is_known(self, rows: Tensor) -> bool:
        """Whether this gate scaled an earlier map already (a gate used twice)."""
        return any(hit.rows.data_ptr() == rows.data_ptr() for hit in self.hits)

    def _module_of(self, factor: Tensor, rows: Tensor) -> str | None:
        """Path of the first module whose output was this very vector."""
        nodes = set(unspread(factor))
        for path, output, values in self._small:
            is_same = output.data_ptr() == rows.data_ptr() or output.grad_fn in nodes
            if is_same and torch.equal(values.flatten(1), rows):
                return path
        return None


def run_probe(model: nn.Module, inputs: Inputs) -> Probe:
    """One forward pass with gradients, and the gates seen in it, in their order.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor or tuple of Tensor, each of two samples

    Returns
    -------
    Probe
    """
    probe = _one_pass(model, inputs)
    if probe.was_cut:
        with suppress(Exception), buffers_kept(model):  # not every network bears it
            following = _one_pass(model, inputs, follows=True)
            probe = max(probe, following, key=lambda each: len(each.hits))
    return probe


def _one_pass(model: nn.Module, inputs: Inputs, *, follows: bool = False) -> Probe:
    probe = Probe()
    modules = dict(model.named_modules())
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        as_written(),
        Following(follows=follows) as gradient,
        watch_modules(modules, unseen(probe.ended)) as stack,
        watch_products(stack, unseen(probe.seen)),
    ):
        call_network(model, map_inputs(_followed, inputs))
    probe.was_cut = gradient.was_cut
    for hit in probe.hits:
        if hit.gate_path is not None and probe.calls[hit.gate_path] > 1:
            hit.gate_path = None  # one activation module that many blocks share
    probe.link()
    return probe


def _followed(tensor: Tensor) -> Tensor:
    """Copy from which autograd follows what is computed; not of whole numbers."""
    tensor = tensor.clone()
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


def _is_from_few(factor: Tensor, rows: Tensor) -> bool:
    """Whether a factor as large as the map holds one number per sample and channel.

    Either it was made from so many, or its numbers differ from sample to sample and
    from channel to channel, and yet not from position to position.

    Returns
    -------
    bool
    """
    if is_spread(factor, rows.numel()):
        return True
    values = rows.detach()
    return bool((values != values[:1]).any() and (values != values[:, :1]).any())


def _holds_channels(
    feature_map: Tensor, layout: Layout, n_channels: int, parameters: list[Tensor]
) -> bool:
    """Whether the axis along which a factor varies is that of the channels.

    Shapes leave it open in sequences, (batch, channels, length) or (batch, length,
    channels), where samples share their axis with something else, and where samples or
    channels stand elsewhere.

    Returns
    -------
    bool
    """
    is_shared = layout.samples == layout.channels
    is_usual = layout.samples == 0 and layout.channels in {1, -1}
    if feature_map.ndim != 3 and is_usual:
        return True
    axis = None if is_shared else channel_axis(feature_map)
    if axis is not None:
        return axis == layout.channels % feature_map.ndim
    weights = [p for p in parameters if p.ndim >= 2]
    if not weights or not (is_usual or is_shared):
        return False
    return weights[-1].shape[0] == n_channels or is_along_channels(weights[-1])


def _weighs_branches(factor: Tensor) -> bool:
    """Whether a factor has two axes besides the samples, and is alike at positions."""
    if factor.ndim != 5 or len(factor) != _N_SAMPLES or min(factor.shape[1:3]) < 2:
        return False
    return all(factor.shape[axis] == 1 or factor.stride(axis) == 0 for axis in (3, 4))


def _sums_over_branches(rows: Tensor) -> bool:
    """Whether a softmax did not run over the channels, so that they sum to 1."""
    return not torch.allclose(rows.sum(dim=1), torch.ones_like(rows[:, 0]), atol=1e-3)


def _unflattened(feature_map: Tensor, sides: tuple[int, ...]) -> tuple[int, ...]:
    """Sides of a map before its positions were laid end to end."""
    n_positions = torch.Size(sides).numel()
    for node in unspread(feature_map):
        before = tuple(getattr(node, "_saved_self_sym_sizes", ()))
        if len(sides) == 1 and len(before) > 3:
            for found in (before[2:], before[1:-1]):
                if torch.Size(found).numel() == n_positions:
                    return found
    return sides


@contextmanager
def as_it_was(model: nn.Module) -> Iterator[None]:
    """Evaluation mode with all parameters in the graph; both undone at the end."""
    with gradients(model, needed=True), evaluating(model):
        yield


@contextmanager
def gradients(model: nn.Module, *, needed: bool) -> Iterator[None]:
    """All parameters in the graph, or none; as they were at the end."""
    before = {p: p.requires_grad for p in model.parameters() if p.is_floating_point()}
    try:
        for parameter in before:
            parameter.requires_grad_(needed)
        yield
    finally:
        for parameter, requires_grad in before.items():
            parameter.requires_grad_(requires_grad)
