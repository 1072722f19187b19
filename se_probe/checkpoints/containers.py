"""What kind of file it is, and what it holds, without running anything in it."""

import argparse
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import safe_open

from se_probe.checkpoints.archives import read_exported, read_torchscript
from se_probe.errors import CheckpointError
from se_probe.running import importable_from_here

__all__ = [
    "HEADER_KEY",
    "Kind",
    "damaged",
    "kind_of_file",
    "read_container",
]

Kind = Literal["torch", "torchscript", "exported", "safetensors", "numpy"]

# Under which the header of a safetensors file of ours holds all but the weights.
HEADER_KEY = "se_probe"

# What the pickles of torch.save may hold besides torch's own: timm's trainer puts its
# command line into the file, and many training scripts a NumPy number.
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
_NUMPY_ARRAY = np.zeros(0).__reduce__()[0]
_SAFE_GLOBALS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    *(type(np.dtype(code)) for code in "efdbBhHiIlLqQ?"),
    np.ndarray,
    _NUMPY_ARRAY,
    (_NUMPY_ARRAY, "numpy.core.multiarray._reconstruct"),
    _NUMPY_SCALAR,
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),  # its place before NumPy 2
]

# The first object in a non-zip torch.save file is this number.
_LEGACY_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")

# How files begin that are taken for weights now and then.
_OTHER_FILES = (
    (b"\x89HDF", "an HDF5 file (Keras): its weights must be converted for PyTorch"),
    (
        b"version https://git-lfs",
        "a Git LFS pointer: fetch the file with `git lfs pull`",
    ),
    (b"<", "a web page or XML: the download went wrong"),
    (b"\x1f\x8b", "compressed by gzip: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"\xfd7zXZ", "compressed by xz: unpack it first"),
)
_READABLE = "the weights of torch.save, safetensors, TorchScript or torch.export"


def kind_of_file(path: str | Path) -> Kind:
    """How a weights file was written, from its content; its name tells nothing.

    Parameters
    ----------
    path : path

    Returns
    -------
    {"torch", "torchscript", "exported", "safetensors", "numpy"}

    Raises
    ------
    CheckpointError
        If it is not there, is empty, cut short, or something else.
    """
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(_about_folder(path))
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no file {path}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if not start:
        raise CheckpointError(f"{path.name} is empty: copy or download it again")
    if start.startswith(b"PK"):
        return _kind_of_zip(path)
    if start.startswith(b"\x80") and _LEGACY_MAGIC in start[:40]:
        return "torch"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 2**32:
        return "safetensors"
    raise CheckpointError(_about_other(path, start))


def _kind_of_zip(path: Path) -> Kind:
    try:
        has_end = zipfile.is_zipfile(path)
        names = _members(path) if has_end else []
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise CheckpointError(damaged(path.name, error)) from error
    if not has_end:
        raise CheckpointError(damaged(path.name, "its end is missing"))
    # The first folder is called after the file, or is missing (older torch.export).
    members = {*names, *(name.partition("/")[2] for name in names)}
    if members & {"archive_format", "serialized_exported_program.json"}:
        return "exported"
    if any(name.startswith("code/") for name in members):
        return "torchscript"
    if "data.pkl" in members:
        return "torch"
    if members and all(name.endswith(".npy") for name in names):
        return "numpy"
    raise CheckpointError(
        f"{path.name} is a zip archive without weights in it; expected {_READABLE}"
    )


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _about_folder(path: Path) -> str:
    if (path / "config.json").is_file():
        return f"{path} is a folder: give timm:local-dir:{path}"
    return f"{path} is a folder, expected a file with {_READABLE}"


def _about_other(path: Path, start: bytes) -> str:
    if path.suffix == ".caffemodel":
        return f"{path.name} is of Caffe: its weights must be converted for PyTorch"
    for magic, what in _OTHER_FILES:
        if start.startswith(magic):
            return f"{path.name} is {what}"
    if start[257:262] == b"ustar":
        return f"{path.name} is a tar archive: unpack it first"
    if start.startswith(b"\x80"):
        return (
            f"{path.name} is a pickle, but torch.save did not write it: read it with "
            "the program that wrote it, and torch.save() the names and arrays"
        )
    kind = "text" if _is_text(start) else "of an unknown format"
    return f"{path.name} is {kind}; expected {_READABLE}"


def _is_text(start: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in start)


def read_container(path: str | Path, *, trust_pickle: bool = False) -> Any:
    """What a weights file holds: a dict, mostly, on the CPU.

    Of TorchScript and torch.export files it is the weights alone, by name. Nothing in
    the file is run, unless `trust_pickle` asks for it.

    Parameters
    ----------
    path : path
    trust_pickle : bool, default False
        Load pickled objects, which can run any code.

    Returns
    -------
    object

    Raises
    ------
    CheckpointError
        If the file cannot be read, or only by running code from it.
    """
    path = Path(path)
    kind = kind_of_file(path)
    try:
        if _is_zip(path):
            _check_sums(path)
        if kind == "torch" and trust_pickle:
            return _unpickle(path)
        return _READERS[kind](path)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(_refusal(path, error)) from error
    # Whatever a reader raises on bytes that do not hang together: an unpickler that
    # meets flipped bits can raise anything.
    except Exception as error:
        raise CheckpointError(damaged(path.name, error)) from error


def damaged(name: str, reason: object) -> str:
    """The one sentence about a file whose content does not hang together.

    Returns
    -------
    str
    """
    first = str(reason).partition("\n")[0].partition(". ")[0].rstrip(".:")
    what = first or type(reason).__name__
    return f"{name} is damaged ({what}): copy or download it again"


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _check_sums(path: Path) -> None:
    """Refuse a zip archive of which a member does not have its checksum."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        # Zeros stand where torch was told to compute none (set_crc32_options).
        has_sums = any(member.CRC for member in members)
        bad = archive.testzip() if has_sums else None
    # A member with this flag is a folder to torch's reader, which then reads nothing.
    bad = bad or next((m.filename for m in members if m.external_attr & 0x10), None)
    if bad is not None:
        reason = f"the checksum of {bad} does not match"
        raise CheckpointError(damaged(path.name, reason))


def _read_safetensors(path: Path) -> Any:
    """The tensors by name, or what was written with them if the header holds it."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = (file.metadata() or {}).get(HEADER_KEY)
    return tensors if facts is None else json.loads(facts) | {"weights": tensors}


def _read_safely(path: Path) -> Any:
    with warnings.catch_warnings(), torch.serialization.safe_globals(_SAFE_GLOBALS):
        warnings.simplefilter("ignore")  # of old pickle protocols
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_numpy(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


_READERS: dict[Kind, Callable[[Path], Any]] = {
    "torch": _read_safely,
    "torchscript": read_torchscript,
    "exported": read_exported,
    "safetensors": _read_safetensors,
    "numpy": _read_numpy,
}


def _refusal(path: Path, error: pickle.UnpicklingError) -> str:
    found = re.findall(r"GLOBAL (\S+)", str(error))
    if not found and not _is_zip(path):
        # Files from before torch 1.6 have no sums, so flipped bits look like this too.
        return damaged(path.name, "it cannot be unpickled")
    what = f"a pickled object ({found[0]})" if found else "what may be pickled objects"
    return (
        f"{path.name} holds {what}, and loading it could run any code. If you trust "
        "where it comes from, add --trust-pickle (in Python: trust_pickle=True); safer "
        "is a file of model.state_dict()"
    )


def _unpickle(path: Path) -> Any:
    try:
        with importable_from_here():
            return torch.load(path, map_location="cpu", weights_only=False)
    except (ImportError, AttributeError) as error:
        raise CheckpointError(
            f"{path.name} needs code that is not here ({error}): run this in the "
            "folder of the program that saved it, or save model.state_dict() there"
        ) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(damaged(path.name, error)) from error
