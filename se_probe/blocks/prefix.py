"""The layers before a gate, run once for all that is done to that gate.

What a network computes before it reaches an SE block's gate is the same whatever is
done to that gate and to later ones. :func:`run_prefix` keeps the outputs of the modules
that ended by then, :func:`resumed` gives them back instead of computing them again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from se_probe.blocks.found import FoundBlock
from se_probe.blocks.multiply import places_of
from se_probe.blocks.watch import takes_hooks, unwrap

__all__ = ["Prefix", "call_order", "resumed", "run_prefix"]


@dataclass(frozen=True, eq=False)
class Prefix:
    """What modules gave for one batch before a gate was computed.

    Attributes
    ----------
    outputs : mapping of str to list
        Outputs of each module, call by call, by its path; of modules inside of those
        nothing is kept.
    """

    outputs: Mapping[str, list[Any]]


class _GateReached(BaseException):
    """Ends a forward pass early; no network catches it by `except Exception`."""


@dataclass
class _Call:
    """A running module, and what modules directly inside of it have given so far."""

    path: str
    ended: list[tuple[str, Any]] = field(default_factory=list)


def call_order(
    model: nn.Module, blocks: Sequence[FoundBlock], run: Callable[[], Any]
) -> tuple[list[FoundBlock], Any]:
    """Blocks in the order in which a forward pass comes to their gates.

    Parameters
    ----------
    model : nn.Module
        The model in which the blocks were found.
    blocks : sequence of FoundBlock
    run : callable
        Runs the model once.

    Returns
    -------
    blocks : list of FoundBlock
        Those that were reached.
    output : Any
        What `run` returned.
    """
    model, reached = unwrap(model), list[str]()

    def note(path: str) -> Callable[..., None]:
        return lambda module, args: reached.append(path)

    with ExitStack() as hooks:
        for path in dict.fromkeys(map(_cut, blocks)):
            module = model.get_submodule(path)
            hooks.enter_context(module.register_forward_pre_hook(note(path)))
        output = run()
    place = {path: number for number, path in reversed(list(enumerate(reached)))}
    there = [block for block in blocks if _cut(block) in place]
    return sorted(there, key=lambda b: (place[_cut(b)], b.occurrence)), output


def run_prefix(model: nn.Module, block: FoundBlock, run: Callable[[], Any]) -> Prefix:
    """Run a network up to the gate of a block, and keep what was computed.

    Parameters
    ----------
    model : nn.Module
        The model in which the block was found.
    block : FoundBlock
    run : callable
        Runs the model once; it is stopped at the gate.

    Returns
    -------
    Prefix
        Copies, on the model's device. Modules that work in place are not in it, and run
        again.
    """
    model = unwrap(model)
    calls, cut = [_Call("")], _cut(block)

    def enter(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            if path == cut:
                raise _GateReached
            calls.append(_Call(path))

        return hook

    def leave(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            calls.pop()
            # A copy: a later layer may write into the same memory.
            calls[-1].ended.append((path, _copy(output)))

        return hook

    with ExitStack() as hooks, suppress(_GateReached):
        for path, module in model.named_modules():
            if takes_hooks(module) and (path or cut == ""):
                hooks.enter_context(
                    module.register_forward_pre_hook(enter(path), prepend=True)
                )
                hooks.enter_context(module.register_forward_hook(leave(path)))
        run()
    outputs: dict[str, list[Any]] = {}
    for path, output in (each for call in calls for each in call.ended):
        outputs.setdefault(path, []).append(output)
    return Prefix(
        {
            path: given
            for path, given in outputs.items()
            if _can_be_given(model.get_submodule(path), given)
        }
    )


@contextmanager
def resumed(model: nn.Module, prefix: Prefix | None) -> Iterator[None]:
    """Context in which modules give what they gave before, without computing it.

    Parameters
    ----------
    model : nn.Module
    prefix : Prefix, optional
        Of the batch that is run; None computes everything.

    Yields
    ------
    None
    """
    model = unwrap(model)
    with ExitStack() as modules:
        for path, given in (prefix.outputs if prefix else {}).items():
            modules.enter_context(_giving(model.get_submodule(path), given))
        yield


@contextmanager
def _giving(module: nn.Module, given: Sequence[Any]) -> Iterator[None]:
    own, before = module.__dict__.get("forward"), module.forward
    left = iter(given)

    def forward(*args: Any, **kwargs: Any) -> Any:
        for output in left:
            return _copy(output)
        return before(*args, **kwargs)

    module.forward = forward
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own


def _cut(block: FoundBlock) -> str:
    """Module before which nothing is multiplied by a block's gate."""
    if block.gate_path is not None:
        return block.gate_path
    paths = [place.path.split(".") for place in places_of(block)]
    common = takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))
    return ".".join(names[0] for names in common)


def _copy(output: Any) -> Any:
    return tree_map(lambda leaf: leaf.clone() if _is_tensor(leaf) else leaf, output)


def _can_be_given(module: nn.Module, given: Sequence[Any]) -> bool:
    works_in_place = bool(getattr(module, "inplace", False))
    leaves = [leaf for output in given for leaf in tree_flatten(output)[0]]
    is_plain = all(leaf is None or _is_tensor(leaf) for leaf in leaves)
    return is_plain and not works_in_place and takes_hooks(module)


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, Tensor)
