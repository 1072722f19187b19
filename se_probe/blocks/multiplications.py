"""All ways in which code multiplies two tensors element by element.

`x * g`, `torch.mul(x, other=g)`, `x.mul_(g)`, `addcmul`, `einsum` without contraction,
a convolution of one weight per channel, a division: each is read as one product of two
factors that have the same number of axes, and can be told to take another factor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

__all__ = ["Multiplication", "read_multiplication"]

Call: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class _Operand:
    """A factor: where it stands in a call, and how it gets the axes of the product."""

    place: int | str
    tensor: Tensor
    to_call: Callable[[Tensor], Any] = lambda factor: factor


@dataclass(frozen=True)
class Multiplication:
    """A call that multiplies two tensors, before it is carried out.

    Attributes
    ----------
    operands : tuple of two
        The factors; their tensors have the same number of axes, those of the product.
    written : int or None
        Which of the factors the product is written into, if one of them.
    """

    operands: tuple[_Operand, _Operand]
    written: int | None = None

    @property
    def factors(self) -> tuple[Tensor, Tensor]:
        """The two factors with the axes of the product."""
        return self.operands[0].tensor, self.operands[1].tensor

    def with_factor(
        self, number: int, factor: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        """Arguments of the same call with another factor.

        Parameters
        ----------
        number : int
            0 or 1.
        factor : Tensor
            In the place and the shape of ``factors[number]``.
        args, kwargs
            Of the call as it was made.

        Returns
        -------
        tuple, dict
        """
        operand = self.operands[number]
        if number == self.written:  # whoever holds this tensor expects the product
            operand.tensor.copy_(factor)
            return args, kwargs
        new = operand.to_call(factor)
        if isinstance(operand.place, str):
            return args, kwargs | {operand.place: new}
        before, after = args[: operand.place], args[operand.place + 1 :]
        return (*before, new, *after), kwargs


def read_multiplication(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Multiplication | None:
    """What a call multiplies; None for all other calls.

    Parameters
    ----------
    function : callable
        Of torch, or a method of its tensors.
    args, kwargs
        What it is called with.

    Returns
    -------
    Multiplication or None

    Examples
    --------
    >>> import torch
    >>> x, g = torch.ones(2, 4, 3), torch.ones(2, 4)
    >>> product = read_multiplication(torch.einsum, ("bcl,bc->bcl", x, g), {})
    >>> [tuple(factor.shape) for factor in product.factors]
    [(2, 4, 3), (2, 4, 1)]
    >>> read_multiplication(torch.add, (x, x), {}) is None
    True
    """
    # Operators that are called by their full name are "mul.Tensor".
    name = getattr(function, "__name__", "").partition(".")[0]
    reader = _READERS.get(name)
    return None if reader is None else reader(name, args, kwargs)


def _product(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Multiplication | None:
    first = _found(args, kwargs, 0, "input", "self")
    second = _found(args, kwargs, 1, "other")
    return _aligned(first, second, is_in_place=name in _IN_PLACE)


def _sum_with_product(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Multiplication | None:
    first = _found(args, kwargs, 1, "tensor1")
    return _aligned(first, _found(args, kwargs, 2, "tensor2"))


def _division(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Multiplication | None:
    second = _found(args, kwargs, 1, "other")
    if second is None or not second.tensor.is_floating_point():
        return None
    inverse = _Operand(second.place, 1 / second.tensor, lambda factor: 1 / factor)
    first = _found(args, kwargs, 0, "input", "self")
    return _aligned(first, inverse, is_in_place=name in _IN_PLACE)


def _interpolation_from_zeros(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Multiplication | None:
    """`lerp(zeros, x, g)` is `g * x`."""
    start = _found(args, kwargs, 0, "input", "self")
    if start is None or name in _IN_PLACE or bool(start.tensor.any()):
        return None
    end, weight = _found(args, kwargs, 1, "end"), _found(args, kwargs, 2, "weight")
    return _aligned(end, weight)


def _einsum(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Multiplication | None:
    is_list = len(args) == 2 and isinstance(args[1], list | tuple)
    tensors = list(args[1]) if is_list else list(args[1:])
    if len(tensors) < 2 or not all(isinstance(each, Tensor) for each in tensors):
        return None
    terms = _terms(str(args[0]), tensors)
    if terms is None:
        return None
    *inputs, output = terms
    if set("".join(inputs)) != set(output):
        return None  # it sums over an axis
    # Of several operands the two with most axes; the product is theirs, times others.
    numbers = sorted(range(len(inputs)), key=lambda n: -len(inputs[n]))[:2]
    first, second = (
        _by_letters(n + 1, tensors[n], inputs[n], output) for n in sorted(numbers)
    )
    if is_list:
        first, second = (_in_list(each, tensors) for each in (first, second))
    return Multiplication((first, second))


def _in_list(operand: _Operand, tensors: Sequence[Tensor]) -> _Operand:
    """An operand of a call that takes all of them as one list, its second argument."""
    number = int(operand.place) - 1

    def to_call(factor: Tensor) -> list[Tensor]:
        new = operand.to_call(factor)
        return [*tensors[:number], new, *tensors[number + 1 :]]

    return _Operand(1, operand.tensor, to_call)


def _terms(equation: str, tensors: Sequence[Tensor]) -> list[str] | None:
    """Letters of the axes of two operands and of the result; None if it is unusual."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(tensors):
        return None
    n_hidden = [t.ndim - len(i.replace("...", "")) for t, i in zip(tensors, inputs)]  # noqa: B905
    hidden = "0123456789"[: max(n_hidden)]
    if not arrow:
        letters = "".join(inputs).replace(".", "")
        output = "..." + "".join(sorted(c for c in letters if letters.count(c) == 1))
    terms = [
        term.replace("...", hidden[len(hidden) - n :])
        for term, n in zip([*inputs, output], [*n_hidden, len(hidden)], strict=True)
    ]
    fits = all(len(term) == t.ndim for term, t in zip(terms, tensors))  # noqa: B905
    is_plain = all(len(set(term)) == len(term) for term in terms)
    return terms if fits and is_plain else None


def _by_letters(place: int, tensor: Tensor, term: str, output: str) -> _Operand:
    order = [term.index(letter) for letter in output if letter in term]
    shape = [
        tensor.shape[term.index(letter)] if letter in term else 1 for letter in output
    ]
    inverse = [order.index(axis) for axis in range(len(order))]

    def to_call(factor: Tensor) -> Tensor:
        return factor.reshape([tensor.shape[axis] for axis in order]).permute(inverse)

    is_as_it_was = order == sorted(order) and len(shape) == tensor.ndim
    aligned = tensor if is_as_it_was else tensor.permute(order).reshape(shape)
    return _Operand(place, aligned, to_call)


def _scaling_convolution(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Multiplication | None:
    """A convolution that multiplies each channel by one weight, and does no more."""
    image, weight = _found(args, kwargs, 0, "input"), _found(args, kwargs, 1, "weight")
    rest = {**dict(zip(_CONVOLUTION[2:], args[2:], strict=False)), **kwargs}
    if image is None or weight is None or rest.get("bias") is not None:
        return None
    n_channels = rest.get("groups", 1)
    one_each = (n_channels, *(1 for _ in weight.tensor.shape[1:]))
    if weight.tensor.shape != one_each or image.tensor.ndim != weight.tensor.ndim:
        return None
    strides, paddings = rest.get("stride", 1), rest.get("padding", 0)
    if not (_all_are(1, strides) and _all_are(0, paddings)):
        return None
    shape = weight.tensor.shape
    factor = weight.tensor.transpose(0, 1)
    return Multiplication(
        (image, _Operand(weight.place, factor, lambda new: new.reshape(shape)))
    )


_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def _all_are(number: int, values: Any) -> bool:
    return all(v == number for v in (values if isinstance(values, tuple) else [values]))


def _found(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], position: int, *names: str
) -> _Operand | None:
    if len(args) > position:
        place: int | str = position
        value = args[position]
    else:
        place = next((name for name in names if name in kwargs), "")
        value = kwargs.get(place)
    return _Operand(place, value) if isinstance(value, Tensor) else None


def _aligned(
    first: _Operand | None, second: _Operand | None, *, is_in_place: bool = False
) -> Multiplication | None:
    """Both with as many axes as the one that has more; the new ones come first."""
    if first is None or second is None:
        return None
    n_axes = max(first.tensor.ndim, second.tensor.ndim)
    operands = (_with_axes(first, n_axes), _with_axes(second, n_axes))
    return Multiplication(operands, 0 if is_in_place else None)


def _with_axes(operand: _Operand, n_axes: int) -> _Operand:
    n_new = n_axes - operand.tensor.ndim
    if not n_new:
        return operand
    shape = operand.tensor.shape
    return _Operand(
        operand.place,
        operand.tensor[(None,) * n_new],
        lambda factor: operand.to_call(factor.reshape(shape)),
    )


_PRODUCTS_IN_PLACE = ("mul_", "multiply_", "__imul__")
_DIVISIONS_IN_PLACE = ("div_", "divide_", "true_divide_", "__itruediv__")
_IN_PLACE = frozenset([*_PRODUCTS_IN_PLACE, *_DIVISIONS_IN_PLACE])
_READERS: dict[str, Callable[..., Multiplication | None]] = {
    **dict.fromkeys(("mul", "multiply", "__mul__", "__rmul__"), _product),
    **dict.fromkeys(_PRODUCTS_IN_PLACE, _product),
    **dict.fromkeys(("addcmul", "addcmul_"), _sum_with_product),
    **dict.fromkeys(("div", "divide", "true_divide", "__truediv__"), _division),
    **dict.fromkeys(_DIVISIONS_IN_PLACE, _division),
    "lerp": _interpolation_from_zeros,
    "einsum": _einsum,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _scaling_convolution),
}
