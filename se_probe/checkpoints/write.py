"""Tensors and what belongs to them, written whole to a file; equal bytes twice."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from se_probe.checkpoints.containers import HEADER_KEY
from se_probe.files import write_whole

__all__ = ["write_safetensors", "write_torch"]


def write_torch(content: Any, path: Path) -> None:
    """Write what torch.save can write.

    Parameters
    ----------
    content : object
        A dict of plain types and tensors is read again without trust.
    path : Path
        Replaced if it exists.

    Raises
    ------
    CheckpointError
        If it cannot be written; what was at `path` is untouched.
    """

    def write(part: Path) -> None:
        # Into an open file: given a path, torch writes the file's name into it, and
        # two files of one network differ.
        with part.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())

    write_whole(path, write)


def write_safetensors(
    tensors: Mapping[str, Tensor], facts: Mapping[str, Any], path: Path
) -> None:
    """Write tensors as safetensors, with facts as JSON in the header.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Contiguous, none in the memory of another.
    facts : mapping
        Of plain JSON types.
    path : Path
        Replaced if it exists.

    Raises
    ------
    CheckpointError
        If it cannot be written; what was at `path` is untouched.
    """
    # One key: the writer puts several in no fixed order.
    header = {HEADER_KEY: json.dumps(facts)}
    write_whole(path, lambda part: save_file(dict(tensors), part, header))
