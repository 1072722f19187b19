"""Train from each seed, and prove what a seed decides and what it does not."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from se_probe.checkpoints import is_factory
from se_probe.errors import UsageError
from se_probe.gates import block_names
from se_probe.images import Workers
from se_probe.plots import figure_pairs, save, save_caption
from se_probe.progress import Progress
from se_probe.reproduce.randomness import RandomSource, sources_of_randomness
from se_probe.reproduce.runs import Pair, Run, compare_runs, train_run
from se_probe.running import pick_device, pinned_numerics
from se_probe.training import EpochResult, Recipe
from se_probe.views import RecordPair, paired_rows, pairs_caption

__all__ = ["Reproduction", "reproduce"]


@dataclass(frozen=True, eq=False)
class Reproduction:
    """What became of the runs.

    Parameters
    ----------
    architecture, data : str
    recipe : Recipe
        With the first run's seed.
    runs : list of Run
    pairs : list of Pair
        Every two runs.
    sources : list of RandomSource
    paths : list of Path
        Figures of the pairs, and the JSON file.
    """

    architecture: str
    data: str
    recipe: Recipe
    runs: list[Run]
    pairs: list[Pair]
    sources: list[RandomSource]
    paths: list[Path]

    @property
    def is_reproduced(self) -> bool:
        """Whether runs of equal seeds agree bit for bit."""
        return not self.broken

    @property
    def broken(self) -> list[Pair]:
        """Pairs of equal seeds that differ."""
        return [
            pair
            for pair in self.pairs
            if pair.seeds[0] == pair.seeds[1] and not pair.is_bit_identical
        ]

    def facts(self) -> dict[str, Any]:
        """All of it in plain JSON types."""
        recipe = asdict(self.recipe)
        del recipe["seed"]
        return {
            "architecture": self.architecture,
            "data": self.data,
            "recipe": recipe,
            "seeds": [run.seed for run in self.runs],
            "is_reproduced": self.is_reproduced,
            "n_recorded_images": self.runs[0].gates.sizes["image"],
            "runs": [run.facts() for run in self.runs],
            "pairs": [
                asdict(p) | {"bit_identical": p.is_bit_identical} for p in self.pairs
            ],
            "sources_of_randomness": [asdict(source) for source in self.sources],
            "figures": [str(path) for path in self.paths if path.suffix == ".png"],
        }


def reproduce(
    arch: str,
    data: str | Path,
    seeds: Sequence[int],
    recipe: Recipe,
    out: str | Path,
    *,
    n_recorded: int = 10,
    root: str | Path | None = None,
    workers: Workers = 0,
    device: str = "cpu",
    threads: int | None = None,
    progress: Progress | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> Reproduction:
    """Train once from each seed and compare weights, gates and figures.

    Runs of equal seeds must agree bit for bit. Runs of different seeds number their
    channels differently, so they are compared by sorted mean gates and by which classes
    their gates treat alike.

    Parameters
    ----------
    arch, data, root, workers, device, n_recorded, progress, on_epoch
        As in :func:`~se_probe.reproduce.train_run`.
    threads : int, optional
        CPU threads. Default: as torch is set.
    seeds : sequence of int
        One run each; at least one of them twice.
    recipe : Recipe
        Its seed is not used.
    out : path
        Folder for a heatmap of each run, the heatmaps side by side with their
        difference, and `reproduce.json`.

    Returns
    -------
    Reproduction

    Raises
    ------
    UsageError
        If no seed is given twice.
    SEProbeError
        If a run cannot be pinned, saying what cannot.
    """
    _check_seeds(seeds)
    folder = Path(out)
    with pinned_numerics(threads):
        own_code = arch if is_factory(arch) else None
        sources = sources_of_randomness(
            recipe, pick_device(device), workers=workers, own_code=own_code
        )
        runs = [
            train_run(
                arch,
                data,
                replace(recipe, seed=seed),
                folder,
                number=number,
                n_recorded=n_recorded,
                root=root,
                workers=workers,
                device=device,
                progress=progress,
                on_epoch=on_epoch,
            )
            for number, seed in enumerate(seeds, start=1)
        ]
    made = Reproduction(
        arch,
        str(data),
        replace(recipe, seed=seeds[0]),
        runs,
        compare_runs(runs),
        sources,
        _draw_pairs(runs, folder),
    )
    path = folder / "reproduce.json"
    path.write_text(json.dumps(made.facts(), indent=2) + "\n", encoding="utf-8")
    made.paths.append(path)
    return made


def _check_seeds(seeds: Sequence[int]) -> None:
    most = Counter(seeds).most_common(1)
    if not most or most[0][1] < 2:
        given = ",".join(map(str, seeds)) or "none"
        raise UsageError(
            "what a seed decides shows only where it is used twice: expected seeds "
            f"such as 0,0,1, got {given}"
        )
    if min(seeds) < 0:
        raise UsageError(f"a seed must be at least 0, got {min(seeds)}")


def _draw_pairs(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Each run beside an earlier one, of the same seed where there is one."""
    pairs = []
    for position, run in enumerate(runs[1:], start=1):
        same = [other for other in runs[:position] if other.seed == run.seed]
        other = (same or runs)[0]
        labels = (other.label, run.label)
        pairs.append(RecordPair(other.gates, run.gates, labels, bool(same)))
    views = [paired_rows(pair) for pair in pairs]
    paths = []
    for block in block_names(views[0]):
        stem = folder / f"side_by_side_{block}"
        paths.append(save(figure_pairs(views, block), f"{stem}.png"))
        paths.append(save_caption(pairs_caption(views, block), f"{stem}.txt"))
    return paths
