"""Our own checkpoint: a dict of plain types that torch reads without trust."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from se_probe.blocks import kept_names, unwrap
from se_probe.checkpoints.architectures import canonical_name
from se_probe.checkpoints.containers import damaged
from se_probe.checkpoints.network import Network, tensors_sha256
from se_probe.checkpoints.write import write_safetensors, write_torch
from se_probe.errors import CheckpointError, UsageError
from se_probe.files import refuse_existing

__all__ = [
    "is_own",
    "read_own",
    "save_network",
]

FORMAT = "se_probe checkpoint"
VERSION = 2
# Version 1 had no sum.
_READ_VERSIONS = (1, VERSION)


def save_network(
    network: Network, path: str | Path, *, overwrite: bool = False
) -> None:
    """Write a network to a file that says all that is needed to use it again.

    The file holds a dict of plain types and tensors: `format`, `version`,
    `architecture`, `options`, `class_names`, `preprocessing`, `data`, `seed`,
    `metrics`, `removed_blocks`, `weights` (the plain state dict) and `sha256` over all
    of these, which loading checks. Of an image folder `data` keeps the path, of a data
    set that has a name only that. A name that ends in ``.safetensors`` gives such a
    file, with all but the weights as JSON in its header; any other name one of
    ``torch.save``. The same network gives the same bytes. It is written beside its
    place and then moved there, so that a full disk or Ctrl-C leaves no half file and
    leaves the old one as it was.

    Parameters
    ----------
    network : Network
        Where it has no `architecture`, the name of its class is kept, and what builds
        it is asked for on loading.
    path : path
    overwrite : bool, default False

    Raises
    ------
    CheckpointError
        If `path` exists and may not be overwritten, or cannot be written.
    UsageError
        If its provenance is not of plain JSON types.
    ArchitectureError
        If its architecture is not one that can be built.
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    facts = _facts(network)
    # Not `contiguous()`, which leaves channels-last strides where a side is 1.
    weights = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.model.state_dict().items()
    }
    facts["sha256"] = _sum_of(facts, weights)
    if path.suffix.lower() == ".safetensors":
        write_safetensors(weights, facts, path)
    else:
        write_torch(facts | {"weights": weights}, path)


def _sum_of(facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of all that a checkpoint holds, this sum aside."""
    # A safetensors file has an order of its own.
    digest = hashlib.sha256(tensors_sha256(dict(sorted(weights.items()))).encode())
    plain = {key: value for key, value in facts.items() if key != "sha256"}
    digest.update(json.dumps(plain, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _facts(network: Network) -> dict[str, Any]:
    arch = network.architecture
    provenance = network.provenance
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": canonical_name(arch) if arch else "",
        "model_class": "" if arch else type(unwrap(network.model)).__qualname__,
        "options": network.options,
        "class_names": network.class_names.spec,
        "preprocessing": network.preprocessing.as_dict(),
        "data": _without_root(provenance.data),
        "seed": provenance.seed,
        "metrics": provenance.metrics,
        "removed_blocks": provenance.removed_blocks,
        "block_names": kept_names(network.model),
        "seen_images": provenance.seen_images,
    }
    return _plain(facts)


def _without_root(data: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    # A data set that has a name is known by it: where its files lie is the reader's
    # affair, and no business of those the checkpoint is given to.
    if data is None or data.get("kind") == "folder":
        return data
    return {key: None if key == "path" else value for key, value in data.items()}


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(facts, default=_as_dict))
    except TypeError as error:
        raise UsageError(
            f"a checkpoint keeps plain numbers, texts, lists and dicts only: {error}"
        ) from error
    return plain


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"got a {type(value).__name__}")


def is_own(content: Any) -> bool:
    """Whether this is what :func:`save_network` writes."""
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def read_own(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What :func:`save_network` wrote, after a look at whether it hangs together.

    Parameters
    ----------
    content : mapping
    name : str
        What messages call the file.

    Returns
    -------
    mapping

    Raises
    ------
    CheckpointError
        If it is of a newer version, incomplete, or has values of other types.
    """
    version = content.get("version")
    if version not in _READ_VERSIONS:
        raise CheckpointError(
            f"{name} is a se_probe checkpoint of version {version}, this se_probe "
            f"reads versions up to {VERSION}: install the se_probe that wrote it"
        )
    _check_types(content, name)
    facts = {key: value for key, value in content.items() if key != "weights"}
    if version > 1 and content.get("sha256") != _sum_of(facts, content["weights"]):
        raise CheckpointError(
            damaged(name, "the checksum of its content does not match")
        )
    return content


_TYPES: dict[str, type | tuple[type, ...]] = {
    "architecture": str,
    "options": dict,
    "class_names": (str, list),
    "preprocessing": dict,
    "data": (dict, type(None)),
    "seed": (int, type(None)),
    "metrics": dict,
    "removed_blocks": list,
    "weights": dict,
}


def _check_types(content: Mapping[str, Any], name: str) -> None:
    absent = [key for key in _TYPES if key not in content]
    wrong = [k for k, kind in _TYPES.items() if not isinstance(content.get(k), kind)]
    if not wrong and not all(
        isinstance(w, Tensor) for w in content["weights"].values()
    ):
        wrong = ["weights"]
    if absent or wrong:
        raise CheckpointError(
            f"{name} is a se_probe checkpoint in which {', '.join(absent or wrong)} "
            f"{'is missing' if absent else 'has the wrong type'}: save it again"
        )
