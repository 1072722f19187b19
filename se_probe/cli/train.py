"""``se-probe train``: train one of the small networks."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from se_probe.cli.console import print_json, progress_bar, say_epoch
from se_probe.cli.options import (
    ANY_TRAINING,
    TO_THE_READER,
    Flag,
    NonNegative,
    OptionalNumber,
    OptionalPositive,
    OutputOptions,
    TrainingOptions,
    at_least,
)
from se_probe.errors import SEProbeError, UsageError

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages
    from se_probe.training import History, Recipe

__all__ = ["train"]


@Parameter(name="*", group=Group("Recipe", sort_key=0.5))
@dataclass(frozen=True)
class RecipeOptions:
    """How it is trained; what is not given comes from the recipe.

    Parameters
    ----------
    optimizer
        Optimizer; needs --lr. Default of all recipe options: the recipe.
    lr
        Peak learning rate.
    momentum
        SGD momentum.
    weight_decay
        Weight decay.
    batch_size
        Images per step.
    epochs
        Epochs of training.
    warmup_epochs
        Epochs of learning-rate warm-up.
    schedule
        Learning-rate schedule after warm-up.
    label_smoothing
        Label smoothing.
    crop_padding
        Random-crop padding in pixels.
    flip
        Random horizontal flip.
    per_class
        Training images of each class.
    stop_at
        Stop at this held-out accuracy, between 0 and 1.
    precision
        Floating-point precision.
    seed
        Random seed.
    """

    optimizer: Literal["adam", "adamw", "sgd"] | None = None
    lr: OptionalNumber = None
    momentum: OptionalNumber = None
    weight_decay: OptionalNumber = None
    batch_size: OptionalPositive = None
    epochs: OptionalPositive = None
    warmup_epochs: Annotated[int | None, at_least(0)] = None
    schedule: Literal["constant", "cosine"] | None = None
    label_smoothing: OptionalNumber = None
    crop_padding: Annotated[int | None, at_least(0)] = None
    flip: Annotated[bool | None, Parameter(negative="--no-flip")] = None
    per_class: OptionalPositive = None
    stop_at: OptionalNumber = None
    precision: Literal["fp32", "bf16"] | None = None
    seed: NonNegative = 0


_AS_THE_RECIPE = RecipeOptions()


def train(
    *,
    training: TrainingOptions = ANY_TRAINING,
    given: RecipeOptions = _AS_THE_RECIPE,
    out: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    resume: Flag = False,
    force: Flag = False,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Train a network; the same command gives the same weights, bit for bit.

    What is not given comes from a recipe for the network and the data. After every
    epoch the network is saved, and beside it the best one so far; the learning curve
    goes to figures/<name of the file>/.

    Parameters
    ----------
    out
        Output file. Default: checkpoints/ARCH_DATA.pt.
    resume
        Resume training that was stopped.
    force
        Overwrite existing output.
    """
    from se_probe.training import prepare_training, train_network

    arch, data = training.arch, training.data
    recipe = _recipe(arch, data, asdict(given))
    path = out or Path("checkpoints", f"{arch}_{Path(data).name}.pt")
    network, train_images, test_images = prepare_training(
        arch,
        data,
        recipe,
        root=training.data_root,
        workers=training.workers,
        device=training.device,
    )
    try:
        with progress_bar("training", quiet=output.quiet) as progress:
            network, history = train_network(
                network,
                train_images,
                test_images,
                recipe,
                out=path,
                resume=resume,
                overwrite=force,
                threads=training.threads,
                progress=progress,
                on_epoch=None if output.quiet else say_epoch,
            )
    except KeyboardInterrupt:
        raise SEProbeError(
            f"stopped; the same command with --resume continues after the last whole "
            f"epoch of {path}"
        ) from None
    figures = _draw(history, Path("figures", path.stem))
    pictures = _kind_of_pictures(data, test_images)
    _tell(network, path, figures, pictures, output.json)


def _recipe(arch: str, data: str, given: dict[str, Any]) -> "Recipe":
    """The recipe for a network and its data, with what was given instead."""
    from se_probe.training import recipe_for

    recipe = recipe_for(arch, data)
    if given["optimizer"] not in {None, recipe.optimizer} and given["lr"] is None:
        raise UsageError(
            f"--optimizer {given['optimizer']} needs --lr: the recipe's {recipe.lr:g} "
            f"is for {recipe.optimizer}"
        )
    return replace(recipe, **{k: v for k, v in given.items() if v is not None})


def _draw(history: "History", folder: Path) -> list[Path]:
    from se_probe.plots import figure_learning_curve, save, save_table
    from se_probe.views import gate_health, learning_curve

    view, gates = learning_curve(history), gate_health(history)
    figure = figure_learning_curve(view, gates)
    written = [
        save(figure, folder / "learning_curve.png"),
        save_table(view, folder / "learning_curve.csv"),
    ]
    if gates is not None:
        written.append(save_table(gates, folder / "gate_health.csv"))
    return written


def _tell(
    network: "Network", path: Path, figures: list[Path], pictures: str, json: bool
) -> None:
    """Print what came out: the accuracy, on what, and where the files are."""
    metrics = network.provenance.metrics
    if json:
        result = {"checkpoint": str(path), "figures": [str(p) for p in figures]}
        print_json(result | {"sha256": network.provenance.sha256} | dict(metrics))
        return
    low, high = (100 * end for end in metrics["interval"])
    print(
        f"held-out accuracy {100 * metrics['accuracy']:.2f} % (95 % interval "
        f"{low:.2f} to {high:.2f} %) on {metrics['n_images']:,} images"
        f"{pictures}, after epoch {metrics['epoch']}"
    )
    print(path, *figures, sep="\n")


def _kind_of_pictures(data: str, images: "LabelledImages") -> str:
    """What must be said beside the accuracy on a named data set that is not exact."""
    from se_probe.images import DATASET_NAMES

    is_jpeg = images.image_ids[0].lower().endswith((".jpg", ".jpeg"))
    return f" of {data} as lossy JPEG" if is_jpeg and data in DATASET_NAMES else ""
