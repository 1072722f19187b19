"""What looks like an SE block in a network and is none, in sentences."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from se_probe.blocks.found import excitation_names, kind_of_class
from se_probe.blocks.hits import Hit
from se_probe.blocks.probe import Probe
from se_probe.blocks.watch import takes_hooks

__all__ = ["constant_notes", "missed_notes"]

# What hand-written SE blocks are called: SELayer, SEBlock, SqueezeExcite, ECALayer ...
_SE_LIKE = re.compile(
    r"^(e?se|ecs?a|scse)(_?(layer|block|module|unit))?$|^squeeze_?(and_?)?excit"
    r"|^channel_?(se|attn|attention)(_?(layer|block|module|unit))?$",
    re.I,
)
# Layers of a transformer's attention, which may run over channels too (DaViT).
_QUERIES = re.compile(r"(^|[._])(qkv?|kv?|query|queries)([._]|$)")
_MAX_NAMED = 3


def missed_notes(model: nn.Module, probe: Probe, hits: Sequence[Hit]) -> list[str]:
    """A sentence for each kind of thing that is no recordable block.

    Parameters
    ----------
    model : nn.Module
    probe : Probe
        What one pass of the network showed.
    hits : sequence of Hit
        Of the blocks that were found.

    Returns
    -------
    list of str
    """
    programs = _programs(model)
    known = {hit.product.path for hit in hits} | _makers(model, hits)
    known |= {*probe.branches, *probe.parts, *programs}
    repeated = [
        path
        for path in dict.fromkeys(hit.product.path for hit in probe.hits)
        if probe.calls[path] > 1
    ]
    idle, unseen = _missed(model, probe, hits, known | set(repeated))
    return [
        *_each(model, idle, _IDLE),
        *_each(model, unseen, _UNSEEN),
        *_each(model, repeated, _REPEATED),
        *_each(model, list(probe.parts), _PARTS),
        *_each(model, list(probe.branches), _BRANCHES),
        *_each(model, programs, _PROGRAM),
    ]


def _makers(model: nn.Module, hits: Sequence[Hit]) -> set[str]:
    """Modules that hold the layers that end an excitation."""
    names = {id(p): name for name, p in model.named_parameters()}
    last = [parameter for hit in hits for parameter in hit.last]
    return {names[id(parameter)].rpartition(".")[0] for parameter in last}


def _programs(model: nn.Module) -> list[str]:
    """Outermost TorchScript programs among the modules."""
    programs = {path: m for path, m in model.named_modules() if not takes_hooks(m)}
    return [
        path
        for path, program in programs.items()
        if programs.keys().isdisjoint(_ancestors(path)) and _multiplies(program)
    ]


def _multiplies(program: Any) -> bool:
    graph = str(getattr(program, "inlined_graph", ""))
    return not graph or re.search(r"aten::(mul|div|einsum)", graph) is not None


_IDLE = (
    "{name} looks like an SE block and is registered but never called: the network "
    "computes without it"
)
_UNSEEN = (
    "{name} looks like an SE block and ran, but was not seen to multiply a feature map "
    "by one gate per channel computed from it: its gates are not recorded"
)
_REPEATED = (
    "{name} ran more than once in one forward pass; se_probe needs each SE block to "
    "run once, as a module of its own: its gates are not recorded"
)
_PARTS = (
    "{name} gates several parts of each sample by themselves (windows, frames), so a "
    "sample has no one gate per channel: its gates are not recorded"
)
_BRANCHES = (
    "{name} weighs branches by a softmax (a selective kernel), which is no gate of one "
    "feature map: its weights are not recorded"
)
_PROGRAM = (
    "{name} is a TorchScript program, in which no multiplication can be seen: if it "
    "has SE blocks they are not recorded; put its weights into the module that it was "
    "made from"
)


def _each(model: nn.Module, paths: Sequence[str], sentence: str) -> list[str]:
    """One sentence for all modules it is true of, the first of them by name."""
    if not paths:
        return []
    first = paths[0]
    module = model.get_submodule(first)
    name = f"{first!r} ({getattr(module, 'original_name', type(module).__name__)})"
    if len(paths) > 1:
        others = ", ".join(repr(path) for path in paths[1:_MAX_NAMED])
        more = ", ..." if len(paths) > _MAX_NAMED else ""
        name = f"{name}, one of {len(paths)} such modules ({others}{more}),"
    return [sentence.format(name=name)]


def _missed(
    model: nn.Module, probe: Probe, hits: Sequence[Hit], known: set[str]
) -> tuple[list[str], list[str]]:
    """Modules that should gate: those that never ran, and those that did not gate."""
    gating = _names_by_class(model, hits)
    idle: list[str] = []
    unseen: list[str] = []
    for path, module in model.named_modules():
        if _is_covered(path, known):
            continue
        names = gating.get(type(module))
        is_alike = names is not None and names <= dict(module.named_parameters()).keys()
        if not (is_alike or _looks_like_one(module)):
            continue
        # Its layers may run without it, called by the module that holds it.
        below = (f"{path}.{name}".rstrip(".") for name, _ in module.named_modules())
        ran = any(probe.calls[each] for each in below)
        (unseen if ran else idle).append(path)
    outermost = set(idle + unseen)
    return (
        [path for path in idle if outermost.isdisjoint(_ancestors(path))],
        [path for path in unseen if outermost.isdisjoint(_ancestors(path))],
    )


def _names_by_class(
    model: nn.Module, hits: Sequence[Hit]
) -> dict[type[nn.Module], set[str]]:
    """Class of each module that gates, and what the weights of its gate are called."""
    names: dict[type[nn.Module], set[str]] = {}
    for hit in hits:
        own = excitation_names(model, hit)
        module = model.get_submodule(hit.product.path)
        if own and not isinstance(module, nn.Sequential):
            names[type(module)] = names.get(type(module), own) & own
    return {cls: own for cls, own in names.items() if own}


def _looks_like_one(module: nn.Module) -> bool:
    # The paper's NoSqueeze variant gates every position by itself.
    if isinstance(getattr(module, "squeeze", None), nn.Identity):
        return False
    if kind_of_class(module) is not None:
        return True
    weights = [name for name, _ in module.named_parameters()]
    if not weights or any(_QUERIES.search(name) for name in weights):
        return False
    return _SE_LIKE.match(type(module).__name__) is not None


def _is_covered(path: str, known: set[str]) -> bool:
    """Whether a module is, holds or lies in one of which something is said already."""
    inside = f"{path}." if path else ""
    return (
        path in known
        or any(above in known for above in _ancestors(path))
        or any(each.startswith(inside) for each in known)
    )


def _ancestors(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def constant_notes(hits: Sequence[Hit]) -> list[str]:
    """A sentence on blocks whose gates were the same for both samples, if any were."""
    constant = [
        h.product.path or "the network itself"
        for h in hits
        if torch.allclose(h.rows[0], h.rows[1], atol=1e-6)
    ]
    if not constant:
        return []
    sentence = (
        f"the gates of {len(constant)} of {len(hits)} SE blocks are the same for two "
        f"different samples ({', '.join(constant[:_MAX_NAMED])}"
        f"{', ...' if len(constant) > _MAX_NAMED else ''}): the blocks are collapsed, "
        "or the network is freshly initialised with zeros before them"
    )
    return [sentence]
