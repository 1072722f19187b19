"""A weights file, opened once: what it holds, and what it says of its network."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import timm
from torch import nn

from se_probe.checkpoints.containers import damaged, read_container
from se_probe.checkpoints.layouts import Evidence, evidence_in_names
from se_probe.checkpoints.network import Provenance
from se_probe.checkpoints.own import is_own, read_own
from se_probe.checkpoints.weights import View, find_weights, views
from se_probe.errors import CheckpointError, SEProbeError
from se_probe.files import file_sha256
from se_probe.images import Preprocessing

__all__ = ["Checkpoint", "open_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds, and what it says of the network it is of.

    Parameters
    ----------
    provenance : Provenance
        `checkpoint` is the name of the file. Our own say more than that and the sum.
    views : tuple of View
        Its weights, with each of the prefixes taken off that most of them share.
    architecture : str
        Of which it is without doubt, by what the file says; "" where it does not.
    options : mapping
        Further arguments of this architecture.
    class_names : str or list of str, optional
        As in :func:`~se_probe.class_names.label_set`.
    preprocessing : Preprocessing, optional
    settings : mapping
        Arguments of timm's training script; empty where the file holds none.
    evidence : Evidence, optional
        What the names of the weights say.
    mentioned : str
        An architecture that the file mentions without it being sure that it is meant.
    module : nn.Module, optional
        The pickled network itself, where a trusted file holds one.
    block_names : tuple of (str, str, int)
        Name, path and occurrence of each block that the network had before blocks were
        removed from it; empty where none was, or the file is of an earlier version.
    model_class : str
        Of the network, where our own file holds no name that builds it.
    plan : str
        Name of the checkpoint that says what the network is, where it is another one.
    is_own : bool
        Whether :func:`~se_probe.checkpoints.save_network` wrote it.
    are_averaged : bool
        Averaged (EMA) weights that were preferred to others in the file.
    """

    provenance: Provenance
    views: tuple[View, ...]
    architecture: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    class_names: str | Sequence[str] | None = None
    preprocessing: Preprocessing | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None
    mentioned: str = ""
    module: nn.Module | None = None
    block_names: tuple[tuple[str, str, int], ...] = ()
    model_class: str = ""
    plan: str = ""
    is_own: bool = False
    are_averaged: bool = False

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.provenance.checkpoint

    @property
    def renamed(self) -> tuple[View, ...]:
        """Views under the names of the network that the evidence is for."""
        foreign = self.evidence.foreign if self.evidence else None
        if foreign is None:
            return self.views
        view = next(v for v in self.views if evidence_in_names(v.tensors))
        return (replace(view, tensors=foreign.convert(view.tensors)),)


def open_checkpoint(
    path: Path, *, trust_pickle: bool = False, part: str | None = None
) -> Checkpoint:
    """Read a weights file, find the weights in it, and hear what it says.

    Parameters
    ----------
    path : Path
    trust_pickle : bool, default False
        Load pickled objects, which can run any code.
    part : str, optional
        Which weights, where the file holds those of several networks.

    Returns
    -------
    Checkpoint

    Raises
    ------
    CheckpointError
        If the file cannot be read, or only by running code from it, or holds no
        weights, or not the part of them that was asked for.
    SEProbeError
        If it is our own and its facts make no sense.
    """
    content = read_container(path, trust_pickle=trust_pickle)
    provenance = Provenance(path.name, file_sha256(path))
    if is_own(content):
        if part is not None:
            raise CheckpointError(
                f"{path.name} is a se_probe checkpoint, which holds one network: leave "
                f"--weights {part} out (in Python: weights=None)"
            )
        facts = read_own(content, path.name)
        try:
            return _opened_own(facts, provenance)
        except SEProbeError:
            raise
        except Exception as error:  # whatever facts of other types lead to
            raise CheckpointError(
                f"{path.name} is a se_probe checkpoint whose facts are not of the "
                f"types they should have ({error}): save it again"
            ) from error
    try:
        return _opened_foreign(content, provenance, part)
    except RecursionError as error:  # a dict that holds itself
        raise CheckpointError(damaged(path.name, "it holds itself")) from error


def _opened_own(content: Mapping[str, Any], provenance: Provenance) -> Checkpoint:
    return Checkpoint(
        replace(
            provenance,
            data=content["data"],
            seed=content["seed"],
            metrics=content["metrics"],
            removed_blocks=tuple(map(_renamed_treatment, content["removed_blocks"])),
            seen_images=content.get("seen_images", {}),
        ),
        (View("", content["weights"], ()),),
        architecture=content["architecture"],
        options=content["options"],
        class_names=content["class_names"],
        preprocessing=Preprocessing.from_dict(content["preprocessing"]),
        block_names=tuple((n, p, k) for n, p, k in content.get("block_names", ())),
        model_class=content.get("model_class", ""),
        is_own=True,
    )


def _renamed_treatment(block: Mapping[str, Any]) -> Mapping[str, Any]:
    # Earlier versions wrote "constant" for frozen gates.
    return {**block, "how": "frozen"} if block.get("how") == "constant" else block


def _opened_foreign(
    content: Any, provenance: Provenance, part: str | None
) -> Checkpoint:
    found = find_weights(content, provenance.checkpoint, part)
    candidates = views(found.tensors)
    evidence = (evidence_in_names(view.tensors) for view in candidates)
    settings = _trainer_settings(content)
    said = content.get("arch") if isinstance(content, Mapping) else None
    return Checkpoint(
        replace(provenance, weights=part),
        tuple(candidates),
        architecture=settings.get("model", ""),
        settings=settings,
        evidence=next(filter(None, evidence), None),
        mentioned=str(said or ""),
        module=found.module,
        are_averaged=found.are_averaged,
    )


def _trainer_settings(content: Any) -> dict[str, Any]:
    """Arguments of timm's training script, where a checkpoint holds them."""
    args = content.get("args") if isinstance(content, Mapping) else None
    settings = dict(vars(args)) if isinstance(args, argparse.Namespace) else {}
    model = settings.get("model")
    return settings if isinstance(model, str) and timm.is_model(model) else {}
