"""Which architecture a checkpoint is of, if that is beyond doubt."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm

from se_probe.checkpoints.architectures import (
    base_name,
    canonical_name,
    is_factory,
    known_names,
)
from se_probe.checkpoints.layouts import Evidence, family_of_names
from se_probe.checkpoints.weights import View
from se_probe.errors import CheckpointError

__all__ = ["choose_architecture", "refuse_other", "trainer_settings"]


def choose_architecture(
    path: Path,
    arch: str | None,
    content: Any,
    evidence: Evidence | None,
    candidates: Sequence[View],
) -> str:
    """Name of the architecture that was asked for, or that the checkpoint shows.

    Parameters
    ----------
    path : Path
        For messages.
    arch : str, optional
        What the user asked for.
    content : object
        What the file holds; timm's training script leaves the name in it.
    evidence : Evidence, optional
        What the names of the weights say.
    candidates : sequence of View

    Returns
    -------
    str
        A canonical name.

    Raises
    ------
    CheckpointError
        If nothing says it, or the checkpoint says something else than the user.
    """
    said = trainer_settings(content).get("model")
    if arch:
        refuse_other(path, arch, said)
        return canonical_name(arch)
    if said:
        return canonical_name(said)
    if evidence:
        return canonical_name(evidence.architecture)
    raise CheckpointError(_ask(path, content, candidates))


def refuse_other(path: Path, arch: str | None, said: str | None) -> None:
    """Refuse an architecture that is not the one that the checkpoint says.

    Raises
    ------
    CheckpointError
        Unless one of the two is a function of the reader's own: the name of such a
        function says nothing about what it builds.
    """
    if arch is None or not said or is_factory(arch) or is_factory(said):
        return
    if base_name(arch) != base_name(said):
        raise CheckpointError(
            f"{path.name} says that it is of {said}, not {arch}: leave --arch out"
        )


def trainer_settings(content: Any) -> dict[str, Any]:
    """Arguments of timm's training script, where a checkpoint holds them.

    Returns
    -------
    dict
        Empty where it does not.
    """
    args = content.get("args") if isinstance(content, Mapping) else None
    settings = dict(vars(args)) if isinstance(args, argparse.Namespace) else {}
    model = settings.get("model")
    return settings if isinstance(model, str) and timm.is_model(model) else {}


def _ask(path: Path, content: Any, candidates: Sequence[View]) -> str:
    known = [family_of_names(view.tensors) for view in candidates]
    family = next((found for found in known if found), None)
    suggestion = _suggestion(path, content)
    if family is None:
        first = next(iter(candidates[0].tensors))
        return (
            f"{path.name} does not say which network it is of, and the names of its "
            f"weights (first: {first}) are of none known here. Give --arch NAME, or "
            f"--arch package.module:factory{suggestion}"
        )
    form = {
        "name": "--arch NAME",
        "torchvision": "--arch torchvision:NAME",
        "factory": "--arch package.module:factory, a function that builds it",
    }[family[1]]
    return (
        f"{path.name} does not say which network it is of: the names of its weights "
        f"are those of {family[0]}, and do not tell which one. Give {form}{suggestion}"
    )


def _suggestion(path: Path, content: Any) -> str:
    """An architecture that the file or its name mentions; suggested, never taken."""
    said = content.get("arch") if isinstance(content, Mapping) else None
    mentioned = [
        name
        for text in (str(said or ""), path.name)
        for name in known_names()
        if re.match(rf"{re.escape(name)}(?![A-Za-z0-9])", text)
    ]
    return f"; did you mean {max(mentioned, key=len)}?" if mentioned else ""
