"""How long networks take, and the SE blocks in them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import torch
from torch import nn

from se_probe.blocks import FoundBlock, unwrap
from se_probe.evaluation.answers import Forward
from se_probe.running import Inputs, call_network, main_tensor

__all__ = ["block_milliseconds", "median_milliseconds", "run_times"]

_WARM_UP = 2


def median_milliseconds(
    forwards: Sequence[Forward], pixels: Inputs, n_runs: int = 10
) -> list[float]:
    """Median time of a forward pass of each network, alternately.

    The networks alternate, each pair of rounds in the opposite order, so that a machine
    that grows slower or faster meanwhile does not favour one of them.

    Parameters
    ----------
    forwards : sequence of callables
    pixels : Tensor, shape (batch, ...), or tuple or dict of several inputs
        On the networks' device.
    n_runs : int, default 10
        Timed passes of each; two come before them.

    Returns
    -------
    list of float
        In ms, one per network.
    """
    return [median(times) for times in run_times(forwards, pixels, n_runs)]


def run_times(
    forwards: Sequence[Forward], pixels: Inputs, n_runs: int = 10
) -> list[list[float]]:
    """Time of each of several forward passes of each network, alternately.

    Parameters
    ----------
    forwards, pixels, n_runs
        As for :func:`median_milliseconds`.

    Returns
    -------
    list of list of float
        In ms, `n_runs` per network.
    """
    seconds: list[list[float]] = [[] for _ in forwards]
    turns = list(enumerate(forwards))
    device = main_tensor(pixels).device
    with torch.inference_mode():
        for run in range(_WARM_UP + n_runs):
            for number, forward in turns if run % 2 == 0 else reversed(turns):
                start = _now(device)
                call_network(forward, pixels)
                seconds[number].append(_now(device) - start)
    return [[1000 * one for one in times[_WARM_UP:]] for times in seconds]


def block_milliseconds(
    model: nn.Module, blocks: Sequence[FoundBlock], pixels: Inputs, n_runs: int = 10
) -> dict[str, float]:
    """Median time that a forward pass spends in each SE block.

    Where a block is removed, or folded into a neighbour, this is what is saved.

    Parameters
    ----------
    model : nn.Module
    blocks : sequence of FoundBlock
    pixels : Tensor, shape (batch, ...), or tuple or dict of several inputs
        On the model's device.
    n_runs : int, default 10
        Timed passes; two come before them.

    Returns
    -------
    dict of str to float
        In ms, by block name; NaN for a block that has no module of its own.
    """
    model = unwrap(model)
    modules = {block.name: model.get_submodule(block.path) for block in blocks}
    device = main_tensor(pixels).device
    own = {b.name: modules[b.name] for b in blocks if _is_alone(modules[b.name], b)}
    with torch.inference_mode(), _stop_watches(own, device) as seconds:
        for _ in range(_WARM_UP + n_runs):
            call_network(model, pixels)
    return {
        name: 1000 * median(seconds[name][_WARM_UP:]) if name in own else float("nan")
        for name in modules
    }


def _is_alone(module: nn.Module, block: FoundBlock) -> bool:
    """Whether a module learns the block's excitation and nothing else."""
    return sum(p.numel() for p in module.parameters()) == block.parameters


@contextmanager
def _stop_watches(
    modules: Mapping[str, nn.Module], device: torch.device
) -> Iterator[dict[str, list[float]]]:
    """Seconds that each call of each module took, while the context is open."""
    seconds: dict[str, list[float]] = {name: [] for name in modules}

    def start(name: str) -> Callable[..., None]:
        return lambda module, args: seconds[name].append(-_now(device))

    def stop(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            seconds[name][-1] += _now(device)

        return hook

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(module.register_forward_pre_hook(start(name)))
            hooks.enter_context(module.register_forward_hook(stop(name)))
        yield seconds


def _now(device: torch.device) -> float:
    """Seconds; a GPU has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
