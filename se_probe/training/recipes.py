"""How a network is trained: the settings, and good ones for what is here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from se_probe.errors import UsageError

__all__ = ["OptimizerName", "Recipe", "finetuning_recipe", "recipe_for"]

OptimizerName = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "cosine"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run, all of which change its numbers.

    Parameters
    ----------
    optimizer : {"adam", "adamw", "sgd"}
        timm's: no weight decay on biases and norms; "sgd" is Nesterov's where there is
        momentum.
    lr : float
        Highest learning rate.
    momentum, weight_decay : float
        `momentum` is of "sgd" only.
    epochs, batch_size : int
    warmup_epochs : int
        Epochs, of `epochs`, in which the learning rate rises linearly.
    schedule : {"constant", "cosine"}
        What it does after that, step by step.
    label_smoothing : float
        Share of the target that is spread over all classes.
    crop_padding : int
        Pixels around the image, filled with the mean colour, out of which a random
        crop of the old size is taken; 0 leaves images as they are.
    flip : bool
        Mirror every second image, at random. Wrong for digits.
    frozen_batch_norm : bool
        Batch norms keep their running statistics, and use them in training too.
    precision : {"fp32", "bf16"}
        "bf16" trains under autocast.
    channels_last : bool
        Memory format during training.
    stop_at : float, optional
        Stop after the epoch in which the held-out accuracy reaches this.
    per_class : int, optional
        Training images of each class; all by default. For whoever opens the images:
        :func:`~se_probe.training.train_network` takes those it is given.
    seed : int
        Of the random weights, the order of the images, their crops and flips, and
        dropout.

    Raises
    ------
    UsageError
        If a setting is invalid.
    """

    optimizer: OptimizerName = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    epochs: int = 10
    batch_size: int = 100
    warmup_epochs: int = 0
    schedule: Schedule = "constant"
    label_smoothing: float = 0.0
    crop_padding: int = 0
    flip: bool = False
    frozen_batch_norm: bool = False
    precision: Precision = "fp32"
    channels_last: bool = True
    stop_at: float | None = None
    per_class: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        _check_choice("optimizer", self.optimizer, get_args(OptimizerName))
        _check_choice("schedule", self.schedule, get_args(Schedule))
        _check_choice("precision", self.precision, get_args(Precision))
        stop_at = 1.0 if self.stop_at is None else self.stop_at
        # Written so that NaN fails too.
        checks = {
            "lr": (self.lr, self.lr > 0, "above 0"),
            "momentum": (self.momentum, 0 <= self.momentum < 1, "from 0 to below 1"),
            "weight_decay": (self.weight_decay, self.weight_decay >= 0, "at least 0"),
            "epochs": (self.epochs, self.epochs >= 1, "at least 1"),
            "batch_size": (self.batch_size, self.batch_size >= 1, "at least 1"),
            "warmup_epochs": (
                self.warmup_epochs,
                0 <= self.warmup_epochs < self.epochs,
                f"from 0 to below the {self.epochs} epochs",
            ),
            "label_smoothing": (
                self.label_smoothing,
                0 <= self.label_smoothing < 1,
                "from 0 to below 1",
            ),
            "crop_padding": (self.crop_padding, self.crop_padding >= 0, "at least 0"),
            "stop_at": (stop_at, 0 < stop_at <= 1, "above 0 and at most 1"),
            "seed": (self.seed, self.seed >= 0, "at least 0"),
        }
        for name, (value, is_good, wanted) in checks.items():
            if not is_good:
                raise UsageError(f"{name} must be {wanted}, got {value}")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


# The homework: batches of 100, ten epochs, a constant learning rate.
_MNIST = Recipe("adam", lr=1e-3, momentum=0.0, epochs=10, batch_size=100)
# A fiftieth of MNIST's images: more epochs, smaller batches, and an end at which the
# accuracy no longer jumps from epoch to epoch.
_DIGITS = Recipe(
    "adam", lr=2e-3, momentum=0.0, epochs=25, batch_size=32, schedule="cosine"
)
# He, Zhang, Ren, Sun. CVPR 2016, section 4.2 (crop, flip, lr 0.1, momentum 0.9);
# warm-up, cosine and label smoothing after He et al. CVPR 2019, "Bag of tricks".
_CIFAR = Recipe(
    "sgd",
    lr=0.1,
    weight_decay=5e-4,
    epochs=100,
    batch_size=128,
    warmup_epochs=5,
    schedule="cosine",
    label_smoothing=0.1,
    crop_padding=4,
    flip=True,
)
# For SE-ResNet-50 at 48 pixels: about 40 s an epoch on two CPU cores.
_SCENES = Recipe(
    "adamw",
    lr=1e-3,
    weight_decay=0.05,
    epochs=5,
    batch_size=32,
    warmup_epochs=1,
    schedule="cosine",
    crop_padding=4,
    flip=True,
    stop_at=0.95,
    per_class=80,
)
_GREY = {"digits": _DIGITS, "mnist": _MNIST, "fashion-mnist": _MNIST}


def recipe_for(arch: str, data: str | Path) -> Recipe:
    """Settings that are known to work for a network and a data set.

    Parameters
    ----------
    arch : str
        Name of the architecture.
    data : str or Path
        Name of a data set, or an image folder.

    Returns
    -------
    Recipe
        Where nothing is known, that of CIFAR.

    Examples
    --------
    >>> recipe_for("se_lenet", "mnist").optimizer
    'adam'
    """
    if arch == "se_lenet" or data in _GREY:
        return _GREY.get(str(data), _MNIST)
    return _SCENES if data == "scenes" else _CIFAR


def finetuning_recipe(epochs: int, seed: int = 0) -> Recipe:
    """Settings that mend trained weights without leaving them far behind.

    Measured in docs/pruning.md: batch norms that re-estimate their statistics from a
    few hundred images lose more than training brings back.

    Parameters
    ----------
    epochs : int
    seed : int, default 0

    Returns
    -------
    Recipe
    """
    return Recipe(
        "adamw",
        lr=1e-5,
        epochs=epochs,
        batch_size=32,
        schedule="cosine",
        frozen_batch_norm=True,
        seed=seed,
    )
