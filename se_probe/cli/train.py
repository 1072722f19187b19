"""``se-probe train``: train one of the small networks."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from se_probe.cli import options
from se_probe.cli.console import print_json, progress_bar, say_epoch
from se_probe.errors import SEProbeError, UsageError

if TYPE_CHECKING:
    from se_probe.checkpoints import Network
    from se_probe.images import LabelledImages
    from se_probe.training import History, Recipe

__all__ = ["train"]


def train(
    arch: options.NewArch = "se_lenet",
    data: options.SplitData = "digits",
    data_root: options.DataRoot = None,
    optimizer: Annotated[
        Literal["adam", "adamw", "sgd"] | None,
        typer.Option(help="With --lr. Default of this and what follows: the recipe."),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Of sgd.")] = None,
    weight_decay: Annotated[float | None, typer.Option()] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images per step.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    warmup_epochs: Annotated[
        int | None, typer.Option(min=0, help="Epochs of rising learning rate.")
    ] = None,
    schedule: Annotated[
        Literal["constant", "cosine"] | None,
        typer.Option(help="Of the learning rate, after that."),
    ] = None,
    label_smoothing: Annotated[float | None, typer.Option()] = None,
    crop_padding: Annotated[
        int | None, typer.Option(min=0, help="Pixels an image is moved by at most.")
    ] = None,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Mirror images at random.")
    ] = None,
    per_class: Annotated[
        int | None, typer.Option(min=1, help="Training images of each class.")
    ] = None,
    stop_at: Annotated[
        float | None,
        typer.Option(help="Stop at this held-out accuracy, between 0 and 1."),
    ] = None,
    precision: Annotated[
        Literal["fp32", "bf16"] | None, typer.Option(help="Of the network.")
    ] = None,
    seed: options.Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Default: checkpoints/ARCH_DATA.pt."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training that was stopped.")
    ] = False,
    force: options.Force = False,
    device: options.Device = "auto",
    workers: options.Workers = 0,
    threads: options.Threads = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network; the same command gives the same weights, bit for bit.

    What is not given comes from a recipe for the network and the data. After every
    epoch the network is saved, and beside it the best one so far; the learning curve
    goes to figures/<name of the file>/.
    """
    given = {
        "optimizer": optimizer,
        "lr": lr,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "batch_size": batch_size,
        "epochs": epochs,
        "warmup_epochs": warmup_epochs,
        "schedule": schedule,
        "label_smoothing": label_smoothing,
        "crop_padding": crop_padding,
        "flip": flip,
        "per_class": per_class,
        "stop_at": stop_at,
        "precision": precision,
        "seed": seed,
    }
    from se_probe.training import prepare_training, train_network

    recipe = _recipe(arch, data, given)
    path = out or Path("checkpoints", f"{arch}_{Path(data).name}.pt")
    network, train_images, test_images = prepare_training(
        arch, data, recipe, root=data_root, workers=workers, device=device
    )
    try:
        with progress_bar("training", quiet=quiet) as progress:
            network, history = train_network(
                network,
                train_images,
                test_images,
                recipe,
                out=path,
                resume=resume,
                overwrite=force,
                threads=threads,
                progress=progress,
                on_epoch=None if quiet else say_epoch,
            )
    except KeyboardInterrupt:
        raise SEProbeError(
            f"stopped; the same command with --resume goes on after the last whole "
            f"epoch of {path}"
        ) from None
    figures = _draw(history, Path("figures", path.stem))
    pictures = _kind_of_pictures(data, test_images)
    _tell(network, path, figures, pictures, json)


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
    from se_probe.views import learning_curve

    stem, view = folder / "learning_curve", learning_curve(history)
    return [
        save(figure_learning_curve(view), stem.with_suffix(".png")),
        save_table(view, stem.with_suffix(".csv")),
    ]


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
