"""A network with what must be known about it to use it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from se_probe.class_names import LabelSet, label_set, numbered_labels
from se_probe.images import LabelledImages, Preprocessing, label_images
from se_probe.models import list_architectures

__all__ = [
    "Network",
    "Provenance",
    "count_outputs",
    "name_classes",
    "tensors_sha256",
    "weights_sha256",
]


@dataclass(frozen=True)
class Provenance:
    """Where a network's weights come from, as far as its checkpoint says.

    Parameters
    ----------
    checkpoint : str
        Name of the file, or a name such as `timm:seresnet50`; "" for random weights
        and for networks made in Python.
    sha256 : str
        Of the file; of the weights where there is no file.
    data : mapping, optional
        What the network was trained on, as in `LabelledImages.source`.
    seed : int, optional
        Seed of its training, or of its random weights.
    metrics : mapping
        Accuracy and similar numbers, as training left them.
    removed_blocks : tuple of mappings
        `name`, `path` and `how` of each SE block that was removed.
    seen_images : mapping of str to mapping of str to str
        Images on which the network was pruned or tuned, by what they were used for
        ("calibrating", "choosing", "judging", "training"): id and sum of each, as in
        :func:`~se_probe.images.image_sums`.
    weights : str, optional
        Which weights of the file were asked for, where it holds those of several
        networks, as in :func:`~se_probe.checkpoints.load_network`.
    """

    checkpoint: str = ""
    sha256: str = ""
    data: Mapping[str, Any] | None = None
    seed: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    removed_blocks: tuple[Mapping[str, Any], ...] = ()
    seen_images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    weights: str | None = None


@dataclass(frozen=True, init=False, eq=False)
class Network:
    """A network, how its images are prepared, and what its outputs are called.

    What is known of it does not change; ``dataclasses.replace(network, ...)`` gives
    another one that shares the model.

    Parameters
    ----------
    model : nn.Module
    preprocessing : Preprocessing
    class_names : LabelSet, sequence of str or "imagenet-1k", optional
        One per output, in their order; by default "0", "1", ..., or none where the
        number of classes cannot be told: gates do not need them.
    architecture : str, optional
        What :func:`~se_probe.checkpoints.build_network` builds it from; needed to save
        it. Our own networks know theirs.
    options : mapping, optional
        Further arguments of the architecture.
    provenance : Provenance, optional
    notes : sequence of str
        What the user should hear about how it was loaded.

    Raises
    ------
    ClassNameError
        If a class name is given twice.

    Examples
    --------
    >>> from se_probe.models import create_model
    >>> network = Network(
    ...     create_model("se_lenet"),
    ...     Preprocessing((1, 28, 28), mean=(0.5,), std=(0.5,)),
    ... )
    >>> network.architecture, network.class_names[9].name
    ('se_lenet', '9')
    """

    model: nn.Module = field(repr=False)
    preprocessing: Preprocessing
    class_names: LabelSet
    architecture: str
    options: dict[str, Any]
    provenance: Provenance
    notes: tuple[str, ...]

    def __init__(
        self,
        model: nn.Module,
        preprocessing: Preprocessing,
        class_names: LabelSet | Sequence[str] | str | None = None,
        architecture: str = "",
        *,
        options: Mapping[str, Any] | None = None,
        provenance: Provenance | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        known = getattr(model, "architecture", "")
        if known in list_architectures() and architecture in {"", known}:
            architecture, options = known, cast(Any, model).options
        facts = {
            "model": model,
            "preprocessing": preprocessing,
            "class_names": _labels(class_names, model),
            "architecture": architecture,
            "options": dict(options or {}),
            "provenance": provenance or Provenance(),
            "notes": tuple(notes),
        }
        for name, fact in facts.items():
            object.__setattr__(self, name, fact)

    def facts(self) -> dict[str, Any]:
        """What a gate record keeps of a network, in plain JSON types.

        Returns
        -------
        dict
            `architecture`, `options`, `preprocessing`, `label_set`, and all of
            :class:`Provenance` but the images it was pruned or tuned on.
        """
        provenance = asdict(self.provenance)
        del provenance["seen_images"]
        return {
            "architecture": self.architecture or type(self.model).__name__,
            "options": self.options,
            "preprocessing": self.preprocessing.as_dict(),
            "label_set": self.class_names.spec,
            **provenance,
        }


def _labels(
    class_names: LabelSet | Sequence[str] | str | None, model: nn.Module
) -> LabelSet:
    if isinstance(class_names, LabelSet):
        return class_names
    if class_names is not None:
        return label_set(class_names)
    return numbered_labels(count_outputs(model) or 0)


def count_outputs(model: nn.Module) -> int | None:
    """Classes that a network tells apart, from what it declares or its last layer.

    Returns
    -------
    int or None
        0 where the network says that it has no classifier; None where nothing tells:
        where there is no linear layer, or the last one gives gates.
    """
    declared = getattr(model, "num_classes", None)
    if isinstance(declared, int):
        return declared
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    if not linear or _is_excitation(linear[-2:]):
        return None
    return linear[-1].out_features


def _is_excitation(layers: Sequence[nn.Linear]) -> bool:
    """Whether two layers lead from the channels to fewer and back, as in SE blocks."""
    if len(layers) < 2:
        return False
    first, second = layers
    sides = (first.in_features, first.out_features)
    return sides == (second.out_features, second.in_features) and sides[1] < sides[0]


def name_classes(network: Network, images: LabelledImages) -> Network:
    """The network with the names of the images' classes, where it had none.

    Returns
    -------
    Network
        With the label set of :func:`~se_probe.images.label_images`.

    Raises
    ------
    AmbiguousClassError
        If a class of the images means several classes of the network.
    ImagesError
        If the label order that was asked for does not fit the classes.
    """
    labels = label_images(images, network.class_names)
    return replace(network, class_names=labels.class_names)


def weights_sha256(model: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and values of a network's weights.

    Returns
    -------
    str
        Hexadecimal; the same on every device and in every memory format.
    """
    return tensors_sha256(model.state_dict())


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, types, shapes and values of tensors, in their order.

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)};".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
