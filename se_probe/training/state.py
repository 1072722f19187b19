"""What a training run leaves behind, epoch by epoch, and how it is continued."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NotRequired, TypedDict

import torch

from se_probe.cache import remember_root
from se_probe.checkpoints import Network, load_network, save_network, write_torch
from se_probe.errors import CheckpointError, UsageError
from se_probe.files import file_sha256
from se_probe.images import LabelledImages
from se_probe.settings import begun_otherwise, changes
from se_probe.stats import wilson_interval
from se_probe.training.recipes import Recipe

__all__ = [
    "EpochResult",
    "History",
    "RunFiles",
    "check_same_run",
    "describe_run",
    "is_done",
    "training_metrics",
]


class EpochResult(TypedDict):
    """What one epoch gave, in plain JSON types.

    `epoch` counts from 1. `train_loss` and `train_accuracy` are means over the epoch's
    own batches, cropped, smoothed and with the weights of the moment; `test_loss` and
    `test_accuracy` are of the held-out images after the epoch. Losses are mean
    cross-entropies in nats, accuracies between 0 and 1, `lr` that of the last step,
    `seconds` wall time. `gates` says how the gates of each SE block were over the
    epoch's training batches, by the block's name: the numbers of
    :meth:`~se_probe.monitor.GateMonitor.summary`, None where one is not known. Networks
    without SE blocks have none, and trainings of earlier versions.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    lr: float
    seconds: float
    gates: NotRequired[dict[str, dict[str, float | None]]]


History = list[EpochResult]


def describe_run(
    network: Network,
    train_images: LabelledImages,
    test_images: LabelledImages,
    recipe: Recipe,
) -> dict[str, Any]:
    """All that changes the numbers of a run, in plain JSON types.

    The number of CPU threads is that of now, so call it within
    :func:`~se_probe.running.pinned_numerics`.

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
        "threads": torch.get_num_threads(),
        "device": next(network.model.parameters()).device.type,
        "torch": torch.__version__,
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _images(images: LabelledImages) -> dict[str, Any]:
    """Without the path, which may be spelled in many ways."""
    return {key: value for key, value in images.source.items() if key != "path"}


def training_metrics(
    settings: Mapping[str, Any], history: History, n_test_images: int
) -> dict[str, Any]:
    """What a trained network's provenance says of its training, in plain JSON types.

    Parameters
    ----------
    settings : mapping
        From :func:`describe_run`.
    history : History
    n_test_images : int
        Those that could be read.

    Returns
    -------
    dict
        `accuracy` of the held-out images after the last epoch, its 95 % Wilson
        `interval`, `n_correct`, `n_images`, `epoch`, `history` and `settings`.
    """
    last = history[-1]
    n_correct = round(last["test_accuracy"] * n_test_images)
    return {
        "accuracy": last["test_accuracy"],
        "interval": list(wilson_interval(n_correct, n_test_images)),
        "n_correct": n_correct,
        "n_images": n_test_images,
        "epoch": last["epoch"],
        "history": [dict(result) for result in history],
        "settings": dict(settings),
    }


def is_done(history: History, settings: Mapping[str, Any]) -> bool:
    """Whether a run has all its epochs, or the accuracy that it may stop at.

    Parameters
    ----------
    history : History
    settings : mapping
        From :func:`describe_run`.

    Returns
    -------
    bool
    """
    if not history:
        return False
    last, goal = history[-1], settings["stop at"]
    has_reached_goal = goal is not None and last["test_accuracy"] >= goal
    return has_reached_goal or last["epoch"] >= int(settings["epochs"])


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
        return self.last.with_name(f"{self.last.stem}_best{self.last.suffix}")

    @property
    def state(self) -> Path:
        """Weights, optimizer and history to resume with; gone when training is done."""
        return self.last.with_name(f"{self.last.stem}_resume{self.last.suffix}")

    def begin(self, *, resume: bool, overwrite: bool) -> dict[str, Any] | None:
        """State of the run to resume.

        Parameters
        ----------
        resume, overwrite : bool

        Returns
        -------
        dict or None
            `metrics`, `weights` and, of an unfinished run, `optimizer`; None where
            there is nothing to resume.

        Raises
        ------
        CheckpointError
            If the files are there and neither was asked for, or cannot be read.
        UsageError
            If both were asked for.
        """
        if resume and overwrite:
            raise UsageError(
                "--resume resumes a training and --force starts over: give one of them"
            )
        if resume and self.state.exists():
            return _read_state(self.state)
        if resume and self.last.exists():
            return _read_finished(self.last)
        there = [p for p in (self.state, self.last, self.best) if p.exists()]
        if there and not overwrite:
            raise CheckpointError(
                f"{there[0]} exists already: resume that training with --resume, or "
                "start over with --force (in Python: resume=True, overwrite=True)"
            )
        return None

    def save(self, network: Network, optimizer: torch.optim.Optimizer) -> None:
        """Write all files after an epoch.

        Parameters
        ----------
        network : Network
            With :func:`training_metrics` in its provenance.
        optimizer : torch.optim.Optimizer
        """
        content = {
            "metrics": network.provenance.metrics,
            "weights": network.model.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        # The state comes first, and alone decides where a killed run resumes.
        write_torch(content, self.state)
        self._save_networks(network)

    def catch_up(self, network: Network) -> None:
        """Write the networks of a run that is resumed.

        It may have been killed right after it wrote its state.

        Parameters
        ----------
        network : Network
            As it is in the state.
        """
        if self.state.exists():
            self._save_networks(network)

    def finish(self, network: Network) -> Network:
        """Remove the state, which a finished run needs no more.

        Parameters
        ----------
        network : Network

        Returns
        -------
        Network
            Its provenance names the file, as if it were loaded from it.
        """
        self.state.unlink(missing_ok=True)
        data = network.provenance.data or {}
        if data.get("kind") != "folder" and data.get("path"):
            for path in filter(Path.exists, (self.last, self.best)):
                remember_root(file_sha256(path), str(data["path"]))
        provenance = replace(
            network.provenance,
            checkpoint=self.last.name,
            sha256=file_sha256(self.last),
        )
        return replace(network, provenance=provenance)

    def _save_networks(self, network: Network) -> None:
        save_network(network, self.last, overwrite=True)
        if _is_best(network.provenance.metrics["history"]):
            save_network(network, self.best, overwrite=True)


def _is_best(history: History) -> bool:
    """Whether the last epoch is the first with the highest held-out accuracy."""
    accuracies = [result["test_accuracy"] for result in history]
    return accuracies.index(max(accuracies)) == len(accuracies) - 1


def _read_state(path: Path) -> dict[str, Any]:
    with suppress(OSError, RuntimeError, EOFError, KeyError, UnpicklingError):
        content = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(content, dict) and {"metrics", "optimizer"} <= content.keys():
            return content
    raise CheckpointError(
        f"{path} cannot be read, so the training cannot be resumed; start over with "
        "--force"
    )


def _read_finished(path: Path) -> dict[str, Any]:
    network = load_network(path)
    metrics = dict(network.provenance.metrics)
    is_trained_here = {"settings", "history"} <= metrics.keys()
    if not is_trained_here or not is_done(metrics["history"], metrics["settings"]):
        raise CheckpointError(
            f"{path} is not a finished training, and what is needed to continue it "
            "is not beside it; choose another name, or start over with --force"
        )
    return {"metrics": metrics, "weights": network.model.state_dict()}


def check_same_run(
    begun: Mapping[str, Any], now: Mapping[str, Any], path: Path
) -> None:
    """Check that a run may be continued: no setting that changes its numbers differs.

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
    different = changes({name: name for name in now}, begun, now)
    if different:
        raise CheckpointError(begun_otherwise(f"the training in {path}", different))
