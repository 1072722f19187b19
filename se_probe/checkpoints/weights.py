"""The weights among what a checkpoint holds, under the network's own names."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from se_probe.errors import CheckpointError

__all__ = [
    "FoundWeights",
    "View",
    "advice_on_twins",
    "find_weights",
    "twins",
    "views",
]

# Where training scripts keep the weights, first hit wins. timm's order: averaged (EMA)
# weights before the raw ones.
_AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "params_ema", "ema")
_RAW = (
    "state_dict",
    "model_state_dict",
    "model",
    "network",
    "net",
    "weights",
    "params",
)


@dataclass(frozen=True)
class FoundWeights:
    """The weights in a checkpoint, as they are called there.

    Parameters
    ----------
    tensors : dict of str to Tensor
    module : nn.Module or None
        The pickled network itself, where a trusted checkpoint holds one.
    are_averaged : bool
        Averaged (EMA) weights that were preferred to others in the file.
    """

    tensors: dict[str, Tensor]
    module: nn.Module | None = None
    are_averaged: bool = False


@dataclass(frozen=True)
class View:
    """Weights whose names begin with a prefix, without it.

    Parameters
    ----------
    prefix : str
    tensors : dict of str to Tensor
    left_out : tuple of str
        Names of the other weights.
    """

    prefix: str
    tensors: dict[str, Tensor]
    left_out: tuple[str, ...]


def find_weights(content: Any, name: str, part: str | None = None) -> FoundWeights:
    """Weights in what a checkpoint holds.

    Parameters
    ----------
    content : object
        From :func:`~se_probe.checkpoints.containers.read_container`.
    name : str
        What messages call the file.
    part : str, optional
        Which weights, where the file holds those of several networks: the key they are
        under, or what their names begin with.

    Returns
    -------
    FoundWeights

    Raises
    ------
    CheckpointError
        If there are none, there is no such part, several parts leave open which is
        meant, the weights are quantised to integers, or a tensor is nested.
    """
    _refuse_quantised(content, name)
    if part is not None:
        return _part_of(content, part, name)
    found = _search(content)
    if found is None and (parts := _parts(content)):
        if len(parts) > 1:
            raise CheckpointError(f"{name} holds {_choose_among(parts)}")
        found = next(iter(parts.values()))
    if found is None:
        raise CheckpointError(
            f"{name} holds no weights: it is {_described(content)}, expected a state "
            "dict (names and tensors), alone or under 'state_dict' or 'model'"
        )
    return _without_shapeless(found, name)


def _without_shapeless(found: FoundWeights, name: str) -> FoundWeights:
    shapeless = next((key for key, t in found.tensors.items() if t.is_nested), None)
    if shapeless is not None:
        raise CheckpointError(
            f"{name} holds a nested tensor, {shapeless}, which has no shape; save the "
            "weights as ordinary tensors"
        )
    return found


def _search(content: Any) -> FoundWeights | None:
    if isinstance(content, nn.Module):
        return FoundWeights(dict(content.state_dict()), module=content)
    if not isinstance(content, Mapping):
        return None
    for key in (*_AVERAGED, *_RAW):
        found = _search(content.get(key))
        if found:
            has_raw = any(_search(content.get(raw)) for raw in _RAW)
            averaged = key in _AVERAGED and has_raw
            return FoundWeights(found.tensors, found.module, averaged)
    tensors = {
        str(key): _as_tensor(value)
        for key, value in content.items()
        if isinstance(value, Tensor) or _is_numeric(value)
    }
    # One tensor beside other things is a loss or a step counter, not a network.
    return FoundWeights(tensors) if len(tensors) > 1 else None


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub"


def _as_tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    # torch has no numbers of the other byte order.
    native = np.array(value, dtype=value.dtype.newbyteorder("="))
    return torch.from_numpy(native)


def _parts(content: Any) -> dict[str, FoundWeights]:
    """Weights under each key of a dict, by key."""
    if not isinstance(content, Mapping):
        return {}
    found = {str(key): _search(value) for key, value in content.items()}
    return {key: weights for key, weights in found.items() if weights is not None}


def _part_of(content: Any, part: str, name: str) -> FoundWeights:
    """Weights under a key, or those whose names begin with it."""
    parts = _parts(content)
    if part in parts:
        return parts[part]
    whole = _search(content)
    tensors = whole.tensors if whole else {}
    prefix = f"{part.removesuffix('.')}."
    chosen = {
        own.removeprefix(prefix): tensor
        for own, tensor in tensors.items()
        if own.startswith(prefix)
    }
    if not chosen:
        there = list(parts) or twins(tensors)
        one = "It holds one network: leave --weights out"
        known = f"It holds {_choose_among(there)}" if there else one
        raise CheckpointError(f"{name} has no weights {part!r}. {known}")
    return FoundWeights(chosen)


def _choose_among(parts: Iterable[str]) -> str:
    names = list(parts)
    return (
        f"the weights of {len(names)} networks: {', '.join(names)}. Choose one with "
        f"--weights {names[0]} (in Python: weights={names[0]!r})"
    )


def twins(tensors: Iterable[str]) -> list[str]:
    """First parts of weights' names that have equal names behind them.

    Student and teacher in one state dict look like this, and the two branches of a
    Siamese network.

    Parameters
    ----------
    tensors : iterable of str
        Names of weights.

    Returns
    -------
    list of str
        In order; empty where there are no two.

    Examples
    --------
    >>> twins(
    ...     [
    ...         "student.fc.weight",
    ...         "student.fc.bias",
    ...         "teacher.fc.bias",
    ...         "teacher.fc.weight",
    ...     ]
    ... )
    ['student', 'teacher']
    """
    behind: dict[str, set[str]] = defaultdict(set)
    for name in tensors:
        first, _, rest = name.partition(".")
        behind[first].add(rest)
    found = [
        first
        for first, rest in behind.items()
        # Numbers are the layers of a Sequential.
        if not first.isdigit()
        and any("." in name for name in rest)  # else it is one layer
        and sum(rest == others for others in behind.values()) > 1
    ]
    if len(found) > 2 and len({first.rstrip("0123456789") for first in found}) == 1:
        return []  # numbered blocks of one network
    # Two equal layers of one network leave most of its names out.
    n_found = sum(len(behind[first]) for first in found)
    return found if n_found > 0.9 * sum(map(len, behind.values())) else []


def advice_on_twins(tensors: Iterable[str]) -> str:
    """What to do with weights that are of several networks; "" where they are not.

    Returns
    -------
    str
    """
    found = twins(tensors)
    return f"It holds {_choose_among(found)}" if found else ""


def _refuse_quantised(content: Any, name: str) -> None:
    if _is_quantised(content):
        raise CheckpointError(
            f"{name} is of a network quantised to integers, which is not read "
            "here: give the float checkpoint that it was made from"
        )


def _is_quantised(content: Any) -> bool:
    if isinstance(content, Mapping):
        return any(
            str(key).endswith(("_packed_params", "_packed_params._packed_params"))
            or _is_quantised(value)
            for key, value in content.items()
        )
    return isinstance(content, Tensor) and content.is_quantized


def _described(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    keys = ", ".join(str(key) for key in list(content)[:5])
    return f"a dict of {keys}" if keys else "an empty dict"


def views(tensors: Mapping[str, Tensor]) -> list[View]:
    """Weights with each of the prefixes taken off that most of them share.

    `DataParallel` puts `module.` before each name, `torch.compile` `_orig_mod.`, and
    Lightning the name of an attribute. Which prefix is the network's own is left to
    whoever knows the network.

    Parameters
    ----------
    tensors : mapping of str to Tensor

    Returns
    -------
    list of View
        The one without a prefix comes first, longer prefixes come later. The counter of
        `AveragedModel` is in none of them.

    Examples
    --------
    >>> import torch
    >>> names = ["n_averaged", "module._orig_mod.fc.weight", "module._orig_mod.fc.bias"]
    >>> [view.prefix for view in views({name: torch.ones(1) for name in names})]
    ['', 'module.', 'module.fc.']
    """
    plain = {
        name.replace("_orig_mod.", ""): tensor
        for name, tensor in tensors.items()
        if name != "n_averaged"
    }
    shares = Counter(prefix for name in plain for prefix in _prefixes(name))
    shared = [p for p, count in shares.items() if 2 * count > len(plain)]
    return [_view(plain, prefix) for prefix in sorted(shared, key=len)]


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")[:-1]
    return [".".join((*parts[:n], "")) if n else "" for n in range(len(parts) + 1)]


def _view(tensors: Mapping[str, Tensor], prefix: str) -> View:
    return View(
        prefix,
        {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        },
        tuple(name for name in tensors if not name.startswith(prefix)),
    )
