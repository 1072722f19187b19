"""Put weights into a network, or say exactly what does not fit."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from se_probe.checkpoints.weights import View
from se_probe.errors import CheckpointError

__all__ = [
    "Misfit",
    "best_view",
    "converted_numbers",
    "find_misfit",
    "load_weights",
    "refuse_broken",
]

_N_NAMED = 3
# Layers of SE blocks, as the known projects call them.
_SE_LAYER = re.compile(
    r"\.(se|se_module|attn|attn_last|excitation|squeeze_excitation)\.|_se_reduce|"
    r"_se_expand|conv_(reduce|expand)\."
)


@dataclass(frozen=True)
class Misfit:
    """How weights and a network differ.

    Parameters
    ----------
    missing, unexpected : tuple of str
        Names that only the network, or only the weights have.
    reshaped : tuple of str
        Names of weights with another shape, both shapes behind.
    n_expected : int
        Weights of the network.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    n_expected: int

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.missing or self.unexpected or self.reshaped)

    def __str__(self) -> str:
        """Counts and the first three names of each kind."""
        kinds = (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of another shape", self.reshaped),
        )
        parts = [
            f"{_counted(len(names))} {kind} (first: {', '.join(names[:_N_NAMED])})"
            for kind, names in kinds
            if names
        ]
        return ", ".join(parts)

    def hint(self) -> str:
        """The likely reason, "" where there is none."""
        if len(self.missing) == self.n_expected:
            return "None of its names is one of the network's"
        if _are_se(self.missing) and not self.unexpected:
            return "Was it saved from a network without SE blocks?"
        if _are_se(self.unexpected) and not self.missing:
            return "Was it saved from a network with SE blocks?"
        return ""


def _counted(n_keys: int) -> str:
    return f"{n_keys} key{'' if n_keys == 1 else 's'}"


def _are_se(names: Sequence[str]) -> bool:
    return bool(names) and all(_SE_LAYER.search(f".{name}") for name in names)


def best_view(model: nn.Module, candidates: Iterable[View]) -> View:
    """Candidate with the most names of the network's; the first of equals."""
    expected = model.state_dict().keys()
    return max(candidates, key=lambda view: len(expected & view.tensors.keys()))


def find_misfit(model: nn.Module, tensors: Mapping[str, Tensor]) -> Misfit:
    """How weights and a network differ.

    Parameters
    ----------
    model : nn.Module
    tensors : mapping of str to Tensor

    Returns
    -------
    Misfit
        False where all fits. A missing `num_batches_tracked`, which evaluation does
        not use, is no difference.
    """
    expected = model.state_dict()
    missing = [
        name
        for name in expected
        if name not in tensors and not name.endswith("num_batches_tracked")
    ]
    reshaped = [
        f"{name} is {tuple(tensors[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    return Misfit(
        tuple(missing),
        tuple(name for name in tensors if name not in expected),
        tuple(reshaped),
        sum(not name.endswith("num_batches_tracked") for name in expected),
    )


def refuse_broken(model: nn.Module, name: str) -> None:
    """Refuse weights that hold NaN or infinite numbers, naming the first.

    Parameters
    ----------
    model : nn.Module
        Its parameters must be finite; buffers may hold -inf, as masks do.
    name : str
        What messages call the file.

    Raises
    ------
    CheckpointError
        If a weight or a statistic is not a number, or a weight is infinite.
    """
    tensors = model.state_dict()
    learned = {key for key, _ in model.named_parameters()}
    floats = {key: t for key, t in tensors.items() if t.is_floating_point()}
    is_nan = {key: t.isnan() for key, t in floats.items()}
    is_infinite = {key: t.isinf() for key, t in floats.items() if key in learned}
    for what, is_bad, why in (
        ("NaN", is_nan, ""),
        ("infinite numbers", is_infinite, ", or its numbers are too large for float32"),
    ):
        bad = {key: int(each.sum()) for key, each in is_bad.items() if each.any()}
        if bad:
            first, n_bad = next(iter(bad.items()))
            raise CheckpointError(
                f"{name} holds {what} in {len(bad)} of its {len(tensors)} weights, "
                f"first in {first} ({n_bad} of {tensors[first].numel()} numbers), so "
                f"the network computes nothing: its training diverged{why}. Give an "
                "earlier checkpoint"
            )


def load_weights(
    model: nn.Module, tensors: Mapping[str, Tensor], what: str, advice: str = ""
) -> None:
    """Copy weights into a network, in the network's own number type.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    tensors : mapping of str to Tensor
    what : str
        File and architecture for the message, "model.pt does not fit seresnet50".
    advice : str, optional
        What to do, where it is known better than from the names alone.

    Raises
    ------
    CheckpointError
        If they do not fit, saying what does not.
    """
    own = model.state_dict()
    for name in [name for name in own if name in tensors]:
        problem = _unusual(tensors[name], own[name])
        if problem:
            raise CheckpointError(f"{what}: {name} {problem}")
    misfit = find_misfit(model, tensors)
    if misfit:
        sentences = [f"{what}: {misfit}", advice or misfit.hint()]
        raise CheckpointError(". ".join(filter(None, sentences)))
    model.load_state_dict(dict(tensors), strict=False)


def _unusual(tensor: Tensor, own: Tensor) -> str:
    """What keeps a tensor's values from being copied as they are; "" for nothing."""
    ordinary = "save the weights as ordinary tensors"
    dtype = _name(tensor.dtype)
    if tensor.is_meta:
        return f"holds no values; {ordinary}"
    if tensor.layout != torch.strided:
        return f"is sparse; {ordinary}"
    if tensor.is_complex() and not own.is_complex():
        return f"is complex; {ordinary}"
    if tensor.dtype in _PACKED:
        return f"is packed ({dtype}); {ordinary}"
    is_whole = not (tensor.is_floating_point() or tensor.is_complex())
    if is_whole and (own.is_floating_point() or own.is_complex()):
        kind = "truth values" if dtype == "bool" else "whole numbers"
        return (
            f"holds {kind} ({dtype}), as in quantised networks, whose scales are not "
            "read here: give the float checkpoint that it was made from"
        )
    return ""


_PACKED = {torch.float4_e2m1fn_x2}


def converted_numbers(
    model: nn.Module, tensors: Mapping[str, Tensor], name: str
) -> list[str]:
    """A sentence on weights whose number type is another one in the network.

    Parameters
    ----------
    model : nn.Module
    tensors : mapping of str to Tensor
        As they are in the file.
    name : str
        What the sentence calls the file.

    Returns
    -------
    list of str
        Empty where none differs.
    """
    own = model.state_dict()
    floats = {k: t for k, t in tensors.items() if k in own and t.is_floating_point()}
    pairs = {(t.dtype, own[k].dtype) for k, t in floats.items()}
    changed = sorted((_name(a), _name(b)) for a, b in pairs if a != b)
    if not changed:
        return []
    some = "" if len(pairs) == len(changed) else "some of "
    before = " and ".join(dict.fromkeys(a for a, _ in changed))
    after = " and ".join(dict.fromkeys(b for _, b in changed))
    sentence = (
        f"{some}the weights are {before} in {name}, and {after} in the network and in "
        "files saved from it"
    )
    return [sentence]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
