"""From a checkpoint, or a name, to a network that is ready to use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from se_probe.blocks import unwrap
from se_probe.checkpoints.architectures import (
    base_name,
    build_model,
    canonical_name,
    count_channels,
    count_classes,
    preprocessing_of,
)
from se_probe.checkpoints.choice import (
    choose_architecture,
    refuse_other,
    trainer_settings,
)
from se_probe.checkpoints.containers import read_container
from se_probe.checkpoints.fit import best_view, load_weights
from se_probe.checkpoints.layouts import Evidence, evidence_in_names
from se_probe.checkpoints.network import (
    MEMORY_FORMAT,
    Network,
    Provenance,
    count_outputs,
    weights_sha256,
)
from se_probe.checkpoints.own import is_own, rebuild
from se_probe.checkpoints.published import PREFIX, published_network
from se_probe.checkpoints.weights import View, find_weights, views
from se_probe.class_names import LabelSet, label_set
from se_probe.errors import UsageError
from se_probe.files import file_sha256
from se_probe.running import pick_device, seeded

__all__ = ["build_network", "load_network"]

ClassNames = LabelSet | Sequence[str] | str


def load_network(
    path: str | Path,
    arch: str | None = None,
    *,
    device: str | torch.device = "cpu",
    trust_pickle: bool = False,
    class_names: ClassNames | None = None,
) -> Network:
    """Network of a checkpoint, in evaluation mode.

    Reads our own checkpoints, what ``torch.save`` wrote (a state dict, alone or among
    other things), safetensors, and the weights in TorchScript and torch.export files.
    Averaged (EMA) weights come before raw ones; the prefixes of wrappers are taken off.
    Nothing in the file is run.

    Parameters
    ----------
    path : path or str
        A file; or `timm:NAME`, `timm:hf-hub:OWNER/NAME` or `timm:local-dir:FOLDER` for
        published weights.
    arch : str, optional
        One of our architectures, a timm name, `torchvision:NAME`, or
        `package.module:factory` for a function that returns the network (it is imported
        and called). By default what the checkpoint says, or what its weights' names
        leave no doubt about.
    device : str or torch.device, default "cpu"
        As in :func:`~se_probe.checkpoints.pick_device`.
    trust_pickle : bool, default False
        Load pickled objects from the file, which can run any code.
    class_names : LabelSet, sequence of str or "imagenet-1k", optional
        By default what the checkpoint says; else ImageNet's for 1000 outputs, and
        "0", "1", ... for any other number.

    Returns
    -------
    Network
        `provenance` and `notes` say where it comes from and what was assumed.

    Raises
    ------
    CheckpointError
        If the file cannot be read, would have to run code, does not say what network
        it is of, or does not fit the one that was asked for.
    ArchitectureError
        If there is no such architecture.
    UsageError
        If the device is not there, or the class names are not as many as the outputs.
    """
    target = pick_device(device)
    if str(path).startswith(PREFIX):
        if arch:
            raise UsageError(f"{path} says its architecture: leave --arch out")
        network = published_network(str(path))
    else:
        network = _network_of_file(Path(path), arch, trust_pickle)
    if class_names is not None:
        names = _checked_names(class_names, len(network.class_names))
        network = replace(network, class_names=names)
    return _ready(network, target)


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
        return load_network(f"{PREFIX}{arch}", class_names=class_names)
    name = canonical_name(arch)
    if class_names is not None:
        labels = _label_set(class_names)
        class_names = _checked_names(labels, num_classes or len(labels))
        num_classes = len(class_names)
    with seeded(seed):
        model = build_model(name, num_classes, options)
    _open_zero_scales(model)
    network = _assemble(model, name, dict(options or {}), num_classes, class_names)
    provenance = Provenance(sha256=weights_sha256(model), seed=seed)
    return _ready(replace(network, provenance=provenance), pick_device("cpu"))


def _open_zero_scales(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        # Batch norm's weight, and the gains of norm-free networks.
        if name.endswith(("weight", "gain")) and not parameter.any():
            nn.init.ones_(parameter)


def _ready(network: Network, device: torch.device) -> Network:
    model = network.model.eval().to(device).to(memory_format=MEMORY_FORMAT)
    return replace(network, model=model)


def _label_set(class_names: ClassNames) -> LabelSet:
    return class_names if isinstance(class_names, LabelSet) else label_set(class_names)


def _checked_names(class_names: ClassNames, n_classes: int) -> LabelSet:
    labels = _label_set(class_names)
    if len(labels) != n_classes:
        raise UsageError(
            f"the network tells {n_classes} classes apart, got {len(labels)} names"
        )
    return labels


def _assemble(
    model: nn.Module,
    arch: str,
    options: dict[str, Any],
    n_classes: int | None,
    class_names: ClassNames | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Network:
    if class_names is None and (n_classes or count_outputs(model)) == 1000:
        class_names = "imagenet-1k"
    elif class_names is None and n_classes is not None:
        class_names = [str(index) for index in range(n_classes)]
    preprocessing = preprocessing_of(arch, model, settings)
    return Network(model, preprocessing, class_names, arch, options=options)


# --- files ---------------------------------------------------------------------------


def _network_of_file(path: Path, arch: str | None, trust_pickle: bool) -> Network:
    content = read_container(path, trust_pickle=trust_pickle)
    provenance = Provenance(path.name, file_sha256(path))
    if is_own(content):
        refuse_other(path, arch, content.get("architecture"))
        return rebuild(content, provenance, allow=arch)
    found = find_weights(content, path.name)
    notes = ["the averaged (EMA) weights were taken"] if found.are_averaged else []
    if found.module is not None and arch is None:
        network = _assemble(unwrap(found.module).float(), "", {}, None)
        notes.append("the pickled network itself was taken, with the code that is here")
    else:
        network = _fit(path, arch, content, views(found.tensors), notes)
    return replace(network, provenance=provenance, notes=tuple(notes))


def _fit(
    path: Path,
    arch: str | None,
    content: Any,
    candidates: list[View],
    notes: list[str],
) -> Network:
    """Network built from what is known of it, with the weights of the best view."""
    evidence, source = _evidence(candidates)
    name = choose_architecture(path, arch, content, evidence, candidates)
    is_evident = evidence is not None and evidence.architecture == base_name(name)
    options: dict[str, Any] = {}
    if evidence and is_evident:
        options |= evidence.options
        candidates = [_renamed(source, evidence)] if evidence.foreign else candidates
    n_classes = _first(count_classes(name, v.tensors) for v in candidates)
    channels = _first(count_channels(name, v.tensors) for v in candidates)
    if channels not in {None, 3}:
        options["in_chans"] = channels
    model = build_model(name, n_classes, options)
    view = best_view(model, candidates)
    advice = "" if evidence is None or is_evident else _advice(evidence)
    load_weights(model, view.tensors, f"{path.name} does not fit {name}", advice)
    notes += _notes(path, view, evidence, content)
    settings = trainer_settings(content)
    return _assemble(model, name, options, n_classes, settings=settings)


def _evidence(candidates: list[View]) -> tuple[Evidence | None, View]:
    for view in candidates:
        evidence = evidence_in_names(view.tensors)
        if evidence:
            return evidence, view
    return None, candidates[0]


def _renamed(view: View, evidence: Evidence) -> View:
    if evidence.foreign is None:
        return view
    return replace(view, tensors=evidence.foreign.convert(view.tensors))


def _first(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _advice(evidence: Evidence) -> str:
    return (
        f"Its names are those of {evidence.architecture} {evidence.source}: leave "
        f"--arch out, or give --arch {evidence.architecture}"
    )


def _notes(
    path: Path, view: View, evidence: Evidence | None, content: Any
) -> list[str]:
    notes = []
    if view.left_out:
        notes.append(
            f"what is outside {view.prefix!r} was left out: {len(view.left_out)} of "
            f"the file's weights, first {view.left_out[0]}"
        )
    if evidence and evidence.foreign and "miraclewkf" in evidence.source:
        notes.append(
            "miraclewkf's networks number the classes in the order of the ILSVRC "
            "development kit: gates are not affected, predictions are"
        )
    if not trainer_settings(content):
        notes.append(
            f"{path.name} does not say how images are prepared: what is usual for its "
            "architecture is taken"
        )
    return notes
