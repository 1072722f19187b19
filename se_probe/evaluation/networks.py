"""Accuracy, work and latency of one network, or of two on the same images."""

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from se_probe.blocks import unwrap
from se_probe.checkpoints import Network, name_classes
from se_probe.errors import UsageError
from se_probe.evaluation.answers import Answers, Difference, ask
from se_probe.evaluation.latency import median_milliseconds
from se_probe.evaluation.onnx_files import OnnxModel
from se_probe.evaluation.seen import held_out
from se_probe.images import LabelledImages, label_images
from se_probe.models import count_macs, count_parameters
from se_probe.progress import Progress
from se_probe.running import evaluating, map_inputs, pinned_numerics, to_device_of
from se_probe.stats import wilson_interval

__all__ = ["Accuracy", "Evaluation", "NetworkFigures", "evaluate"]


@dataclass(frozen=True)
class Accuracy:
    """A share of images with its 95 % Wilson interval; fractions between 0 and 1."""

    n_correct: int
    n_images: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class NetworkFigures:
    """What one network gets right, and what it costs.

    Attributes
    ----------
    architecture, checkpoint : str
    top1, top5 : Accuracy or None
        Over the images of a class that the network knows; None where there are none.
    n_nan : int
        Images to which it answered NaN; they count as wrong.
    parameters : int
        Learnable numbers.
    macs : int or None
        Multiply-adds of one image; None of an ONNX file.
    weight_bytes : int
        Weights and running statistics in memory.
    latency_ms : float or None
        Median time of a forward pass of one image, in ms.
    batch_latency_ms : float or None
        The same for a batch.
    """

    architecture: str
    checkpoint: str
    top1: Accuracy | None
    top5: Accuracy | None
    n_nan: int
    parameters: int
    macs: int | None
    weight_bytes: int
    latency_ms: float | None
    batch_latency_ms: float | None


@dataclass(frozen=True)
class Evaluation:
    """One network, or a changed one against the original, on the same images.

    Attributes
    ----------
    network : NetworkFigures
    against : NetworkFigures or None
        The original.
    difference : Difference or None
        Changed against original.
    n_images : int
        All, the skipped ones included.
    n_unknown_class : int
        Images that were read, but whose class the network does not know; they have no
        part in accuracies.
    skipped : tuple of str
        Why each image that could not be read was skipped, naming it.
    batch_size, threads : int
    device : str
    images : dict
        Where the images come from.
    notes : tuple of str
        What the user should hear: that a network has seen some of the images.
    """

    network: NetworkFigures
    against: NetworkFigures | None
    difference: Difference | None
    n_images: int
    n_unknown_class: int
    skipped: tuple[str, ...]
    batch_size: int
    threads: int
    device: str
    images: dict[str, Any]
    notes: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """All of it in plain JSON types."""
        return asdict(self) | {
            "skipped": list(self.skipped),
            "notes": list(self.notes),
        }


def evaluate(
    network: Network,
    images: LabelledImages,
    *,
    against: Network | None = None,
    n_timed: int = 10,
    progress: Progress | None = None,
) -> Evaluation:
    """Accuracy, agreement, size, work and latency of one network or of two.

    Two networks see every batch one after the other, and are timed alternately. Images
    that either was calibrated, chosen or trained on are left out, as far as its
    checkpoint says so (:func:`~se_probe.evaluation.held_out`).
    Numerics are pinned as for a gate record. The networks are left as they were.

    Parameters
    ----------
    network : Network
        The changed one, where there are two.
    images : LabelledImages
    against : Network, optional
        The original: with the same classes and preprocessing, on the same device.
    n_timed : int, default 10
        Timed forward passes at each batch size; 0 leaves latency out.
    progress : callable, optional
        Called with how many images have gone through a network, and how many will.

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError
        If the two networks cannot be compared.
    ImagesError
        If there are no images.
    AmbiguousClassError
        If a class of the images means several classes of the network.
    """
    networks = [network] if against is None else [against, network]
    networks = [name_classes(each, images) for each in networks]
    _check_alike(*networks)
    unseen = held_out(images, networks)
    images = unseen.images
    models = [unwrap(each.model) for each in networks]
    with pinned_numerics() as n_threads, evaluating(*models):
        answers = ask(networks[-1], images, models, progress)
        times = _latencies(models, images, n_timed)
    labels = label_images(images, network.class_names)
    doubt = labels.doubt(answers.predicted[0])
    if doubt:
        warnings.warn(doubt, stacklevel=2)
    figures = [
        _figures(each, images, answers, number, times[number])
        for number, each in enumerate(networks)
    ]
    return Evaluation(
        network=figures[-1],
        against=None if against is None else figures[0],
        difference=None if against is None else answers.difference(1),
        n_images=len(images),
        n_unknown_class=int((answers.is_read & ~answers.is_known).sum()),
        skipped=tuple(problem for problem in answers.problems if problem is not None),
        batch_size=images.batch_size,
        threads=n_threads,
        device=next(models[0].parameters()).device.type,
        images=images.source,
        notes=(unseen.note,) if unseen.note else (),
    )


def _check_alike(*networks: Network) -> None:
    first, last = networks[0], networks[-1]
    pairs = {
        "class names": (first.class_names.spec, last.class_names.spec),
        "preprocessing": (first.preprocessing, last.preprocessing),
        "devices": (
            next(first.model.parameters()).device,
            next(last.model.parameters()).device,
        ),
    }
    different = [what for what, (one, other) in pairs.items() if one != other]
    if different:
        raise UsageError(
            "two networks are compared on the same pixels, class by class; these "
            f"differ in {' and '.join(different)}. Evaluate them one by one"
        )


def _latencies(
    models: list[nn.Module], images: LabelledImages, n_timed: int
) -> list[dict[str, float | None]]:
    if not n_timed:
        return [{"latency_ms": None, "batch_latency_ms": None} for _ in models]
    batch = to_device_of(models[0], images.batch(0))
    first = map_inputs(lambda tensor: tensor[:1], batch)
    single = median_milliseconds(models, first, n_timed)
    whole = median_milliseconds(models, batch, n_timed)
    return [
        {"latency_ms": one, "batch_latency_ms": many}
        for one, many in zip(single, whole, strict=True)
    ]


def _figures(
    network: Network,
    images: LabelledImages,
    answers: Answers,
    number: int,
    times: dict[str, float | None],
) -> NetworkFigures:
    model = unwrap(network.model)
    is_nan = answers.is_read & (answers.predicted[number] < 0)
    parameters, macs, weight_bytes = _size(model, images)
    return NetworkFigures(
        architecture=network.architecture or type(model).__name__,
        checkpoint=network.provenance.checkpoint,
        top1=_accuracy(answers.right(number)),
        top5=_accuracy(answers.right(number, k=5)),
        n_nan=int(is_nan.sum()),
        parameters=parameters,
        macs=macs,
        weight_bytes=weight_bytes,
        **times,
    )


def _size(model: nn.Module, images: LabelledImages) -> tuple[int, int | None, int]:
    """Parameters, multiply-adds and bytes of the weights of a network."""
    if isinstance(model, OnnxModel):
        return model.n_parameters, None, model.n_bytes
    n_bytes = sum(tensor.nbytes for tensor in model.state_dict().values())
    form = images.pictures.form
    macs = count_macs(model, images.preprocessing.input_size if form is None else form)
    return count_parameters(model), macs, n_bytes


def _accuracy(right: npt.NDArray[np.bool_]) -> Accuracy | None:
    if not len(right):
        return None
    n_correct = int(right.sum())
    low, high = wilson_interval(n_correct, len(right))
    return Accuracy(n_correct, len(right), n_correct / len(right), low, high)
