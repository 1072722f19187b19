"""What a training run leaves behind, epoch by epoch, and how it goes on from there."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypedDict

import torch

from se_probe.checkpoints import Network, load_network, save_network, write_whole
from se_probe.errors import CheckpointError
from se_probe.images import LabelledImages
from se_probe.stats import wilson_interval
from se_probe.training.recipes import Recipe

__all__ = ["EpochResult", "History", "RunFiles", "describe_run", "describe_training"]


class EpochResult(TypedDict):
    """What one epoch gave, in plain JSON types.

    `epoch` counts from 1. `train_loss` and `train_accuracy` are means over the epoch's
    own batches, cropped, smoothed and with the weights of the moment; `test_loss` and
    `test_accuracy` are of the held-out images after the epoch. Losses are mean
    cross-entropies in nats, accuracies between 0 and 1, `lr` that of the last step,
    `seconds` wall time.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    lr: float
    seconds: float


History = list[EpochResult]


def describe_run(
    network: Network,
    train_images: LabelledImages,
    test_images: LabelledImages,
    recipe: Recipe,
    threads: int,
) -> dict[str, Any]:
    """All that changes the numbers of a run, in plain JSON types.

    Returns
    -------
    dict
    """
    facts = {
        "architecture": network.architecture,
        "options": network.options,
        "class names": network.class_names.spec,
        "preprocessing": train_images.preprocessing.as_dict(),
        **{name.replace("_", " "): value for name, value in asdict(recipe).items()},
        "training images": _images(train_images),
        "test images": _images(test_images),
        "threads": threads,
        "device": next(network.model.parameters()).device.type,
        "torch": torch.__version__,
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _images(images: LabelledImages) -> dict[str, Any]:
    """Without the path, which may be spelled in many ways."""
    return {key: value for key, value in images.source.items() if key != "path"}


def describe_training(
    network: Network,
    train_images: LabelledImages,
    n_test_images: int,
    settings: Mapping[str, Any],
    history: History,
) -> None:
    """Write into a network's provenance what it was trained on, and how well it does.

    Parameters
    ----------
    network : Network
        Changed in place: `provenance.data`, `.seed` and `.metrics`, which holds
        `accuracy` (of the held-out images after the last epoch), its 95 % Wilson
        `interval`, `n_correct`, `n_images`, `epoch`, `history` and `settings`.
    train_images : LabelledImages
    n_test_images : int
        Those that could be read.
    settings : mapping
        From :func:`describe_run`.
    history : History
    """
    accuracy = history[-1]["test_accuracy"]
    n_correct = round(accuracy * n_test_images)
    network.provenance = replace(
        network.provenance,
        checkpoint="",
        sha256="",
        data=train_images.source,
        seed=settings["seed"],
        metrics={
            "accuracy": accuracy,
            "interval": list(wilson_interval(n_correct, n_test_images)),
            "n_correct": n_correct,
            "n_images": n_test_images,
            "epoch": history[-1]["epoch"],
            "history": [dict(result) for result in history],
            "settings": dict(settings),
        },
    )


@dataclass(frozen=True)
class RunFiles:
    """The files of a training run.

    Parameters
    ----------
    last : Path
        Network after the last epoch; the name that the user gave.
    """

    last: Path

    @property
    def best(self) -> Path:
        """Network after the epoch with the highest held-out accuracy."""
        return self.last.with_name(f"{self.last.stem}.best{self.last.suffix}")

    @property
    def state(self) -> Path:
        """Weights, optimizer and history to go on with; gone when training is done."""
        return self.last.with_name(f"{self.last.stem}.resume{self.last.suffix}")

    def begin(self, *, resume: bool, overwrite: bool) -> dict[str, Any] | None:
        """State of the run to go on with.

        Parameters
        ----------
        resume, overwrite : bool

        Returns
        -------
        dict or None
            `settings`, `history`, `weights` and, of an unfinished run, `optimizer`;
            None where there is nothing to go on with.

        Raises
        ------
        CheckpointError
            If the files are there and neither was asked for, or cannot be read.
        """
        if resume and self.state.exists():
            return _read_state(self.state)
        if resume and self.last.exists():
            return _read_finished(self.last)
        there = [p for p in (self.state, self.last, self.best) if p.exists()]
        if there and not overwrite:
            raise CheckpointError(
                f"{there[0]} exists already: go on with that training by --resume, or "
                "begin anew with --force (in Python: resume=True, overwrite=True)"
            )
        return None

    def clear(self) -> None:
        """Remove the files of an older run, so that no epochs of two runs mix."""
        for path in (self.state, self.last, self.best):
            path.unlink(missing_ok=True)

    def save(
        self,
        network: Network,
        optimizer: torch.optim.Optimizer,
        settings: Mapping[str, Any],
        history: History,
    ) -> None:
        """Write all files after an epoch.

        Parameters
        ----------
        network : Network
        optimizer : torch.optim.Optimizer
        settings : mapping
        history : History
        """
        content = {
            "settings": dict(settings),
            "history": history,
            "weights": network.model.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        # The state comes first, and alone decides where a killed run goes on: whatever
        # was not written after it is written again then.
        write_whole(self.state, lambda part: torch.save(content, part))
        save_network(network, self.last, overwrite=True)
        if _is_best(history):
            save_network(network, self.best, overwrite=True)

    def finish(self) -> None:
        """Remove the state, which a finished run needs no more."""
        self.state.unlink(missing_ok=True)


def _is_best(history: History) -> bool:
    """Whether the last epoch is the first with the highest held-out accuracy."""
    accuracies = [result["test_accuracy"] for result in history]
    return accuracies.index(max(accuracies)) == len(accuracies) - 1


def _read_state(path: Path) -> dict[str, Any]:
    with suppress(OSError, RuntimeError, EOFError, KeyError, UnpicklingError):
        content = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(content, dict) and {"settings", "optimizer"} <= content.keys():
            return content
    raise CheckpointError(
        f"{path} cannot be read, so the training cannot go on; begin anew with --force"
    )


def _read_finished(path: Path) -> dict[str, Any]:
    network = load_network(path)
    metrics = network.provenance.metrics
    if not {"settings", "history"} <= metrics.keys():
        raise CheckpointError(
            f"{path} does not say how it was trained, so it cannot be resumed; choose "
            "another name, or begin anew with --force"
        )
    weights = network.model.state_dict()
    return {k: metrics[k] for k in ("settings", "history")} | {"weights": weights}


def check_same_run(
    begun: Mapping[str, Any], now: Mapping[str, Any], path: Path
) -> None:
    """Check that a run may go on: no setting that changes its numbers differs.

    Parameters
    ----------
    begun, now : mapping
        From :func:`describe_run`, then and now.
    path : Path
        What the message calls the run.

    Raises
    ------
    CheckpointError
        Naming everything that differs, as it was and as it is.
    """
    different = [
        f"{name} ({_short(begun.get(name))} then, {_short(now[name])} now)"
        for name in now
        if begun.get(name) != now[name]
    ]
    if different:
        raise CheckpointError(
            f"the training in {path} was begun with another {'; another '.join(different)}"
            ". Give the settings it was begun with, another name, or --force to begin "
            "anew"
        )


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and "n_images" in value:
        return f"{value['n_images']} of {value['name']}"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
