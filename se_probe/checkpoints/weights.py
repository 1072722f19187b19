"""The weights among what a checkpoint holds, under the network's own names."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from se_probe.errors import CheckpointError

__all__ = ["FoundWeights", "View", "find_weights", "views"]

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


def find_weights(content: Any, name: str) -> FoundWeights:
    """Weights in what a checkpoint holds.

    Parameters
    ----------
    content : object
        From :func:`~se_probe.checkpoints.containers.read_container`.
    name : str
        What messages call the file.

    Returns
    -------
    FoundWeights

    Raises
    ------
    CheckpointError
        If there are none.
    """
    found = _search(content)
    if found is None:
        raise CheckpointError(
            f"{name} holds no weights: it is {_described(content)}, expected a state "
            "dict (names and tensors), alone or under 'state_dict' or 'model'"
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
        str(key): value for key, value in content.items() if isinstance(value, Tensor)
    }
    # One tensor beside other things is a loss or a step counter, not a network.
    return FoundWeights(tensors) if len(tensors) > 1 else None


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
