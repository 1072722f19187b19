"""From an architecture to a network with what must be known to use it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from se_probe.checkpoints.architectures import (
    build_model,
    canonical_name,
)
from se_probe.checkpoints.checkpoint import Checkpoint
from se_probe.checkpoints.choice import Choice
from se_probe.checkpoints.network import (
    Network,
    Provenance,
    count_outputs,
    weights_sha256,
)
from se_probe.checkpoints.preparation import preprocessing_of
from se_probe.checkpoints.published import published_network
from se_probe.class_names import (
    LabelSet,
    imagenet_labels,
    label_set,
    numbered_labels,
)
from se_probe.errors import UsageError
from se_probe.running import pick_device, seeded, use_channels_last

__all__ = ["ClassNames", "assemble", "build_network", "make_ready", "with_class_names"]

ClassNames = LabelSet | Sequence[str] | str


def build_network(
    arch: str,
    *,
    num_classes: int | None = None,
    class_names: ClassNames | None = None,
    seed: int = 0,
    pretrained: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Network:
    """Network of an architecture with random weights, in evaluation mode.

    Scales that an architecture sets to zero are set to one, so that gates differ
    between images: with a zero at the end of its residual branch, a block sees the
    same map, all zeros, for every image.

    Parameters
    ----------
    arch : str
        As in :func:`load_network`.
    num_classes : int, optional
        By default as many as there are `class_names`, or what the architecture is made
        for.
    class_names : LabelSet, sequence of str or "imagenet-1k", optional
    seed : int, default 0
        Of the random weights; global generators are left as they were.
    pretrained : bool, default False
        Published weights instead (timm's architectures only).
    options : mapping, optional
        Further arguments of the architecture.

    Returns
    -------
    Network

    Raises
    ------
    ArchitectureError
        If there is no such architecture, or it does not take the options.
    UsageError
        If the class names are not as many as the classes, or published weights are
        asked for with another number of classes or with options.
    CheckpointError
        If published weights cannot be fetched.
    """
    if pretrained:
        if num_classes is not None or options:
            raise UsageError(
                "published weights bring their own number of classes and options: "
                "leave num_classes and options out"
            )
        network = published_network(arch)
        return make_ready(with_class_names(network, class_names), "cpu")
    name = canonical_name(arch)
    if class_names is not None:
        labels = _label_set(class_names)
        class_names = _checked_names(labels, num_classes or len(labels))
        num_classes = len(class_names)
    with seeded(seed):
        model = build_model(name, num_classes, options)
    _open_zero_scales(model)
    choice = Choice(name, num_classes, options or {})
    network = with_class_names(assemble(model, choice), class_names)
    provenance = Provenance(sha256=weights_sha256(model), seed=seed)
    return make_ready(replace(network, provenance=provenance), "cpu")


def _open_zero_scales(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        # Batch norm's weight, and the gains of norm-free networks.
        if name.endswith(("weight", "gain")) and not parameter.any():
            nn.init.ones_(parameter)


def make_ready(network: Network, device: str | torch.device) -> Network:
    """The network in evaluation mode, on a device, channels innermost if it can.

    Returns
    -------
    Network

    Raises
    ------
    UsageError
        If the device is not there.
    """
    model = network.model.eval().to(pick_device(device))
    shape = network.preprocessing.input_size
    return replace(network, model=use_channels_last(model, shape))


def with_class_names(network: Network, class_names: ClassNames | None) -> Network:
    """The network with other class names; None leaves it as it is.

    Returns
    -------
    Network

    Raises
    ------
    UsageError
        If they are not as many as the outputs.
    """
    if class_names is None:
        return network
    labels = _label_set(class_names)
    if network.class_names:  # else nothing tells how many outputs there are
        labels = _checked_names(labels, len(network.class_names))
    return replace(network, class_names=labels)


def _label_set(class_names: ClassNames) -> LabelSet:
    return class_names if isinstance(class_names, LabelSet) else label_set(class_names)


def _checked_names(class_names: ClassNames, n_classes: int) -> LabelSet:
    labels = _label_set(class_names)
    if len(labels) != n_classes:
        raise UsageError(
            f"the network tells {n_classes} classes apart, got {len(labels)} names"
        )
    return labels


def assemble(
    model: nn.Module, choice: Choice, checkpoint: Checkpoint | None = None
) -> Network:
    """Network of a model: the default for its architecture where nothing is known.

    Parameters
    ----------
    model : nn.Module
    choice : Choice
        What it was built from.
    checkpoint : Checkpoint, optional
        That its weights come from.

    Returns
    -------
    Network
        Its classes are those that the checkpoint says; else ImageNet's for 1000
        outputs, and "0", "1", ... for any other number.
    """
    said = checkpoint or Checkpoint(Provenance(), ())
    names: ClassNames | None = said.class_names
    if names is None and (choice.n_classes or count_outputs(model)) == 1000:
        names = imagenet_labels().as_assumed()
    elif names is None and choice.n_classes is not None:
        names = numbered_labels(choice.n_classes)
    elif names is not None and list(names) == [str(i) for i in range(len(names))]:
        # Saved from a network whose classes have no names.
        names = numbered_labels(len(names))
    preprocessing = said.preprocessing or preprocessing_of(
        choice.arch, model, said.settings
    )
    return Network(model, preprocessing, names, choice.arch, options=choice.options)
