"""Time that is saved by removing blocks, where the network is served."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from torch import Tensor

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network
from se_probe.errors import UsageError
from se_probe.evaluation import Forward, ResultStore, digest, run_times
from se_probe.interventions import Constants
from se_probe.pruning.plan import RemovableBlock
from se_probe.pruning.removal import without
from se_probe.pruning.runtimes import Runtime, check_runtimes, serve
from se_probe.running import evaluating, served_numerics, to_device_of

__all__ = ["StopWatch", "TimeGoal", "by_kl_per_millisecond"]

# Alternating passes of one image. What one block saves is a percent of them.
_N_RUNS = 50


@dataclass(frozen=True)
class TimeGoal:
    """Time to be saved of a forward pass of one image.

    Parameters
    ----------
    share : float
        Share of the time, above 0 and below 1.
    runtime : str, default "onnxruntime"
        Where the network is served; one of `RUNTIMES`.

    Raises
    ------
    UsageError
        If the share is invalid, or there is no such runtime.
    MissingPackageError
        If a package of the runtime is not installed.
    """

    share: float
    runtime: Runtime = "onnxruntime"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise UsageError(
                "a share of the time to be saved is above 0 and below 100 %, got "
                f"{100 * self.share:g} %"
            )
        check_runtimes([self.runtime])


class StopWatch:
    """Times a network and versions of it with blocks removed, alternately.

    Parameters
    ----------
    network : Network
    runtime : str
    pixels : Tensor, shape (batch, ...)
        Images that calibrate; int8 ranges come from them.
    store : ResultStore
        What was timed already is not timed again.
    """

    def __init__(
        self, network: Network, runtime: Runtime, pixels: Tensor, store: ResultStore
    ) -> None:
        self.network, self.runtime = network, runtime
        self.pixels, self.store = pixels, store
        self._original: Forward | None = None

    def __call__(
        self, chosen: Sequence[RemovableBlock], constants: Constants
    ) -> tuple[float, float]:
        """Time of the unaltered network, and what removing some blocks saves of it.

        Parameters
        ----------
        chosen : sequence of RemovableBlock
        constants : Constants

        Returns
        -------
        milliseconds, saved : float
            Medians, in ms; of differences between passes next to each other.
        """
        names = sorted(f"{each.block.path} {each.how}" for each in chosen)
        where = f"time.{self.runtime}.{digest(names)}"
        known = self.store.get(where)
        if known is None:
            known = np.array(self._measured(without(self.network, chosen, constants)))
            self.store.put(where, known)
        return float(known[0]), float(known[1])

    def _measured(self, pruned: Network) -> tuple[float, float]:
        models = [unwrap(each.model) for each in (self.network, pruned)]
        with evaluating(*models), served_numerics():
            if self._original is None:
                self._original = self._served(self.network)
            both = [self._original, self._served(pruned)]
            before, after = run_times(both, self._one(), _N_RUNS)
        differences = [one - other for one, other in zip(before, after, strict=True)]
        return median(before), median(differences)

    def _served(self, network: Network) -> Forward:
        return serve(network, self.runtime, self.pixels)

    def _one(self) -> Tensor:
        if self.runtime.startswith("onnx"):
            return self.pixels[:1]
        return to_device_of(self.network.model, self.pixels[:1])


def by_kl_per_millisecond(
    order: Sequence[RemovableBlock],
    constants: Constants,
    watch: StopWatch,
) -> list[RemovableBlock]:
    """Blocks by the divergence that each millisecond saved costs, cheapest first.

    Parameters
    ----------
    order : sequence of RemovableBlock
    constants : Constants
        Of each block alone.
    watch : StopWatch

    Returns
    -------
    list of RemovableBlock
        With their `milliseconds`. Blocks that save nothing that can be measured come
        last, by their divergence.
    """
    timed = []
    for each in order:
        _, saved = watch([each], constants)
        timed.append(replace(each, milliseconds=saved))

    def cost(each: RemovableBlock) -> tuple[bool, float]:
        saved = each.milliseconds or 0.0
        return saved <= 0, each.kl / saved if saved > 0 else each.kl

    return sorted(timed, key=cost)
