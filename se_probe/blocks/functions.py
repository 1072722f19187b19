"""Which function ends an excitation, and between which numbers its gates lie."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn.functional import hardsigmoid

from se_probe.blocks.evidence import is_rearranged, operation, unspread

__all__ = ["GateFunction", "gate_function"]

_INFINITY = math.inf
# Range of each function; those of clamps are read off their graph.
_RANGES = {
    "Sigmoid": (0.0, 1.0),
    "Hardsigmoid": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Relu": (0.0, _INFINITY),
    "Softmax": (0.0, 1.0),
    "Softplus": (0.0, _INFINITY),
    "Exp": (0.0, _INFINITY),
}
_NO_FUNCTION = frozenset(
    ["Addmm", "Mm", "Bmm", "Convolution", "NativeBatchNorm", "Add"]
)
_OTHER = frozenset(["Mul", "Div", "Sub", "Rsub", "Neg", "Reciprocal", "Rsqrt", "Pow"])


@dataclass(frozen=True)
class GateFunction:
    """A function that ends an excitation.

    Attributes
    ----------
    name : str
        `sigmoid`, `hardsigmoid`, `1 + sigmoid`, `2·sigmoid`, `tanh`, `relu` ...;
        `linear` where a layer ends it, `other` where no simple formula does.
    bounds : tuple of two, or None
        Least and largest number it can give, possibly infinite; None if not known.
    is_gating : bool
        Whether it is one of those that are made to open and close gates.
    """

    name: str
    bounds: tuple[float, float] | None = None
    is_gating: bool = False


def gate_function(factor: Tensor, rows: Tensor) -> GateFunction:
    """The function that made a gate, as far as autograd's graph tells.

    Parameters
    ----------
    factor : Tensor
        As it multiplies the map, computed with gradients enabled.
    rows : Tensor
        Its numbers, one per sample and channel.

    Returns
    -------
    GateFunction

    Examples
    --------
    >>> import torch
    >>> z = torch.randn(2, 4, requires_grad=True)
    >>> [gate_function(g, g).name for g in (z.sigmoid(), 1 + z.tanh(), 2 * z.sigmoid())]
    ['sigmoid', '1 + tanh', '2·sigmoid']
    """
    slope, has_offset, node = _affine_part(factor)
    name = operation(node) if node is not None else "Add"
    if name.startswith(("Clamp", "Hardtanh")):
        return _clamp(node, slope, has_offset, rows)
    if name not in _RANGES:
        is_known = name not in _NO_FUNCTION | _OTHER and slope == 1 and not has_offset
        known = name.lower() if is_known else "linear"
        return GateFunction("other" if name in _OTHER or slope is None else known)
    offset = _offset(node, slope, has_offset, rows)
    if slope is None or offset is None:
        return GateFunction("other", None, is_gating=True)
    low, high = sorted(_scaled(end, slope, offset) for end in _RANGES[name])
    return GateFunction(_formula(name.lower(), slope, offset), (low, high), True)


def _affine_part(factor: Tensor) -> tuple[float | None, bool, Any]:
    """Slope, whether something is added, and the node of the function before that."""
    slope: float | None = 1.0
    has_offset = False
    *_, node = [None, *unspread(factor)]
    while node is not None and operation(node) in _AFFINE:
        inputs = [each for each, _ in node.next_functions]
        connected = [each for each in inputs if each is not None]
        if len(connected) != 1:
            return slope, has_offset, node
        name, is_second = operation(node), inputs[0] is None
        times = _AFFINE[name](node, is_second)
        slope = None if slope is None or times is None else slope * times
        has_offset = has_offset or name in {"Add", "Sub", "Rsub"}
        node = _through_views(connected[0])
    return slope, has_offset, node


def _through_views(node: Any) -> Any:
    while is_rearranged(node):
        node = node.next_functions[0][0]
    return node


def _constant_factor(node: Any, is_second: bool) -> float | None:
    other = _saved(node, "_saved_self" if is_second else "_saved_other")
    if other is None:
        return None
    number = other.flatten()[0]
    return float(number) if bool((other == number).all()) else None


def _inverse_factor(node: Any, is_second: bool) -> float | None:
    factor = None if is_second else _constant_factor(node, is_second)
    return 1 / factor if factor else None


_AFFINE: Mapping[str, Any] = {
    "Mul": _constant_factor,
    "Div": _inverse_factor,
    "Add": lambda node, is_second: 1.0,
    "Sub": lambda node, is_second: -1.0 if is_second else 1.0,
    "Rsub": lambda node, is_second: -1.0,
    "Neg": lambda node, is_second: -1.0,
}


def _offset(
    node: Any, slope: float | None, has_offset: bool, rows: Tensor
) -> float | None:
    """What is added to slope times the function's result; None if it is no constant."""
    if not has_offset:
        return 0.0
    result = _saved(node, "_saved_result")
    if operation(node) == "Hardsigmoid":
        before = _saved(node, "_saved_self")
        result = None if before is None else hardsigmoid(before)
    if slope is None or result is None:
        return None
    return _difference(rows, slope * result)


def _saved(node: Any, name: str) -> Tensor | None:
    try:
        tensor = getattr(node, name, None)
    except RuntimeError:  # written over in place
        return None
    return tensor if isinstance(tensor, Tensor) else None


def _difference(rows: Tensor, values: Tensor) -> float | None:
    if rows.numel() != values.numel():
        return None
    rest = rows.detach().flatten().double() - values.detach().flatten().double()
    middle = round(float(rest.mean()), 5)
    return middle if bool((rest - middle).abs().max() < 1e-5) else None


def _clamp(
    node: Any, slope: float | None, has_offset: bool, rows: Tensor
) -> GateFunction:
    """A line between two ends: hard sigmoids are written so."""
    is_tanh = operation(node) == "Hardtanh"
    names = (
        ("_saved_min_val", "_saved_max_val")
        if is_tanh
        else ("_saved_min", "_saved_max")
    )
    low, high = (getattr(node, name, None) for name in names)
    low = -_INFINITY if low is None else float(low)
    high = _INFINITY if high is None else float(high)
    before = _saved(node, "_saved_self")
    offset: float | None = 0.0
    if has_offset and slope is not None and before is not None:
        offset = _difference(rows, slope * before.clamp(low, high))
    elif has_offset:
        offset = None
    if slope is None or offset is None:
        return GateFunction("other", None, is_gating=True)
    first, last = sorted(_scaled(end, slope, offset) for end in (low, high))
    return GateFunction(_name_of_line(first, last), (first, last), is_gating=True)


def _name_of_line(low: float, high: float) -> str:
    names = {
        (0.0, 1.0): "hardsigmoid",
        (-1.0, 1.0): "hardtanh",
        (0.0, _INFINITY): "relu",
    }
    if (low, high) in names:
        return names[low, high]
    if math.isinf(low) or math.isinf(high):
        return "clamp"
    return _formula("hardsigmoid", high - low, low)


def _scaled(end: float, slope: float, offset: float) -> float:
    return round(slope * end + offset, 5) if math.isfinite(end) else slope * end


def _formula(name: str, slope: float, offset: float) -> str:
    size = f"{abs(slope):g}\N{MIDDLE DOT}" if abs(round(abs(slope) - 1, 5)) else ""
    if not offset:
        return f"{'-' if slope < 0 else ''}{size}{name}"
    return f"{offset:g} {'-' if slope < 0 else '+'} {size}{name}"
