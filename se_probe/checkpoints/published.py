"""Networks with their published weights, by name, through timm."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import huggingface_hub
import timm
from torch import nn

from se_probe.checkpoints.architectures import canonical_name
from se_probe.checkpoints.network import Network, Provenance, weights_sha256
from se_probe.checkpoints.preparation import preprocessing_of
from se_probe.errors import ArchitectureError, CheckpointError

__all__ = ["PUBLISHED_PREFIX", "published_network"]

PUBLISHED_PREFIX = "timm:"
_FOLDER, _HUB = "local-dir:", ("hf-hub:", "hf_hub:")
_OFFLINE_ADVICE = (
    "Without a network, put the model's config.json and model.safetensors into a "
    "folder and give timm:local-dir:FOLDER"
)


def published_network(name: str) -> Network:
    """Network with published weights.

    Parameters
    ----------
    name : str
        `timm:NAME`, `timm:hf-hub:OWNER/NAME`, or `timm:local-dir:FOLDER` for a folder
        with config.json and model.safetensors or pytorch_model.bin. The prefix may be
        missing.

    Returns
    -------
    Network
        With timm's preprocessing for these weights.

    Raises
    ------
    ArchitectureError
        If timm has no such network, or no weights for it.
    CheckpointError
        If the weights cannot be fetched, or the folder cannot be used.
    """
    source = name.removeprefix(PUBLISHED_PREFIX)
    name = f"{PUBLISHED_PREFIX}{source}"
    if source.startswith(_FOLDER):
        folder = source.removeprefix(_FOLDER)
        model = _create(source, _about_folder(folder))
        name = f"{PUBLISHED_PREFIX}{_FOLDER}{Path(folder).name}"
    else:
        _check_fetchable(source, name)
        model = _create(source, f"the published weights of {name} could not be fetched")
    return _network(model, name)


def _network(model: Any, name: str) -> Network:
    config = model.pretrained_cfg
    tag = config.get("tag") or ""
    arch = config["architecture"]
    full = f"{arch}.{tag}"
    # Tags of weights from elsewhere are not among timm's.
    known = full if tag and full in timm.list_pretrained(f"{arch}.*") else arch
    labels = config.get("label_names")
    if not labels or len(set(labels)) != model.num_classes:
        labels = "imagenet-1k" if model.num_classes == 1000 else None
    return Network(
        model,
        preprocessing_of(arch, model),
        labels,
        known,
        options={
            key: value
            for key, value in getattr(model, "_model_args", {}).items()
            if key != "num_classes"
        },
        provenance=Provenance(name, weights_sha256(model)),
    )


def _create(source: str, what_failed: str) -> nn.Module:
    try:
        with _quiet_hub():
            model: nn.Module = timm.create_model(source, pretrained=True)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        advice = "" if source.startswith(_FOLDER) else f". {_OFFLINE_ADVICE}"
        raise CheckpointError(f"{what_failed} ({reason}){advice}") from error
    return model


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Keep the hub client's retries from being printed; the error says it once."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _about_folder(folder: str) -> str:
    return (
        f"{folder} is not a folder that timm can load, with config.json and "
        "model.safetensors or pytorch_model.bin"
    )


def _check_fetchable(source: str, name: str) -> None:
    """Refuse what cannot work at once: unknown names, and the hub without a network."""
    if source.startswith(_HUB):
        hub_id = source.partition(":")[2]
    else:
        arch = canonical_name(source)
        if not timm.is_model(arch):
            raise ArchitectureError(f"{arch} is not one of timm's networks")
        config = timm.get_pretrained_cfg(arch)
        if config is None or not config.has_weights:
            raise ArchitectureError(f"timm has no published weights for {arch}")
        hub_id = config.hf_hub_id or ""
    if hub_id and not _is_cached(hub_id) and not _is_hub_reachable():
        raise CheckpointError(
            f"the published weights of {name} could not be fetched (no network). "
            f"{_OFFLINE_ADVICE}"
        )


def _is_cached(hub_id: str) -> bool:
    repo_id = hub_id.partition("@")[0]
    return isinstance(
        huggingface_hub.try_to_load_from_cache(repo_id, "config.json"), str
    )


def _is_hub_reachable() -> bool:
    # The client itself tries for the better part of a minute before it gives up.
    if getproxies():
        return True
    try:
        socket.getaddrinfo(urlsplit(huggingface_hub.constants.ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True
