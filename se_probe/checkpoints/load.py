"""From a checkpoint, or a name, to a network that is ready to use."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from se_probe.blocks import keep_names, unwrap
from se_probe.checkpoints.architectures import (
    build_model,
    is_factory,
)
from se_probe.checkpoints.build import (
    ClassNames,
    assemble,
    make_ready,
    with_class_names,
)
from se_probe.checkpoints.checkpoint import (
    Checkpoint,
    open_checkpoint,
)
from se_probe.checkpoints.choice import Choice, choose_network
from se_probe.checkpoints.factories import name_of_factory
from se_probe.checkpoints.fit import (
    best_view,
    converted_numbers,
    load_weights,
    refuse_broken,
)
from se_probe.checkpoints.network import Network
from se_probe.checkpoints.published import PUBLISHED_PREFIX, published_network
from se_probe.checkpoints.removed import names_of_blocks, take_out_blocks
from se_probe.checkpoints.weights import View
from se_probe.errors import CheckpointError, UsageError
from se_probe.images import Preprocessing
from se_probe.running import pick_device

__all__ = ["load_network"]


def load_network(
    path: str | Path,
    arch: str | Callable[..., nn.Module] | None = None,
    *,
    weights: str | None = None,
    device: str | torch.device = "cpu",
    trust_pickle: bool = False,
    class_names: ClassNames | None = None,
    like: str | Path | None = None,
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
        and called); in Python also that function or class itself. By default what the
        checkpoint says, or what its weights' names leave no doubt about.
    weights : str, optional
        Which weights, where a file holds those of several networks (student and
        teacher, raw and averaged): the key they are under, or what their names begin
        with.
    device : str or torch.device, default "cpu"
        As in :func:`~se_probe.checkpoints.pick_device`.
    trust_pickle : bool, default False
        Load pickled objects from the file, which can run any code.
    class_names : LabelSet, sequence of str or "imagenet-1k", optional
        By default what the checkpoint says; else ImageNet's for 1000 outputs, and
        "0", "1", ... for any other number.
    like : path, optional
        One of our own checkpoints with the plan of the network: `path` then holds
        weights for it alone, such as those of a pruned network that was trained on
        elsewhere.

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
    if not str(path).startswith(PUBLISHED_PREFIX):
        checkpoint = open_checkpoint(
            Path(path), trust_pickle=trust_pickle, part=weights
        )
        if like is not None:
            checkpoint = _with_plan(checkpoint, Path(like))
        name = name_of_factory(arch) if callable(arch) else arch
        network = _network_of(checkpoint, name)
    elif arch or like or weights:
        given = "--arch" if arch else "--like" if like else "--weights"
        raise UsageError(f"{path} says its architecture: leave {given} out")
    else:
        network = published_network(str(path))
    return make_ready(with_class_names(network, class_names), target)


def _with_plan(checkpoint: Checkpoint, like: Path) -> Checkpoint:
    """Weights of one file as a network of the plan of another one."""
    plan = open_checkpoint(like)
    if not plan.is_own:
        raise CheckpointError(
            f"{like} is no checkpoint of se_probe, so it holds no plan of a network; "
            "--like takes what `se-probe prune --out` or `train --out` wrote"
        )
    provenance = replace(
        plan.provenance,
        checkpoint=checkpoint.name,
        sha256=checkpoint.provenance.sha256,
        weights=checkpoint.provenance.weights,
        metrics={},
    )
    return replace(
        plan,
        provenance=provenance,
        views=checkpoint.views,
        are_averaged=checkpoint.are_averaged,
        plan=plan.name,
    )


def _network_of(checkpoint: Checkpoint, arch: str | None) -> Network:
    if checkpoint.module is not None and arch is None:
        tensors = dict(checkpoint.views[0].tensors)
        network = assemble(unwrap(checkpoint.module).float(), Choice())
        notes = [
            "the pickled network itself was taken, with the code that is here",
            *converted_numbers(network.model, tensors, checkpoint.name),
        ]
    else:
        network, notes = _fit(checkpoint, choose_network(checkpoint, arch))
    refuse_broken(network.model, checkpoint.name)
    if checkpoint.are_averaged:
        notes.insert(0, "the averaged (EMA) weights were taken")
    return replace(network, provenance=checkpoint.provenance, notes=tuple(notes))


def _fit(checkpoint: Checkpoint, choice: Choice) -> tuple[Network, list[str]]:
    """Network built from what is known of it, with the weights of the best view."""
    model = build_model(choice.arch, choice.n_classes, choice.options)
    if checkpoint.provenance.removed_blocks:
        keep_names(
            model,
            checkpoint.block_names or names_of_blocks(model, _size_of(checkpoint)),
        )
    take_out_blocks(model, checkpoint.provenance.removed_blocks, checkpoint.name)
    view = best_view(model, choice.views)
    its = "its own " if checkpoint.is_own and not checkpoint.plan else ""
    of_plan = f" as it is in {checkpoint.plan}" if checkpoint.plan else ""
    what = f"{checkpoint.name} does not fit {its}{choice.arch}{of_plan}"
    load_weights(model, view.tensors, what, choice.advice)
    network = assemble(model, choice, checkpoint)
    return network, [
        *_notes(checkpoint, view),
        *converted_numbers(model, view.tensors, checkpoint.name),
        *_assumed(checkpoint, network),
    ]


def _size_of(checkpoint: Checkpoint) -> tuple[int, ...]:
    preprocessing = checkpoint.preprocessing or Preprocessing()
    return preprocessing.input_size


def _notes(checkpoint: Checkpoint, view: View) -> list[str]:
    notes = []
    if view.left_out:
        notes.append(
            f"what is outside {view.prefix!r} was left out: {len(view.left_out)} of "
            f"the file's weights, first {view.left_out[0]}"
        )
    evidence = checkpoint.evidence
    if evidence and evidence.foreign and "miraclewkf" in evidence.source:
        notes.append(
            "miraclewkf's networks number the classes in the order of the ILSVRC "
            "development kit: gates are not affected, predictions are"
        )
    return notes


def _assumed(checkpoint: Checkpoint, network: Network) -> list[str]:
    """What is assumed of the images, where nothing says how they are prepared."""
    if checkpoint.settings or checkpoint.preprocessing:
        return []
    name, arch = checkpoint.name, network.architecture
    note = (
        f"{name} does not say how images are prepared: the default for its "
        "architecture is taken"
    )
    if is_factory(arch) and not hasattr(network.model, "input_size"):
        size = " x ".join(map(str, network.preprocessing.input_size))
        note = (
            f"neither {name} nor {arch} says how images are prepared: {size} and "
            "ImageNet's mean and sd are assumed. Give --image-size (in Python: "
            "replace(network, preprocessing=...)), or give the network an `input_size`"
        )
    return [note]
