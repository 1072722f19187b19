"""Run a network on two images, and prove which products are those of a gate."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.blocks.evidence import excitation_parameters, gate_function
from se_probe.blocks.watch import Product, gate_rows, watch_modules, watch_products
from se_probe.errors import BlockError

__all__ = ["Hit", "Probe", "as_it_was", "run_probe"]


@dataclass
class Hit:
    """A product of the probe that scales a map by a gate computed from it.

    Attributes
    ----------
    product : Product
    factor : int
        Which of its two factors is the gate.
    rows : Tensor, shape (2, channels)
        The gate of each image.
    side : float
        Of the scaled map, in pixels; the square root of its area.
    gate_path : str or None
        First module whose output the gate was.
    function : str
        That ends the excitation.
    parameters : list of Tensor
        Learned numbers between map and gate, in the order of use.
    """

    product: Product
    factor: int
    rows: Tensor
    side: float
    gate_path: str | None
    function: str
    parameters: list[Tensor]


class Probe:
    """What one forward pass of the probe images showed."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.calls: Counter[str] = Counter()
        self.too_small = False
        # Outputs that could be gates: (path, output, its values when the module ended).
        # The outputs are kept, so that no later tensor takes over their memory.
        self._small: list[tuple[str, Tensor, Tensor]] = []

    def ended(self, path: str, module: nn.Module, output: Any) -> None:
        """A module has run: its output may turn out to be a gate."""
        self.calls[path] += 1
        if not isinstance(output, Tensor) or not 2 <= output.ndim <= 4:
            return
        if output.numel() == len(output) * max(output.shape[1:]):
            self._small.append((path, output, output.detach().clone()))

    def seen(self, product: Product) -> None:
        """Keep a multiplication if one factor is a gate computed from the other."""
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
            Hit(
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


def run_probe(model: nn.Module, images: Tensor) -> Probe:
    """One forward pass with gradients, and the gates seen in it, in their order.

    Parameters
    ----------
    model : nn.Module
    images : Tensor, shape (2, channels, height, width)

    Returns
    -------
    Probe

    Raises
    ------
    BlockError
        If an SE block runs more than once.
    """
    probe = Probe()
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
def as_it_was(model: nn.Module) -> Iterator[None]:
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
