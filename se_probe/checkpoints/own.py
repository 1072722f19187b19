"""Our own checkpoint: a dict of plain types that torch reads without trust."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.checkpoints.architectures import build_model, canonical_name, is_factory
from se_probe.checkpoints.fit import load_weights
from se_probe.checkpoints.network import Network, Provenance
from se_probe.class_names import label_set
from se_probe.errors import CheckpointError, UsageError
from se_probe.files import refuse_existing, write_whole
from se_probe.images import Preprocessing

__all__ = [
    "ChannelScale",
    "is_own",
    "rebuild",
    "save_network",
    "take_out_blocks",
]

FORMAT = "se_probe checkpoint"
VERSION = 1


def save_network(
    network: Network, path: str | Path, *, overwrite: bool = False
) -> None:
    """Write a network to a file that says all that is needed to use it again.

    The file holds a dict of plain types and tensors: `format`, `version`,
    `architecture`, `options`, `class_names`, `preprocessing`, `data`, `seed`,
    `metrics`, `removed_blocks` and `weights` (the plain state dict). Of an image folder
    `data` keeps the path, of a data set that has a name only that. The same network
    gives the same bytes. It is written beside its place and then moved there, so that
    a full disk or Ctrl-C leaves no half file and spares the old one.

    Parameters
    ----------
    network : Network
        With an architecture.
    path : path
    overwrite : bool, default False

    Raises
    ------
    CheckpointError
        If `path` exists and may not be overwritten, or cannot be written.
    UsageError
        If the network does not say its architecture, or its provenance is not of plain
        JSON types.
    ArchitectureError
        If its architecture is not one that can be built.
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    content = _content(network)
    write_whole(path, lambda part: _torch_save(content, part))


def _content(network: Network) -> dict[str, Any]:
    if not network.architecture:
        raise UsageError(
            f"a {type(network.model).__name__} can only be saved with what builds it: "
            'Network(..., architecture="package.module:factory"), or the name of one '
            "of timm's, torchvision's or our own"
        )
    provenance = network.provenance
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": canonical_name(network.architecture),
        "options": network.options,
        "class_names": network.class_names.spec,
        "preprocessing": network.preprocessing.as_dict(),
        "data": _without_root(provenance.data),
        "seed": provenance.seed,
        "metrics": provenance.metrics,
        "removed_blocks": provenance.removed_blocks,
    }
    # Not `contiguous()`, which leaves channels-last strides where a side is 1.
    weights = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.model.state_dict().items()
    }
    return _plain(facts) | {"weights": weights}


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


def _torch_save(content: Any, path: Path) -> None:
    # Into an open file: given a path, torch writes the file's name into it, and two
    # files of one network differ.
    with path.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())


def is_own(content: Any) -> bool:
    """Whether this is what :func:`save_network` writes."""
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def rebuild(
    content: Mapping[str, Any], provenance: Provenance, *, allow: str | None = None
) -> Network:
    """Network of our own checkpoint.

    Parameters
    ----------
    content : mapping
        What :func:`save_network` wrote.
    provenance : Provenance
        With the file's name; the rest is filled in.
    allow : str, optional
        The architecture that the user named: a function of the reader's own is only
        run if it is the same.

    Returns
    -------
    Network

    Raises
    ------
    CheckpointError
        If it is of a newer version, incomplete, or does not fit its own architecture.
    ArchitectureError
        If its architecture is not one that can be built.
    """
    name = provenance.checkpoint
    _check(content, name)
    arch = content["architecture"]
    if is_factory(arch) and arch != allow:
        # A name in a file must not be enough to run code.
        raise CheckpointError(
            f"{name} was made with the function {arch}; to allow it to run, add "
            f"--arch {arch}"
        )
    labels = label_set(content["class_names"])
    model = build_model(canonical_name(arch), len(labels), content["options"])
    take_out_blocks(model, content["removed_blocks"], name)
    load_weights(model, content["weights"], f"{name} does not fit its own {arch}")
    return Network(
        model,
        Preprocessing.from_dict(content["preprocessing"]),
        labels,
        canonical_name(arch),
        options=content["options"],
        provenance=Provenance(
            provenance.checkpoint,
            provenance.sha256,
            data=content["data"],
            seed=content["seed"],
            metrics=content["metrics"],
            removed_blocks=tuple(content["removed_blocks"]),
        ),
    )


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


def _check(content: Mapping[str, Any], name: str) -> None:
    version = content.get("version")
    if version != VERSION:
        raise CheckpointError(
            f"{name} is a se_probe checkpoint of version {version}, this se_probe "
            f"reads version {VERSION}: install the se_probe that wrote it"
        )
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


class ChannelScale(nn.Module):
    """What is left of a block whose frozen gates no other weights can take up.

    Parameters
    ----------
    scale : Tensor, shape (channels, 1, 1), or (channels,) for channels-last maps
        The gates; a buffer, so that they are saved and not trained.
    """

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """Feature map with each channel multiplied by its constant gate."""
        return x * self.scale


def take_out_blocks(model: nn.Module, removed: list[dict[str, Any]], name: str) -> None:
    """Replace the blocks that were removed from a network, before its weights come.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    removed : list of dict
        `path` of each block and `how` it was removed: "identity" left it out,
        "constant" froze its gates. With `folded_into` "scale" the frozen gates stay as
        a :class:`ChannelScale` of `shape`; otherwise nothing is left of the block.
    name : str
        What messages call the file.

    Raises
    ------
    CheckpointError
        If a block is not there, or was removed in a way that is not known.
    """
    for block in removed:
        path, how = block.get("path", ""), block.get("how")
        if how not in {"identity", "constant"}:
            raise CheckpointError(
                f"{name} says that {path} was removed by {how!r}, which this se_probe "
                "does not know: install the se_probe that wrote it"
            )
        left = _what_is_left(block, name)
        try:
            model.set_submodule(path, left, strict=True)
        except (AttributeError, ValueError) as error:
            raise CheckpointError(
                f"{name} says that {path!r} was removed, but its architecture has no "
                "such module"
            ) from error


def _what_is_left(block: dict[str, Any], name: str) -> nn.Module:
    if block.get("folded_into") != "scale":
        return nn.Identity()
    shape = block.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise CheckpointError(
            f"{name} keeps the gates of {block['path']} as a scale without saying its "
            f"shape (it says {shape}): save it again"
        )
    return ChannelScale(torch.ones(shape))
