"""Weights of TorchScript and torch.export files, without running these programs.

`torch.jit.load` compiles the program in the file and runs its ``__setstate__``;
`torch.export.load` unpickles parts of it without restraint. Both files hold the weights
as plain bytes beside a description, and that is all that is read here.
"""

import io
import json
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from se_probe.errors import CheckpointError

__all__ = ["read_exported", "read_torchscript"]


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """State dict of a TorchScript file.

    Parameters
    ----------
    path : Path
        Written by ``torch.jit.save``.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    CheckpointError
        If it holds no weights, or describes them in a way that is not known here.
    """
    with zipfile.ZipFile(path) as archive:
        root = _member(archive, "data.pkl").removesuffix("data.pkl")
        try:
            program = _TorchScriptReader(archive, root).load()
        except (pickle.UnpicklingError, AttributeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the weights in the TorchScript file {path.name} cannot be read "
                f"({error}). Save model.state_dict() instead"
            ) from error
    weights = dict(_tensors(program, ""))
    if not weights:
        raise CheckpointError(
            f"the TorchScript file {path.name} holds no weights of their own; a frozen "
            "program has them as constants. Save model.state_dict() instead"
        )
    return weights


class _TorchScriptReader(pickle.Unpickler):
    """Reads `data.pkl` of a TorchScript file; every class in it becomes an empty one.

    Nothing is imported: the few names that the format needs are listed here.
    """

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}data.pkl")))
        self._archive = archive
        self._root = root

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return type(name, (), {})
        if module == "torch" and name.endswith("Storage"):
            return _STORAGES.get(name)
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if module == "torch.jit._pickle":  # lists with a type: the list is enough
            return _first
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> tuple[bytes, torch.dtype]:
        _, dtype, key, *_ = pid
        return self._archive.read(f"{self._root}data/{key}"), dtype


_STORAGES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
}


def _first(value: Any, *_: Any) -> Any:
    return value


def _rebuild(
    storage: tuple[bytes, torch.dtype],
    offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    *_: Any,
) -> Tensor:
    data, dtype = storage
    return _strided(data, dtype, size, stride, offset)


def _strided(
    data: bytes,
    dtype: torch.dtype,
    size: Sequence[int],
    stride: Sequence[int],
    offset: int,
) -> Tensor:
    if math.prod(size) == 0:
        return torch.empty(tuple(size), dtype=dtype)
    flat = torch.frombuffer(bytearray(data), dtype=dtype)
    return flat.as_strided(tuple(size), tuple(stride), offset).contiguous()


def _tensors(module: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Tensors among the attributes of a module and of the modules in it."""
    for name, value in getattr(module, "__dict__", {}).items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        else:
            yield from _tensors(value, f"{prefix}{name}.")


# `ScalarType` of torch.export's schema; the format is append-only.
_EXPORT_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}


def read_exported(path: Path) -> dict[str, Tensor]:
    """State dict of a torch.export file (`.pt2`).

    Parameters
    ----------
    path : Path
        Written by ``torch.export.save``.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    CheckpointError
        If it is of a format that is not known here.
    """
    with zipfile.ZipFile(path) as archive:
        try:
            config = _member(archive, "data/weights/model_weights_config.json")
        except KeyError:
            return _read_older_export(archive, path)
        folder = config.removesuffix("model_weights_config.json")
        entries = json.loads(archive.read(config))["config"]
        return {
            name: _exported_tensor(archive, folder, entry, path)
            for name, entry in entries.items()
        }


def _exported_tensor(
    archive: zipfile.ZipFile, folder: str, entry: dict[str, Any], path: Path
) -> Tensor:
    data = archive.read(folder + entry["path_name"])
    if entry["use_pickle"]:
        tensor: Tensor = torch.load(io.BytesIO(data), "cpu", weights_only=True)
        return tensor
    meta = entry["tensor_meta"]
    if meta["dtype"] not in _EXPORT_TYPES:
        raise CheckpointError(
            f"{path.name} holds weights of a number type (ScalarType {meta['dtype']}) "
            "that is not read here. Save model.state_dict() instead"
        )
    size = [number["as_int"] for number in meta["sizes"]]
    stride = [number["as_int"] for number in meta["strides"]]
    offset = meta["storage_offset"]["as_int"]
    return _strided(data, _EXPORT_TYPES[meta["dtype"]], size, stride, offset)


def _read_older_export(archive: zipfile.ZipFile, path: Path) -> dict[str, Tensor]:
    """Before torch 2.9 there was a file of torch.save in the archive."""
    for name in ("data/weights/model.pt", "serialized_state_dict.pt"):
        try:
            data = archive.read(_member(archive, name))
        except KeyError:
            continue
        weights: dict[str, Tensor] = torch.load(
            io.BytesIO(data), map_location="cpu", weights_only=True
        )
        return weights
    raise CheckpointError(
        f"the torch.export file {path.name} has its weights in no place known here. "
        "Save model.state_dict() instead"
    )


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """Full name of a member; the first folder is called after the file, or missing."""
    for member in archive.namelist():
        if name in {member, member.partition("/")[2]}:
            return member
    raise KeyError(name)
