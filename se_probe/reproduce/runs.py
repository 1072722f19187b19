"""Trainings of one network from several seeds, compared bit by bit."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from se_probe.checkpoints import weights_sha256
from se_probe.errors import SEProbeError
from se_probe.files import file_sha256
from se_probe.images import Workers
from se_probe.plots import figure_heatmaps, save
from se_probe.progress import Progress
from se_probe.record import record_gates
from se_probe.stats import class_moments, compare_without_order
from se_probe.training import EpochResult, Recipe, prepare_training, train_network
from se_probe.views import sorted_rows

__all__ = ["Pair", "Run", "compare_runs", "train_run"]

# The homework looks at batches of 100 test images.
RECORDED_BATCH = 100


@dataclass(frozen=True, eq=False)
class Run:
    """One training, and the gates it ended with.

    Parameters
    ----------
    number : int
        From 1.
    seed : int
    weights : tuple of str
        sha256 of the random weights, then of those after each epoch.
    accuracy : float
        Held-out accuracy after the last epoch, between 0 and 1.
    gates : xr.DataArray, dims (image, channel)
        Of held-out images, the same in every run.
    figure : Path
        Heatmap of the gates.
    """

    number: int
    seed: int
    weights: tuple[str, ...]
    accuracy: float
    gates: xr.DataArray
    figure: Path

    @property
    def label(self) -> str:
        """What the run is called: "run 1, seed 0"."""
        return f"run {self.number}, seed {self.seed}"

    def facts(self) -> dict[str, Any]:
        """Plain JSON types, without the gates."""
        return {
            "number": self.number,
            "seed": self.seed,
            "accuracy": self.accuracy,
            "random_weights_sha256": self.weights[0],
            "weights_sha256": self.weights[-1],
            "figure": str(self.figure),
            "figure_sha256": file_sha256(self.figure),
        }


@dataclass(frozen=True)
class Pair:
    """Two runs, bit for bit, and without regard to the order of channels.

    Parameters
    ----------
    first, second : int
        Numbers of the runs.
    seeds : tuple of int
    same_weights, same_gates, same_figure : bool
        Bit for bit; of the figure, the bytes of the file.
    first_difference : str
        Where two runs first differ: "random weights", "epoch 3", "gates", "figure";
        "" where they do not.
    largest_difference : float or None
        Of two gates at the same place; None for different seeds, whose channels do not
        correspond.
    blocks : list of dict
        Of each block `block`, `profile_difference`, `class_profile_difference` and
        `similarity`, as of :func:`~se_probe.stats.compare_without_order`; None where
        a number is not defined.
    """

    first: int
    second: int
    seeds: tuple[int, int]
    same_weights: bool
    same_gates: bool
    same_figure: bool
    first_difference: str
    largest_difference: float | None
    blocks: list[dict[str, Any]]

    @property
    def is_bit_identical(self) -> bool:
        """Whether weights, gates and figure are the same."""
        return self.same_weights and self.same_gates and self.same_figure


def train_run(
    arch: str,
    data: str | Path,
    recipe: Recipe,
    out: Path,
    *,
    number: int = 1,
    n_recorded: int = 10,
    root: str | Path | None = None,
    workers: Workers = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> Run:
    """Train once from a seed, record the gates of held-out images, and draw them.

    With as many CPU threads as torch is set to.

    Parameters
    ----------
    arch, data, recipe, root, workers, device
        As in :func:`~se_probe.training.prepare_training`.
    out : Path
        Folder of the heatmap.
    number : int, default 1
        What the run is called by.
    n_recorded : int, default 10
        Held-out images of each class, evenly chosen, whose gates are recorded.
    progress, on_epoch : callable, optional
        As in :func:`~se_probe.training.train_network`.

    Returns
    -------
    Run

    Raises
    ------
    SEProbeError
        If the network needs an operation that torch cannot repeat bit for bit, or the
        loss is no longer a number.
    """
    with _naming_what_cannot_be_pinned(arch):
        network, train, test = prepare_training(
            arch, data, recipe, root=root, workers=workers, device=device
        )
        weights = [weights_sha256(network.model)]

        def keep(result: EpochResult) -> None:
            weights.append(weights_sha256(network.model))
            if on_epoch is not None:
                on_epoch(result)

        network, history = train_network(
            network,
            train,
            test,
            recipe,
            progress=progress,
            on_epoch=keep,
        )
        recorded = replace(test.take({}, n_recorded), batch_size=RECORDED_BATCH)
        gates = record_gates(network, recorded)
    name = f"heatmap_run{number}_seed{recipe.seed}.png"
    figure = save(figure_heatmaps(sorted_rows(gates)), out / name)
    accuracy = history[-1]["test_accuracy"]
    return Run(number, recipe.seed, tuple(weights), accuracy, gates, figure)


@contextmanager
def _naming_what_cannot_be_pinned(arch: str) -> Iterator[None]:
    """One sentence of torch's refusal to run what it cannot repeat."""
    try:
        yield
    except RuntimeError as error:
        found = re.match(r"(\S+) does not have a deterministic impl", str(error))
        if found is not None:
            what = f"torch has no deterministic implementation of {found[1]} here"
        elif "CUBLAS_WORKSPACE_CONFIG" in str(error):
            what = (
                "cuBLAS was started without CUBLAS_WORKSPACE_CONFIG=:4096:8; set it "
                "before Python starts"
            )
        else:
            raise
        raise SEProbeError(f"a run of {arch} cannot be pinned: {what}") from error


def compare_runs(runs: Sequence[Run]) -> list[Pair]:
    """Every two runs beside each other.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    list of Pair
    """
    moments = {run.number: class_moments(run.gates) for run in runs}

    def pair(first: Run, second: Run) -> Pair:
        alike = compare_without_order(moments[first.number], moments[second.number])
        one, other = first.gates.values, second.gates.values
        same = {
            "weights": first.weights[-1] == second.weights[-1],
            "gates": one.shape == other.shape and one.tobytes() == other.tobytes(),
            "figure": first.figure.read_bytes() == second.figure.read_bytes(),
        }
        is_comparable = first.seed == second.seed
        return Pair(
            first.number,
            second.number,
            (first.seed, second.seed),
            same["weights"],
            same["gates"],
            same["figure"],
            _first_difference(first, second, same),
            float(np.abs(one - other).max()) if is_comparable else None,
            _by_block(alike),
        )

    return [pair(first, second) for first, second in combinations(runs, 2)]


def _first_difference(first: Run, second: Run, same: dict[str, bool]) -> str:
    for epoch, (one, other) in enumerate(
        zip(first.weights, second.weights, strict=False)
    ):
        if one != other:
            return f"epoch {epoch}" if epoch else "random weights"
    return next((name for name, is_same in same.items() if not is_same), "")


def _by_block(alike: xr.Dataset) -> list[dict[str, Any]]:
    rows = alike.to_dataframe().reset_index().to_dict("records")
    return [
        {str(k): None if v != v else v for k, v in row.items()}  # NaN is not JSON
        for row in rows
    ]
