"""Which network a checkpoint is of, if that is beyond doubt."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from se_probe.checkpoints.architectures import (
    base_name,
    canonical_name,
    is_factory,
    known_names,
)
from se_probe.checkpoints.checkpoint import Checkpoint
from se_probe.checkpoints.heads import (
    can_be_headless,
    count_channels,
    count_classes,
)
from se_probe.checkpoints.layouts import Evidence, family_of_names
from se_probe.checkpoints.weights import View, advice_on_twins
from se_probe.class_names import label_set
from se_probe.errors import CheckpointError

__all__ = ["Choice", "choose_network"]


@dataclass(frozen=True)
class Choice:
    """Network to build for a checkpoint, and the weights to put into it.

    Parameters
    ----------
    arch : str
        A canonical name; "" where the network itself is there.
    n_classes : int or None
        None where the weights do not tell.
    options : mapping
        Further arguments of the architecture.
    views : tuple of View
        Weights under the names of this network, with and without prefixes.
    advice : str
        What to do if they do not fit; "" where the names tell nothing.
    """

    arch: str = ""
    n_classes: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    views: tuple[View, ...] = ()
    advice: str = ""


def choose_network(checkpoint: Checkpoint, arch: str | None) -> Choice:
    """Network that was asked for, or that the checkpoint shows.

    Parameters
    ----------
    checkpoint : Checkpoint
    arch : str, optional
        What the user asked for.

    Returns
    -------
    Choice

    Raises
    ------
    CheckpointError
        If nothing says it, or the checkpoint says something else than the user.
    ArchitectureError
        If there is no such architecture.
    """
    name = _choose_architecture(checkpoint, arch)
    if checkpoint.is_own:
        n_own = len(label_set(checkpoint.class_names or ()))
        n_known = n_own or _none_or_headless(name)
        return Choice(name, n_known, checkpoint.options, checkpoint.views)
    evidence, views = checkpoint.evidence, checkpoint.views
    options: dict[str, Any] = {}
    advice = advice_on_twins(views[0].tensors)
    if evidence and evidence.architecture == base_name(name):
        options, views = dict(evidence.options), checkpoint.renamed
    elif evidence:
        advice = _advice(evidence)
    channels = _first(count_channels(name, view.tensors) for view in views)
    if channels not in {None, 3}:
        options["in_chans"] = channels
    n_classes = _first(count_classes(name, view.tensors) for view in views)
    if n_classes is None:
        n_classes = _none_or_headless(name)
    return Choice(name, n_classes, options, views, advice)


def _choose_architecture(checkpoint: Checkpoint, arch: str | None) -> str:
    said = checkpoint.architecture
    if checkpoint.is_own and is_factory(said) and said != arch:
        # A name in a file must not be enough to run code.
        raise CheckpointError(
            f"{checkpoint.name} was made with the function {said}; to allow it to "
            f"run, add --arch {said}"
        )
    if checkpoint.model_class and not arch:
        raise CheckpointError(
            f"{checkpoint.name} was saved from a {checkpoint.model_class}, and the "
            "code of this class is not in the file: give what builds it, --arch "
            "package.module:factory (in Python also the class or function itself)"
        )
    if arch and said:
        _refuse_other(checkpoint.name, arch, said)
    # What our own checkpoint says is known exactly.
    chosen = said if checkpoint.is_own and said else arch or said
    if not chosen and checkpoint.evidence:
        chosen = checkpoint.evidence.architecture
    if not chosen:
        raise CheckpointError(_ask(checkpoint))
    return canonical_name(chosen)


def _refuse_other(name: str, arch: str, said: str) -> None:
    # The name of a function of the reader's own says nothing about what it builds.
    if is_factory(arch) or is_factory(said) or base_name(arch) == base_name(said):
        return
    raise CheckpointError(
        f"{name} says that it is of {said}, not {arch}: leave --arch out"
    )


def _none_or_headless(name: str) -> int | None:
    """What to build without a classifier: 0 classes, where the library can do that."""
    return 0 if can_be_headless(name) else None


def _first(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _advice(evidence: Evidence) -> str:
    return (
        f"Its names are those of {evidence.architecture} {evidence.source}: leave "
        f"--arch out, or give --arch {evidence.architecture}"
    )


def _ask(checkpoint: Checkpoint) -> str:
    known = [family_of_names(view.tensors) for view in checkpoint.views]
    family = next((found for found in known if found), None)
    suggestion = _suggestion(checkpoint)
    several = advice_on_twins(checkpoint.views[0].tensors)
    if several:
        return f"{checkpoint.name} does not say which network it is of. {several}"
    if family is None:
        first = next(iter(checkpoint.views[0].tensors))
        return (
            f"{checkpoint.name} does not say which network it is of, and the names of "
            f"its weights (first: {first}) are of none known here. Give --arch NAME, "
            f"or --arch package.module:factory{suggestion}"
        )
    form = {
        "name": "--arch NAME",
        "torchvision": "--arch torchvision:NAME",
        "factory": "--arch package.module:factory, a function that builds it",
    }[family[1]]
    return (
        f"{checkpoint.name} does not say which network it is of: the names of its "
        f"weights are those of {family[0]}, and do not tell which one. Give {form}"
        f"{suggestion}"
    )


def _suggestion(checkpoint: Checkpoint) -> str:
    """An architecture that the file or its name mentions; suggested, never taken."""
    mentioned = [
        name
        for text in (checkpoint.mentioned, checkpoint.name)
        for name in known_names()
        if re.match(rf"{re.escape(name)}(?![A-Za-z0-9])", text)
    ]
    return f"; did you mean {max(mentioned, key=len)}?" if mentioned else ""
